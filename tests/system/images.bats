# Images: import, tags, tables, removal, prune, and archives that are none.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

# What of the store is there: files that a failure must not add to.
store_files() { (cd "$CORACLE_ROOT" && find blobs layers staging uploads -type f 2>/dev/null | sort); }

@test "import: the id, from a file and from standard input, plain, gzip and zstd alike" {
  run coracle import "$WORK/probe.tar" imported:plain
  assert_exit 0
  assert_match '^sha256:[0-9a-f]{64}$'
  gzip -k "$WORK/probe.tar"
  zstd -q "$WORK/probe.tar" -o "$WORK/probe.tar.zst"
  run inside bash -c 'coracle import - imported:gzip <"$WORK/probe.tar.gz"'
  assert_exit 0
  run coracle import "$WORK/probe.tar.zst" imported:zstd
  assert_exit 0
  for tag in plain gzip zstd; do
    run coracle run --rm "imported:$tag" cat /data/file
    assert_output 'text of the image'
  done
  coracle rmi imported:plain imported:gzip imported:zstd
  rm "$WORK/probe.tar.gz" "$WORK/probe.tar.zst"
}

@test "import of a URL: what lies there, its history, and nothing left of what was fetched or refused" {
  mkdir -p "$WORK/web"
  cp "$WORK/probe.tar" "$WORK/web/"
  gzip -c "$WORK/probe.tar" >"$WORK/web/probe.tar.gz"
  echo 'no archive' >"$WORK/web/page"
  background "$WORK/web.log" python3 -m http.server --bind 127.0.0.1 --directory "$WORK/web" 5010
  wait_until inside curl --silent --fail -o /dev/null http://127.0.0.1:5010/page
  for name in probe.tar probe.tar.gz; do
    run coracle import --change 'CMD ["cat","/data/file"]' "http://127.0.0.1:5010/$name" fetched:1
    assert_exit 0
    assert_line "Downloading from http://127.0.0.1:5010/$name"
    assert_match '^sha256:[0-9a-f]{64}$'
    run coracle history --no-trunc --format '{{.Comment}}' fetched:1
    assert_output "Imported from http://127.0.0.1:5010/$name"
    run coracle run --rm fetched:1
    assert_output 'text of the image'
    run coracle image verify
    assert_exit 0
    refuse_has garbage
    coracle rmi fetched:1 >/dev/null
  done
  before=$(store_files)
  for name in page nosuch; do
    run coracle import "http://127.0.0.1:5010/$name" fetched:1
    assert_exit 1
    assert_has "import http://127.0.0.1:5010/$name: "
    [ "$(store_files)" = "$before" ] || _mismatch 'it left something'
  done
  inside pkill -f 'http.server --bind 127.0.0.1 --directory .*/web 5010'
}

@test "import --change" {
  run coracle import --change 'ENV GREETING=hi' --change 'WORKDIR /data' --change 'CMD ["sh","-c","pwd && words $GREETING"]' \
    "$WORK/probe.tar" changed:1
  assert_exit 0
  run coracle run --rm changed:1
  assert_output $'/data\n[hi]'
  coracle rmi changed:1
  run coracle import --change 'NONSENSE x' "$WORK/probe.tar" changed:1
  assert_exit 1
  assert_has '--change "NONSENSE x"'
  run coracle import --change 'FROM x' "$WORK/probe.tar" changed:1
  assert_exit 1
  assert_has 'FROM is not a valid change command'
}

@test "import: every change that a configuration takes, message, platform" {
  run coracle import -m 'a message' -c 'ENV A=1 B="two words"' -c 'LABEL a=$A' -c 'EXPOSE 80 90/udp' -c 'USER user' \
    -c 'VOLUME /data' -c 'WORKDIR /' -c 'WORKDIR data' -c 'ENTRYPOINT ["/bin/words"]' -c 'CMD ["x"]' \
    -c 'STOPSIGNAL SIGINT' -c 'HEALTHCHECK CMD true' -c 'ONBUILD RUN true' --platform linux/arm64/v8 "$WORK/probe.tar" changed:2
  assert_exit 0
  run coracle image inspect --format '{{json .Config.Env}} {{json .Config.Labels}} {{json .Config.ExposedPorts}} {{.Config.User}} {{json .Config.Volumes}} {{.Config.WorkingDir}} {{.Config.Entrypoint}} {{.Config.Cmd}} {{.Config.StopSignal}} {{.Config.Healthcheck.Test}} {{.Config.OnBuild}} {{.Os}}/{{.Architecture}}/{{.Variant}} {{.Comment}}' changed:2
  assert_output '["A=1","B=two words"] {"a":"1"} {"80/tcp":{},"90/udp":{}} user {"/data":{}} /data [/bin/words] [x] SIGINT [CMD-SHELL true] [RUN true] linux/arm64/v8 a message'
  run coracle history --format '{{.Comment}}' changed:2
  assert_output 'a message'
  coracle rmi changed:2
  run coracle import --platform nonsense/x/y/z "$WORK/probe.tar"
  assert_exit 1
}

@test "import: what is no archive is refused, and leaves nothing" {
  coracle rmi nothing-yet 2>/dev/null || true
  before=$(store_files)
  head -c 100000 /dev/urandom >"$WORK/garbage"
  : >"$WORK/empty"
  head -c 300000 "$WORK/probe.tar" >"$WORK/truncated.tar"
  gzip <"$WORK/probe.tar" | head -c 100000 >"$WORK/truncated.tar.gz"
  printf '#!/bin/sh\n' >"$WORK/text"
  for name in garbage empty truncated.tar truncated.tar.gz text; do
    run coracle import "$WORK/$name" bad:1
    assert_exit 1
    assert_has "Error: import $WORK/$name: "
    [ "${#lines[@]}" -eq 1 ]
  done
  run coracle import "$WORK/not-there.tar" bad:1
  assert_exit 1
  assert_has 'No such file or directory'
  run coracle images bad
  [ "${#lines[@]}" -eq 1 ]
  [ "$(store_files)" = "$before" ] || { diff <(echo "$before") <(store_files) >&2; false; }
}

@test "import: archives that leave their folder are refused, and the canary lives" {
  mkdir "$WORK/canary"
  echo alive >"$WORK/canary/file"
  python3 - "$WORK" <<'PYTHON'
import io, sys, tarfile
work = sys.argv[1]

def archive(name, *entries):
    with tarfile.open(f"{work}/{name}.tar", "w") as tar:
        for kind, path, target in entries:
            item = tarfile.TarInfo(path)
            item.type = {"file": tarfile.REGTYPE, "link": tarfile.SYMTYPE, "hard": tarfile.LNKTYPE}[kind]
            data = b"dead\n" if kind == "file" else b""
            item.size, item.linkname, item.mode = len(data), target, 0o777
            tar.addfile(item, io.BytesIO(data))

up = "../" * 20 + work.lstrip("/") + "/canary/"
archive("dots", ("file", up + "file", ""), ("file", up + "new", ""))
archive("absolute", ("file", work + "/canary/file", ""))
archive("through-link", ("link", "way", work + "/canary"), ("file", "way/file", ""), ("file", "way/new", ""))
archive("hard-link", ("hard", "stolen", work + "/canary/file"), ("file", "stolen", ""))
archive("hard-link-dots", ("hard", "stolen", up + "file"))
archive("whiteout", ("link", "way", work), ("file", "way/.wh.canary", ""), ("file", "way/canary/.wh..wh..opq", ""))
PYTHON
  for name in dots absolute through-link hard-link hard-link-dots whiteout; do
    # Refused, or kept inside of the image: both are right, the canary decides.
    run coracle import "$WORK/$name.tar" "escape:$name"
    [ "$status" -eq 0 ] || assert_match '^Error: import '
    [ "$(cat "$WORK/canary/file")" = alive ]
    [ "$(ls "$WORK/canary")" = file ]
    [ "$(stat -c %h "$WORK/canary/file")" -eq 1 ]
    coracle rmi "escape:$name" >/dev/null 2>&1 || true
  done
}

@test "tag, and the table of images" {
  coracle tag probe:1 other.example/me/probe:v2
  coracle image tag probe:1 probe
  run coracle image ls
  assert_match '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE$'
  assert_match '^probe +1 +[0-9a-f]{12} +.* ago +[0-9.]+[kM]B$'
  assert_match '^probe +latest +[0-9a-f]{12} '
  assert_match '^other\.example/me/probe +v2 +[0-9a-f]{12} '
  run coracle images probe:latest
  [ "${#lines[@]}" -eq 2 ]
  run coracle images -q probe
  [ "${lines[0]}" = "${lines[1]}" ]
  id=${lines[0]}
  run coracle images -q --no-trunc probe:1
  assert_match "^sha256:$id[0-9a-f]{52}\$"
  run coracle images nosuch
  assert_exit 0
  [ "${#lines[@]}" -eq 1 ]
  run coracle run --rm "$id" words by id
  assert_output '[by][id]'
  run coracle rmi probe:latest other.example/me/probe:v2
  assert_output $'Untagged: probe:latest\nUntagged: other.example/me/probe:v2'
}

@test "images --digests has <none> before a push or pull" {
  run coracle images --digests probe
  assert_match '^REPOSITORY +TAG +DIGEST +IMAGE ID +CREATED +SIZE$'
  assert_match '^probe +1 +<none> +[0-9a-f]{12} '
}

@test "names that are none" {
  run coracle tag probe:1 Upper:1
  assert_exit 1
  assert_has 'invalid reference format: repository name (library/Upper) must be lowercase'
  run coracle tag probe:1 'with space'
  assert_exit 1
  assert_has 'invalid reference format'
  run coracle tag probe:1 "probe@sha256:$(printf '0%.0s' {1..64})"
  assert_exit 1
  assert_has 'refusing to create a tag with a digest reference'
  run coracle tag nosuch:1 x:1
  assert_exit 1
  assert_has 'No such image: nosuch:1'
  run coracle import "$WORK/probe.tar" "$(printf 'a%.0s' {1..300})"
  assert_exit 1
  assert_has 'repository name must not be more than 255 characters'
  for digest in sha256:../../x sha256:ABCD "sha256:$(printf 'A%.0s' {1..64})" sha256:0; do
    run coracle run --rm "probe@$digest" true
    assert_exit 125
    assert_match 'invalid (reference|checksum digest) format'
  done
}

@test "rmi: the last name takes the image with it" {
  tar -C "$WORK/probe.root" -cf "$WORK/second.tar" bin data
  id=$(coracle import "$WORK/second.tar" second:1)
  run coracle rmi second:1
  assert_exit 0
  [ "${lines[0]}" = 'Untagged: second:1' ]
  assert_line "Deleted: $id"
  run coracle rmi second:1
  assert_exit 1
  assert_has 'No such image: second:1'
}

@test "rmi: an image that a container uses" {
  tar -C "$WORK/probe.root" -cf "$WORK/second.tar" bin data
  coracle import "$WORK/second.tar" second:1
  id=$(coracle run -d second:1 sleep)
  run coracle rmi second:1
  assert_exit 1
  assert_match "conflict: unable to remove repository reference \"second:1\" \(must force\) - container ${id:0:12} is using its referenced image [0-9a-f]{12}"
  image=$(coracle images -q second:1)
  run coracle rmi "$image"
  assert_exit 1
  assert_has "conflict: unable to delete $image (cannot be forced) - image is being used by running container ${id:0:12}"
  coracle stop -t 20 "$id"
  run coracle rmi "$image"
  assert_exit 1
  assert_has "(must be forced) - image is being used by stopped container ${id:0:12}"
  run coracle rmi -f second:1
  assert_exit 0
  coracle rm "$id"
  run coracle rmi "$image"
  [ "$status" -eq 0 ] || assert_has 'No such image'
}

@test "rmi by id of an image with several names" {
  tar -C "$WORK/probe.root" -cf "$WORK/second.tar" bin data
  coracle import "$WORK/second.tar" second:1
  coracle tag second:1 third:1
  image=$(coracle images -q second:1)
  run coracle rmi "$image"
  assert_exit 1
  assert_has "conflict: unable to delete $image (must be forced) - image is referenced in multiple repositories"
  run coracle rmi -f "$image"
  assert_exit 0
  assert_line 'Untagged: second:1'
  assert_line 'Untagged: third:1'
}

@test "a name that moves leaves <none>; prune takes it" {
  tar -C "$WORK/probe.root" -cf "$WORK/one.tar" bin
  tar -C "$WORK/probe.root" -cf "$WORK/two.tar" bin data
  old=$(coracle import "$WORK/one.tar" moving:1)
  coracle import "$WORK/two.tar" moving:1
  run coracle images
  assert_match "^<none> +<none> +${old:7:12} "
  coracle create --name stopped probe:1 true
  run coracle system prune -f
  assert_exit 0
  assert_has 'Deleted Containers:'
  assert_line "deleted: $old"
  assert_match '^Total reclaimed space: [0-9.]+[kM]?B$'
  run coracle images
  refuse_has '<none>'
  coracle rmi moving:1
}

@test "system prune asks, -a takes all that no container uses, and the store is empty then" {
  tar -C "$WORK/probe.root" -cf "$WORK/one.tar" bin
  coracle import "$WORK/one.tar" unused:1
  run inside bash -c 'echo n | coracle system prune -a'
  assert_exit 0
  assert_has 'Are you sure you want to continue? [y/N]'
  run coracle images -q unused
  [ "${#lines[@]}" -eq 1 ]
  coracle create --name user probe:1 true
  coracle run -d --name runner probe:1 sleep
  run inside bash -c 'echo y | coracle system prune -a'
  assert_exit 0
  assert_line 'untagged: unused:1'
  run coracle images -q probe
  [ "${#lines[@]}" -eq 1 ]
  coracle rm -f runner
  coracle system prune -af
  run coracle images -q
  assert_output ''
  run bash -c 'find "$CORACLE_ROOT/blobs" "$CORACLE_ROOT/layers" -type f | wc -l'
  assert_output 0
  import_probe
}

@test "import killed half way leaves nothing that counts" {
  truncate -s 300M "$WORK/probe.root/big"
  tar -C "$WORK/probe.root" -cf "$WORK/big.tar" .
  rm "$WORK/probe.root/big"
  run inside bash -c 'coracle import "$WORK/big.tar" big:1 & pid=$!; sleep 0.3; kill -KILL $pid; wait $pid'
  assert_exit 137
  run coracle images big
  [ "${#lines[@]}" -eq 1 ]
  rm "$WORK/big.tar"
  coracle system prune -f
  run find "$CORACLE_ROOT" -size +10M -not -name '*.db*'
  assert_output ''
}

@test "rmi: what is not there, forced and not; what was done is told first" {
  coracle tag probe:1 goes:1
  run --separate-stderr coracle rmi nosuch goes:1
  assert_exit 1
  assert_output 'Untagged: goes:1'
  assert_stderr 'Error: No such image: nosuch:latest'
  run coracle rmi -f --no-prune nosuch
  assert_exit 0
  assert_output 'Error: No such image: nosuch:latest'
}

@test "version, info: text, --format, what is wrong" {
  run coracle version
  assert_match '^Client: Coracle$'
  assert_match '^  Version: +[0-9.]+$'
  run coracle version --format '{{.Server.Version}}|{{.Client.Version}}|{{.Client.APIVersion}}|{{.Server.Os}}'
  assert_match '^([0-9.]+)\|[0-9.]+\|\|linux$'
  run coracle version -f json
  assert_match '^\{"Client":\{"Platform":\{"Name":"Coracle"\},"Version":".*"Server":\{.*\}\}$'
  run coracle version -f '{{.Server.Foo}}'
  assert_exit 1
  assert_has "can't evaluate field Foo in type system.versionInfo"
  coracle run -d --name one probe:1 hold
  coracle create --name two probe:1 true
  run coracle info --format '{{.Containers}} {{.ContainersRunning}} {{.ContainersPaused}} {{.ContainersStopped}} {{.OSType}} {{.DockerRootDir}}'
  assert_output "2 1 0 1 linux $CORACLE_ROOT"
  run coracle info
  assert_line ' Containers: 2'
  assert_line '  Running: 1'
  assert_line " Docker Root Dir: $CORACLE_ROOT"
  assert_match '^ Total Memory: [0-9.]+[KMGT]iB$'
  run coracle info -f '{{.Foo}}'
  assert_exit 1
  assert_has "can't evaluate field Foo in type system.dockerInfo"
}

@test "unknown commands and help" {
  run coracle nosuch
  assert_exit 1
  assert_has 'unknown command: coracle nosuch'
  run coracle image nosuch
  assert_exit 1
  run coracle help
  assert_exit 0
  assert_has 'image'
  run coracle --version
  assert_match '^Coracle version [0-9.]+$'
  run coracle version
  assert_exit 0
  run coracle info
  assert_match '^ Images: [0-9]+$'
  run inside bash -c 'coracle images >/dev/full'
  assert_exit 1
  assert_has 'No space left on device'
}
