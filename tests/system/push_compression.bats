# push of layers that have to be compressed first: plain ones, those that are asked for as zstd, those that no registry
# has any more. Each once in its life.
load helper
load registries

setup_file() { sandbox_up && import_probe && registries_up; }
teardown_file() { sandbox_down; }
teardown() { rm -rf "$WORK/other"; }

manifest_of() { inside curl --silent --fail -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$THEIRS/v2/$1"; }
types_of() { manifest_of "$1" | python3 -c 'import json, sys; print(*[l["mediaType"].split(".")[-1] for l in json.load(sys.stdin)["layers"]])'; }
# plain NAME TEXT: loads an image whose layers are not compressed, as `docker save` writes them.
plain() {
  rm -rf "$WORK/plain"
  make_image "$WORK/plain" "$1" amd64 "$2" >/dev/null
  python3 - "$WORK/plain" "$1" >"$WORK/plain.tar" <<'PY'
import gzip, io, json, os, sys, tarfile
folder, name = sys.argv[1:3]
def blob(d): return open(os.path.join(folder, "blobs", *d["digest"].split(":")), "rb").read()
manifest = json.loads(blob(json.load(open(folder + "/index.json"))["manifests"][0]))
out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
def add(path, data):
    info = tarfile.TarInfo(path)
    info.size = len(data)
    out.addfile(info, io.BytesIO(data))
add("config.json", blob(manifest["config"]))
add("layer.tar", gzip.decompress(blob(manifest["layers"][0])))
add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode())
out.close()
PY
  coracle load -q -i "$WORK/plain.tar" >/dev/null
}
compressed_blobs() { find "$WORK/root/blobs/sha256" -size +0 -newer "$1" | wc -l; }

@test "a layer that was loaded plain is pushed as gzip, and compressed once" {
  name=$THEIRS/me/plain:v1
  plain "$name" 'some text'
  id=$(coracle image inspect --format '{{.Id}}' "$name")
  run coracle push "$name"
  assert_exit 0
  assert_match '^v1: digest: sha256:'
  digest=$(grep -o 'sha256:[0-9a-f]*' <<<"$output")
  [ "$(types_of me/plain/manifests/v1)" = tar+gzip ] || _mismatch "$(manifest_of me/plain/manifests/v1)"
  other pull -q "$name"
  [ "$(other image inspect --format '{{.Id}}' "$name")" = "$id" ] || _mismatch 'another image came back'
  # The blob is named by the image: no prune takes it, and nothing is compressed for the next registry.
  coracle system prune -f >/dev/null
  touch "$WORK/stamp"
  coracle tag "$name" "$OURS/me/plain:v1"
  run coracle push "$OURS/me/plain:v1"
  assert_exit 0
  assert_has "v1: digest: $digest"
  [ "$(compressed_blobs "$WORK/stamp")" -eq 0 ] || _mismatch 'compressed twice'
  run coracle image verify
  assert_exit 0
}

@test "push --compression zstd, with a level; again it costs nothing; gzip stays what the image has" {
  name=$THEIRS/me/zstd:v1
  plain "$name" "$(head -c 100000 /dev/zero | tr '\0' x)"
  run coracle push --compression zstd --compression-level 19 "$name"
  assert_exit 0
  first=$(grep -o 'digest: sha256:[0-9a-f]*' <<<"$output")
  [ "$(types_of me/zstd/manifests/v1)" = tar+zstd ] || _mismatch "$(manifest_of me/zstd/manifests/v1)"
  other run --rm --pull always "$name" /none || true
  run other image inspect --format '{{.Id}}' "$name"
  assert_output "$(coracle image inspect --format '{{.Id}}' "$name")"
  run coracle push --compression zstd --compression-level 19 "$name"
  assert_exit 0
  assert_has 'Layer already exists'
  assert_has "$first"
  # A built image keeps its gzip; what was made of it is forgotten by a prune, and made again with the same digest.
  printf 'FROM probe:1\nCMD ["true"]\n' | coracle build -q -t "$THEIRS/me/built:v1" - >/dev/null
  run coracle push --compression zstd "$THEIRS/me/built:v1"
  assert_exit 0
  first=$(grep -o 'digest: sha256:[0-9a-f]*' <<<"$output")
  coracle system prune -f >/dev/null
  coracle tag "$THEIRS/me/built:v1" "$OURS/me/built:v1"
  run coracle push --compression zstd "$OURS/me/built:v1"
  assert_exit 0
  assert_has "$first"
  run coracle push "$THEIRS/me/built:v1"
  assert_exit 0
  [ "$(types_of me/built/manifests/v1)" = tar+gzip ] || _mismatch "$(manifest_of me/built/manifests/v1)"
}

@test "a pulled image goes to another registry when its own is gone" {
  name=$THEIRS/me/wanderer:v1
  printf 'FROM probe:1\nCMD ["wander"]\n' | coracle build -q -t "$name" - >/dev/null
  coracle push -q "$name"
  other pull -q "$name"
  inside rm -rf "$WORK/theirs/docker/registry/v2/repositories/me/wanderer"
  other tag "$name" "$OURS/me/wanderer:v1"
  run other push "$OURS/me/wanderer:v1"
  assert_exit 0
  run coracle --root "$WORK/third" --run-root "$WORK/third.run" pull -q "$OURS/me/wanderer:v1"
  assert_exit 0
  run coracle --root "$WORK/third" --run-root "$WORK/third.run" image inspect --format '{{.Id}}' "$OURS/me/wanderer:v1"
  assert_output "$(other image inspect --format '{{.Id}}' "$name")"
  rm -rf "$WORK/third" "$WORK/third.run"
}

@test "push: wrong compression and level are refused" {
  coracle tag probe:1 "$THEIRS/me/wrong:v1"
  run coracle push --compression lzma "$THEIRS/me/wrong:v1"
  assert_exit 125
  assert_has 'invalid compression "lzma": it is gzip or zstd'
  run coracle push --compression gzip --compression-level 13 "$THEIRS/me/wrong:v1"
  assert_exit 125
  assert_has 'invalid compression level 13: for gzip it is 1 to 12'
}

@test "a push that is killed while it compresses leaves nothing in the way" {
  name=$THEIRS/me/killed:v1
  head -c 20000000 /dev/urandom | base64 -w0 | head -c 24000000 >"$WORK/large"
  printf 'FROM probe:1\nCOPY large /large\n' >"$WORK/Dockerfile"
  mkdir -p "$WORK/context" && mv "$WORK/large" "$WORK/Dockerfile" "$WORK/context"
  coracle build -q -t "$name" "$WORK/context" >/dev/null
  for pause in 0.05 0.2; do
    inside bash -c 'coracle push --compression zstd "$1" >/dev/null 2>&1 & pid=$!; sleep "$2"; kill -KILL $pid; wait $pid' - "$name" "$pause" || true
  done
  run coracle push --compression zstd "$name"
  assert_exit 0
  run coracle image verify
  assert_exit 0
  run other pull -q "$name"
  assert_exit 0
}
