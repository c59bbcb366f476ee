# What others send without end is refused, in bounded memory: measured on the real programs.
load helper

FLOOD=$TOP/tests/system/programs/flood.py

setup_file() {
  sandbox_up || return 1
  background "$WORK/flood.log" python3 "$FLOOD" serve 5009
  wait_until inside curl --silent --fail http://localhost:5009/v2/
  inside coracle-registry user add me </dev/null
  inside coracle-registry token create --user me --scope read,write --name flood >"$WORK/token"
  background "$WORK/registry.log" coracle-registry serve --listen 127.0.0.1:5010
  wait_until inside curl --silent -o /dev/null http://localhost:5010/v2/
}
teardown_file() { sandbox_down; }

measure() { run inside timeout 60 python3 "$FLOOD" measure "$@"; }

@test "CVE-2023-25153: a manifest, an index, a configuration of a gigabyte" {
  for what in manifest index config; do
    measure 80 coracle pull "localhost:5009/flood/$what:v1"
    assert_exit 1
    assert_match '(larger|longer|more) than'
  done
}

@test "CVE-2017-14992, CVE-2025-58183: eight gigabytes of padding, of a header, of a sparse map in a layer that is pulled" {
  for what in padding header map; do
    measure 128 coracle pull "localhost:5009/flood/$what:v1"
    assert_exit 1
    assert_has 'Error: '
  done
  [ -z "$(find "$WORK/root" -size +70M)" ]
}

@test "CVE-2017-14992, CVE-2025-58183: the same in an archive that is loaded, and a document without end" {
  for what in padding header map document; do
    run inside bash -c 'python3 "$0" archive "$1" | timeout 60 python3 "$0" measure 128 coracle load' "$FLOOD" "$what"
    assert_exit 1
    assert_has 'Error: '
  done
  [ -z "$(find "$WORK/root" -size +70M)" ]
}

# layout FOLDER LONG SIZE: an OCI layout whose one layer, of zstd, has a window of 2^LONG bytes and twice the same SIZE
# bytes, so that a decoder needs its window.
layout() {
  inside python3 -c '
import hashlib, json, os, subprocess, sys, tarfile
folder, long, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.makedirs(f"{folder}/blobs/sha256")
def put(path, kind):
    with open(path, "rb") as file: digest = hashlib.file_digest(file, "sha256").hexdigest()
    size = os.path.getsize(path)
    os.rename(path, f"{folder}/blobs/sha256/{digest}")
    return {"mediaType": f"application/vnd.oci.image.{kind}", "digest": f"sha256:{digest}", "size": size}
def document(value, kind):
    with open(f"{folder}/document", "w") as file: json.dump(value, file)
    return put(f"{folder}/document", kind)
with open(f"{folder}/half", "wb") as half: half.write(os.urandom(size))
with tarfile.open(f"{folder}/layer", "w") as tar:
    tar.add(f"{folder}/half", "one"); tar.add(f"{folder}/half", "two")
with open(f"{folder}/layer", "rb") as file: diff_id = hashlib.file_digest(file, "sha256").hexdigest()
subprocess.run(f"zstd -q -1 --ultra --long={long} <{folder}/layer >{folder}/layer.zst", shell=True, check=True)
assert os.path.getsize(f"{folder}/layer.zst") < 1.2 * size + 10000
machine = os.uname().machine
config = document({"os": "linux", "architecture": {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine),
                   "config": {}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}}, "config.v1+json")
layer = put(f"{folder}/layer.zst", "layer.v1.tar+zstd")
manifest = document({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config,
                     "layers": [layer]}, "manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "window:1"}
with open(f"{folder}/index.json", "w") as file: json.dump({"schemaVersion": 2, "manifests": [manifest]}, file)
with open(f"{folder}/oci-layout", "w") as file: file.write("{\"imageLayoutVersion\":\"1.0.0\"}")
os.unlink(f"{folder}/half"); os.unlink(f"{folder}/layer")' "$@"
  tar -C "$1" -cf "$1.tar" .
}

@test "a layer of zstd with a window of 128 MB is loaded and pulled in less than 64 MB" {
  layout "$WORK/window" 27 $((70 << 20))
  measure 64 coracle load -q -i "$WORK/window.tar"
  assert_exit 0
  assert_has 'Loaded image: window:1'
  inside skopeo copy -q --dest-tls-verify=false --dest-creds "me:$(cat "$WORK/token")" "oci:$WORK/window:window:1" \
    docker://localhost:5010/me/window:1
  coracle rmi window:1
  coracle login -u me --password-stdin localhost:5010 <"$WORK/token"
  measure 64 coracle pull -q localhost:5010/me/window:1
  assert_exit 0
  coracle image verify
  coracle rmi localhost:5010/me/window:1
  rm -r "$WORK/window" "$WORK/window.tar"
}

@test "a layer of zstd with a larger window is refused, and the error says how to compress it" {
  layout "$WORK/window" 28 1000
  measure 64 coracle load -q -i "$WORK/window.tar"
  assert_exit 1
  assert_has 'a window of more than 128 MB (zstd --long=28 or more)'
  run coracle images -q
  assert_output ''
  rm -r "$WORK/window" "$WORK/window.tar"
}

@test "CVE-2023-25153: the registry refuses a manifest of a gigabyte" {
  token=$(cat "$WORK/token")
  basic=$(printf 'me:%s' "$token" | base64 -w 0)
  url=http://localhost:5010/v2/me/app/manifests/v1
  run inside python3 "$FLOOD" upload $url "Authorization: Basic $basic"
  assert_output 413
  # Of a length that is not said before: what comes after a while is not even dropped.
  run inside python3 "$FLOOD" upload $url "Authorization: Basic $basic" 'Transfer-Encoding: chunked'
  assert_match '^(413|cut off)$'
  pid=$(inside pgrep -f 'coracle-registry serve')
  peak=$(inside awk '/VmHWM/ { print $2 }' "/proc/$pid/status")
  [ "$peak" -lt 65536 ] || _mismatch "it had $peak kB"
  run inside curl --silent -o /dev/null -w '%{http_code}' -u "me:$token" http://localhost:5010/v2/
  assert_output 200
}
