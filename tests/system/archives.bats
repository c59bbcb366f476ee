# save and load: what goes out comes in again with the same ids, and archives that lie are refused.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir -p "$WORK/context"
  printf 'FROM probe:1\nRUN write /data/made here && rm /data/file\nCMD ["cat","/data/made"]\n' >"$WORK/context/Dockerfile"
  coracle build -q -t built:1 "$WORK/context" >/dev/null
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

store_files() { (cd "$CORACLE_ROOT" && find blobs layers \( -type f -o -name '[0-9a-f]*' -prune \) | sort); }
# forget: the images go, and all their files.
forget() { coracle rmi -f "$@" >/dev/null && coracle system prune -f >/dev/null; }
id_of() { coracle images -q --no-trunc "$1"; }

@test "save and load: ids, names, files; to a file, through a pipe, compressed" {
  id=$(id_of built:1)
  run coracle save -o "$WORK/built.tar" built:1
  assert_exit 0
  assert_output ''
  run tar -tf "$WORK/built.tar"
  assert_line oci-layout
  assert_line manifest.json
  [ "$(tar -xOf "$WORK/built.tar" manifest.json | jq -r '.[0].RepoTags[0]')" = built:1 ]
  gzip -k "$WORK/built.tar"
  zstd -q "$WORK/built.tar" -o "$WORK/built.tar.zst"
  xz -0k "$WORK/built.tar"
  bzip2 -k "$WORK/built.tar"
  for file in built.tar built.tar.gz built.tar.zst built.tar.xz built.tar.bz2; do
    forget built:1
    run coracle load -i "$WORK/$file"
    assert_exit 0
    assert_output 'Loaded image: built:1'
    [ "$(id_of built:1)" = "$id" ]
    run coracle run --rm built:1
    assert_output here
  done
  run inside bash -c 'coracle save built:1 | coracle load -q'
  assert_output 'Loaded image: built:1'
}

@test "save of an image without its layers' blobs gives plain layers, and load takes them" {
  id=$(id_of built:1)
  coracle save -o "$WORK/built.tar" built:1
  # As old docker-archives are: plain layers in folders of their own, a link for one.
  python3 - "$WORK" <<'PYTHON'
import gzip, io, json, sys, tarfile
work = sys.argv[1]
with tarfile.open(f"{work}/built.tar") as source, tarfile.open(f"{work}/old.tar", "w") as old:
    def add(name, data=None, link=None):
        item = tarfile.TarInfo(name)
        if link: item.type, item.linkname = tarfile.SYMTYPE, link
        else: item.size = len(data)
        old.addfile(item, io.BytesIO(data or b""))
    image = json.load(source.extractfile("manifest.json"))[0]
    layers = []
    for number, path in enumerate(image["Layers"]):
        add(f"real{number}/layer.tar", gzip.decompress(source.extractfile(path).read()))
        add(f"l{number}/layer.tar", link=f"../real{number}/layer.tar")
        layers.append(f"l{number}/layer.tar")
    add("config.json", source.extractfile(image["Config"]).read())
    add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": ["old:1", "old:2"], "Layers": layers}]).encode())
PYTHON
  forget built:1
  run coracle load -i "$WORK/old.tar"
  assert_exit 0
  assert_output $'Loaded image: old:1\nLoaded image: old:2'
  [ "$(id_of old:1)" = "$id" ]
  run coracle run --rm old:2
  assert_output here
  coracle save -o "$WORK/plain.tar" old
  [ "$(tar -xOf "$WORK/plain.tar" manifest.json | jq -c '.[0].RepoTags')" = '["old:1","old:2"]' ]
  config=$(tar -xOf "$WORK/plain.tar" manifest.json | jq -r '.[0].Config')
  tar -xOf "$WORK/plain.tar" "$config" | jq -r '.rootfs.diff_ids[]' >"$WORK/diff_ids"
  number=0
  for layer in $(tar -xOf "$WORK/plain.tar" manifest.json | jq -r '.[0].Layers[]'); do
    number=$((number + 1))
    sum=$(tar -xOf "$WORK/plain.tar" "$layer" | sha256sum | cut -d' ' -f1)
    # A layer that another image keeps as a blob is written as that.
    [ "sha256:$sum" = "$(sed -n ${number}p "$WORK/diff_ids")" ] || [ "${layer##*/}" = "$sum" ]
  done
  forget old:1 old:2
  run coracle load -i "$WORK/plain.tar"
  assert_exit 0
  [ "$(id_of old:1)" = "$id" ]
  forget old:1 old:2
  coracle build -q -t built:1 "$WORK/context" >/dev/null
}

@test "load of a plain layer in which a name comes twice: it is saved and pushed as the same layer" {
  mkdir -p "$WORK/twice/a" "$WORK/twice/b"
  echo first >"$WORK/twice/a/file"
  echo second >"$WORK/twice/b/file"
  tar -C "$WORK/probe.root" -cf "$WORK/twice/layer.tar" .
  tar -C "$WORK/twice/a" -rf "$WORK/twice/layer.tar" file
  tar -C "$WORK/twice/b" -rf "$WORK/twice/layer.tar" file
  id=$(sha256sum "$WORK/twice/layer.tar" | cut -d' ' -f1)
  printf '{"os":"linux","architecture":"%s","config":{"Cmd":["cat","/file"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(coracle version --format '{{.Client.Arch}}')" "$id" >"$WORK/twice/config.json"
  echo '[{"Config":"config.json","RepoTags":["twice:1"],"Layers":["layer.tar"]}]' >"$WORK/twice/manifest.json"
  tar -C "$WORK/twice" -cf "$WORK/twice.tar" manifest.json config.json layer.tar
  run coracle load -q -i "$WORK/twice.tar"
  assert_output 'Loaded image: twice:1'
  run coracle run --rm twice:1
  assert_output second
  run coracle image verify twice:1
  assert_exit 0
  assert_has 'no problem found'
  coracle save -o "$WORK/saved.tar" twice:1
  coracle rmi twice:1 >/dev/null
  coracle load -q -i "$WORK/saved.tar" >/dev/null
  run coracle image inspect --format '{{index .RootFS.Layers 0}}' twice:1
  assert_output "sha256:$id"
  run coracle run --rm twice:1
  assert_output second
  # A push compresses it: the archive that comes out of that is this one.
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "localhost:5020"}\n' \
    "$WORK/theirs" >"$WORK/theirs.yml"
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until inside curl --silent -o /dev/null http://localhost:5020/v2/
  coracle tag twice:1 localhost:5020/me/twice:1
  run coracle push -q localhost:5020/me/twice:1
  assert_exit 0
  coracle rmi -f twice:1 localhost:5020/me/twice:1 >/dev/null
  run coracle pull -q localhost:5020/me/twice:1
  assert_exit 0
  run coracle run --rm localhost:5020/me/twice:1
  assert_output second
  coracle rmi localhost:5020/me/twice:1 >/dev/null
}

@test "load: an OCI layout, and no name where there is none" {
  id=$(id_of built:1)
  coracle save -o "$WORK/named.tar" built:1
  mkdir "$WORK/layout"
  tar -C "$WORK/layout" -xf "$WORK/named.tar"
  rm "$WORK/layout/manifest.json"
  tar -C "$WORK/layout" -cf "$WORK/layout.tar" .
  run coracle load -i "$WORK/layout.tar"
  assert_output 'Loaded image: built:1'
  jq -c 'del(.manifests[].annotations)' "$WORK/layout/index.json" >"$WORK/index" && mv "$WORK/index" "$WORK/layout/index.json"
  tar -C "$WORK/layout" -cf "$WORK/layout.tar" .
  run coracle load -i "$WORK/layout.tar"
  assert_output "Loaded image ID: $id"
  # By id: no name goes along.
  coracle save -o "$WORK/by-id.tar" "${id:7:12}"
  [ "$(tar -xOf "$WORK/by-id.tar" manifest.json | jq -c '.[0].RepoTags')" = null ]
}

@test "load: a name that meant another image" {
  coracle save -o "$WORK/first.tar" built:1
  old=$(id_of probe:1)
  coracle tag probe:1 built:1
  run coracle load -i "$WORK/first.tar"
  assert_exit 0
  assert_line "The image built:1 already exists, renaming the old one with ID $old to empty string"
  assert_line 'Loaded image: built:1'
}

@test "save: a terminal, an unknown image, another platform; no file is left" {
  run on_terminal 24 80 -- coracle save built:1
  assert_has 'cowardly refusing to save to a terminal. Use the -o flag or redirect'
  run coracle save -o "$WORK/none.tar" nosuch:1
  assert_exit 1
  assert_has 'No such image: nosuch:1'
  run coracle save --platform linux/s390x -o "$WORK/none.tar" built:1
  assert_exit 1
  assert_has 'does not match the specified platform (linux/s390x)'
  run bash -c 'ls "$WORK"/none.tar*'
  [ "$status" -ne 0 ]
  run coracle save --platform linux/amd64 -o "$WORK/one.tar" built:1 probe
  assert_exit 0
  [ "$(tar -xOf "$WORK/one.tar" manifest.json | jq -r '[.[].RepoTags[]] | join(" ")')" = 'built:1 probe:1' ]
  run inside bash -c 'coracle save built:1 >/dev/full'
  assert_exit 1
  assert_has 'No space left on device'
}

@test "save: a blob that is damaged here is noticed, and no file is left" {
  coracle save -o "$WORK/good.tar" built:1
  layer=$(tar -xOf "$WORK/good.tar" manifest.json | jq -r '.[0].Layers[1]')
  cp "$CORACLE_ROOT/$layer" "$WORK/kept"
  printf X | dd of="$CORACLE_ROOT/$layer" bs=1 seek=20 conv=notrunc status=none
  run coracle save -o "$WORK/bad.tar" built:1
  assert_exit 1
  assert_has 'is damaged here'
  [ ! -e "$WORK/bad.tar" ]
  cp "$WORK/kept" "$CORACLE_ROOT/$layer"
}

# What each makes of the archive; nothing of any may stay.
@test "load refuses what lies, what leads out and what is cut, and leaves nothing" {
  coracle save -o "$WORK/good.tar" built:1
  python3 - "$WORK" <<'PYTHON'
import io, json, sys, tarfile
work = sys.argv[1]
source = tarfile.open(f"{work}/good.tar")
files = {item.name: source.extractfile(item).read() for item in source if item.isfile()}
image = json.loads(files["manifest.json"])[0]
index = json.loads(files["index.json"])

def write(name, change):
    copy = dict(files)
    change(copy)
    with tarfile.open(f"{work}/{name}.tar", "w") as tar:
        for path, data in copy.items():
            item = tarfile.TarInfo(path)
            item.size = len(data)
            tar.addfile(item, io.BytesIO(data))

def docker(**members):
    def change(copy): copy["manifest.json"] = json.dumps([{**image, **members}]).encode()
    return change

def oci(digest):
    def change(copy):
        del copy["manifest.json"]
        index["manifests"][0]["digest"] = digest
        copy["index.json"] = json.dumps(index).encode()
    return change

def other_config(copy):
    config = json.loads(copy[image["Config"]])
    config["rootfs"]["diff_ids"].reverse()
    copy["c.json"] = json.dumps(config).encode()
    docker(Config="c.json")(copy)

def damaged(copy): copy[image["Layers"][1]] = copy[image["Layers"][1]][:-30]
def garbage(copy): copy[image["Layers"][1]] = b"#" * 5000
def outside(copy): copy["../../outside"] = b"x"

write("bad-diffid", other_config)
write("bad-swapped", docker(Layers=image["Layers"][::-1]))
write("bad-fewer", docker(Layers=image["Layers"][:1]))
write("bad-layer", damaged)
write("bad-garbage", garbage)
write("bad-config-path", docker(Config="../../../etc/passwd"))
write("bad-layer-path", docker(Layers=["../../../etc/passwd"] * 2))
write("bad-name", docker(RepoTags=["../../x:1"]))
write("bad-entry", outside)
write("bad-digest", oci("sha256:../../x"))
write("bad-short", oci("sha256:abc"))
write("bad-upper", oci("sha256:" + "A" * 64))
write("bad-absent", oci("sha256:" + "a" * 64))
write("bad-nothing", lambda copy: (copy.pop("manifest.json"), copy.pop("index.json")))
data = open(f"{work}/good.tar", "rb").read()
open(f"{work}/bad-cut.tar", "wb").write(data[: len(data) - 20000])
open(f"{work}/bad-empty.tar", "wb").write(b"")
PYTHON
  forget built:1
  before=$(store_files)
  for file in "$WORK"/bad-*.tar; do
    run coracle load -i "$file"
    assert_exit 1
    assert_has "Error: load $file: "
    refuse_has 'Loaded image'
    run coracle images built
    [ "${#lines[@]}" -eq 1 ]
    [ "$(store_files)" = "$before" ] || { echo "$file" >&2; diff <(echo "$before") <(store_files) >&2; false; }
  done
  run coracle load -i "$WORK/bad-swapped.tar"
  assert_match 'invalid diffID for layer 0: expected "sha256:[0-9a-f]{64}", got "sha256:[0-9a-f]{64}"'
  run coracle load -i "$WORK/not-there.tar"
  assert_has 'No such file or directory'
  run coracle load -i "$WORK/good.tar"
  assert_output 'Loaded image: built:1'
}
