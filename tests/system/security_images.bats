# Attacks by what an image is made of: archives, ids, digests, programs of its own, histories. A test is named after its
# CVE; each asserts that a canary on the host is untouched. The table in docs/security.md names the rest.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir -p "$WORK/host" "$WORK/context"
  echo canary >"$WORK/host/canary"
  chmod 640 "$WORK/host/canary"
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

host_is_untouched() {
  [ "$(cat "$WORK/host/canary")" = canary ]
  [ "$(ls -A "$WORK/host")" = canary ]
  [ "$(stat -c '%a %u %g %h' "$WORK/host/canary")" = '640 0 0 1' ]
}
# evil_archive FILE: members as lines of "KIND NAME TARGET", in their order.
evil_archive() {
  python3 -c '
import io, sys, tarfile
with tarfile.open(sys.argv[1], "w") as tar:
    for line in sys.stdin.read().splitlines():
        kind, name, target = line.split()
        item = tarfile.TarInfo(name)
        item.mode = 0o4777
        item.type = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}[kind]
        item.linkname = target if kind in ("link", "hard") else ""
        item.size = 5 if kind == "file" else 0
        tar.addfile(item, io.BytesIO(b"dead\n"))
' "$1"
}

# try_archive WHAT: imported, unpacked by ADD, then copied out again: refused or inside, and never on the host.
try_archive() {
  run coracle import "$WORK/evil.tar" evil:1
  host_is_untouched || _mismatch "import: $1"
  cp "$WORK/evil.tar" "$WORK/context/evil.tar"
  printf 'FROM probe:1\nADD evil.tar /in/\n' >"$WORK/context/Dockerfile"
  run coracle build -q -t evil:2 "$WORK/context"
  host_is_untouched || _mismatch "ADD: $1"
}

@test "CVE-2014-6407, CVE-2014-9356, CVE-2026-17106: no entry of an archive leaves its folder" {
  local up=../../../../../../../../../../..
  for way in "file $up$WORK/host/canary -" "file $WORK/host/canary -" "file a/../$up$WORK/host/made -"; do
    evil_archive "$WORK/evil.tar" <<<"$way"
    try_archive "$way"
  done
  for target in "$WORK/host" "$up$WORK/host"; do
    evil_archive "$WORK/evil.tar" <<ENTRIES
link l $target
file l/canary -
folder l/made -
file l/.wh.canary -
file l/.wh..wh..opq -
ENTRIES
    try_archive "through a link to $target"
    evil_archive "$WORK/evil.tar" <<ENTRIES
link l $target/canary
file l -
hard h l
file h -
ENTRIES
    try_archive "over a link to $target"
  done
}

@test "CVE-2021-32760: the mode of an entry is not set through a hard link that leads out" {
  local up=../../../../../../../../../../..
  for target in "$WORK/host/canary" "$up$WORK/host/canary" l; do
    printf 'link l %s\nhard h %s\n' "$WORK/host/canary" "$target" | evil_archive "$WORK/evil.tar"
    try_archive "a hard link to $target"
  done
}

@test "CVE-2014-9358, CVE-2024-3727: an id or a digest is never a path" {
  local up=../../../../../../../../../../..
  for digest in "sha256:$up$WORK/host/canary" sha256:../../x "sha256:$(printf 'A%.0s' {1..64})" "$up$WORK/host/canary"; do
    printf 'FROM probe@%s\n' "$digest" >"$WORK/context/Dockerfile"
    for command in "run --rm probe@$digest true" "tag $digest x:1" "rmi $digest" "build -q $WORK/context" \
      "save -o $WORK/saved.tar $digest" "logs $digest"; do
      run coracle $command
      [ "$status" -ne 0 ] || _mismatch "it succeeded: $command"
      [ "$status" -lt 126 ] || _mismatch "it fell: $command"
      refuse_has dead
      host_is_untouched || _mismatch "$command"
    done
  done
  [ ! -e "$WORK/saved.tar" ]
  # The archives whose ids are paths, of the oldest form and the newest, are in archives.bats.
}

@test "CVE-2014-9357, CVE-2026-41567: no program of an image unpacks anything" {
  local name
  mkdir -p "$WORK/trojan/usr/bin" "$WORK/trojan/bin" "$WORK/trojan/usr/local/bin"
  printf '#!/bin/sh\necho dead >%s/host/canary\n' "$WORK" >"$WORK/trojan/trojan"
  chmod 755 "$WORK/trojan/trojan"
  for name in xz unxz unpigz pigz gzip gunzip zstd unzstd bzip2 tar git ps; do
    for folder in usr/bin bin usr/local/bin; do cp "$WORK/trojan/trojan" "$WORK/trojan/$folder/$name"; done
  done
  cp "$WORK/probe" "$WORK/trojan/bin/probe"
  ln -s probe "$WORK/trojan/bin/true"
  tar -C "$WORK/trojan" -czf "$WORK/trojan.tar.gz" .
  tar -C "$WORK/probe.root" -cf - data | tee "$WORK/context/plain.tar" | gzip >"$WORK/context/packed.tar.gz"
  zstd -q "$WORK/context/plain.tar" -o "$WORK/context/packed.tar.zst"
  xz -k "$WORK/context/plain.tar"
  bzip2 -k "$WORK/context/plain.tar"
  printf 'FROM trojan:1\nADD packed.tar.gz /gz/\nADD packed.tar.zst /zst/\nADD plain.tar.xz plain.tar.bz2 /x/\nADD plain.tar /plain/\nRUN ["true"]\n' \
    >"$WORK/context/Dockerfile"
  : >"$WORK/programs"
  inside strace -f -qq -e trace=execve,execveat -o "$WORK/programs" bash -c '
    set -e
    coracle import "$WORK/trojan.tar.gz" trojan:1
    coracle build -q -t trojan:2 "$WORK/context"
    coracle save -o "$WORK/trojan.tar" trojan:2
    coracle load -q -i "$WORK/trojan.tar"
    gzip -c "$WORK/trojan.tar" >"$WORK/trojan.tgz"
    exec coracle load -q -i "$WORK/trojan.tgz"'
  # It saw what is started: the one gzip is ours, above.
  grep -q '"/bin/true"' "$WORK/programs"
  grep -vE '"(/usr)?(/local)?/?bin/gzip", \["gzip", "-c"' "$WORK/programs" >"$WORK/programs.rest"
  run grep -E 'exec.*"([^"]*/)?(xz|unxz|unpigz|pigz|gzip|gunzip|zstd|unzstd|bzip2|tar|git|ps)", \[' "$WORK/programs.rest"
  assert_output ''
  host_is_untouched
}

@test "CVE-2024-24557: HEALTHCHECK and ONBUILD are part of what the cache knows a step by" {
  first() { printf 'FROM probe:1\n%s\nRUN ["write","/made","x"]\n' "$1" >"$WORK/context/Dockerfile"; }
  for pair in 'HEALTHCHECK CMD true|HEALTHCHECK CMD false' 'ONBUILD RUN true|ONBUILD RUN false'; do
    coracle system prune -af >/dev/null
    import_probe
    first "${pair%|*}"
    coracle build -q "$WORK/context" >/dev/null
    # What FROM names is always there; the other is the step.
    run coracle build --progress plain "$WORK/context"
    assert_exit 0
    [ "$(grep -c ' CACHED$' <<<"$output")" -eq 2 ] || _mismatch "the cache did not know: ${pair%|*}"
    first "${pair#*|}"
    run coracle build --progress plain "$WORK/context"
    assert_exit 0
    [ "$(grep -c ' CACHED$' <<<"$output")" -eq 1 ] || _mismatch "the cache gave the step of: ${pair%|*}"
  done
}

@test "CVE-2014-8178, CVE-2024-24557: an image that came from elsewhere is no cache entry" {
  import_probe
  printf 'FROM probe:1\nRUN ["write","/made","good"]\nCMD ["cat","/made"]\n' >"$WORK/context/Dockerfile"
  coracle build -q -t good:1 "$WORK/context" >/dev/null
  coracle save -o "$WORK/good.tar" good:1
  # The same history, the same base, and another layer: all its digests are right.
  python3 - "$WORK" <<'PYTHON'
import gzip, hashlib, io, json, sys, tarfile
work = sys.argv[1]
source = tarfile.open(f"{work}/good.tar")
files = {item.name: source.extractfile(item).read() for item in source if item.isfile()}
image = json.loads(files["manifest.json"])[0]
layer = io.BytesIO()
with tarfile.open(fileobj=layer, mode="w") as tar:
    item = tarfile.TarInfo("made")
    item.size = 4
    tar.addfile(item, io.BytesIO(b"evil"))
layer = layer.getvalue()
config = json.loads(files[image["Config"]])
config["rootfs"]["diff_ids"][-1] = "sha256:" + hashlib.sha256(layer).hexdigest()
with tarfile.open(f"{work}/evil.tar", "w") as tar:
    def add(name, data):
        item = tarfile.TarInfo(name)
        item.size = len(data)
        tar.addfile(item, io.BytesIO(data))
    for path in image["Layers"][:-1]: add(path, files[path])
    add("evil/layer.tar", layer)
    add("config.json", json.dumps(config).encode())
    add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["evil:1"],
                                      "Layers": image["Layers"][:-1] + ["evil/layer.tar"]}]).encode())
PYTHON
  # All goes that builds remember; a container keeps the base.
  coracle run -d --name keeper probe:1 sleep >/dev/null
  coracle rmi -f good:1 >/dev/null
  coracle system prune -af >/dev/null
  run coracle load -q -i "$WORK/evil.tar"
  assert_output 'Loaded image: evil:1'
  run coracle run --rm evil:1
  assert_output evil
  run coracle build --progress plain -t good:1 "$WORK/context"
  assert_exit 0
  [ "$(grep -c CACHED <<<"$output")" -le 1 ]
  run coracle run --rm good:1
  assert_output good
}
