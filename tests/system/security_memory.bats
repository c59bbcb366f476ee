# What others send without end is refused, in bounded memory: measured on the real programs.
load helper

FLOOD=$TOP/tests/system/programs/flood.py

setup_file() {
  sandbox_up || return 1
  background "$WORK/flood.log" python3 "$FLOOD" serve 5009
  wait_until inside curl --silent --fail http://localhost:5009/v2/
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

@test "a layer of zstd with a window of 128 MB is unpacked in less than 64 MB" {
  # Half of it is found 70 MB back, so that a decoder needs its window.
  inside python3 -c '
import json, hashlib, os, subprocess, sys, tarfile
work, long = sys.argv[1:]
os.makedirs(f"{work}/window", exist_ok=True)
if not os.path.exists(f"{work}/window/layer.tar"):
    with open(f"{work}/window/half", "wb") as half: half.write(os.urandom(70 << 20))
    with tarfile.open(f"{work}/window/layer.tar", "w") as tar:
        tar.add(f"{work}/window/half", "one"); tar.add(f"{work}/window/half", "two")
with open(f"{work}/window/layer.tar", "rb") as file: diff_id = hashlib.file_digest(file, "sha256").hexdigest()
subprocess.run(f"zstd -q -1 --long={long} <{work}/window/layer.tar >{work}/window/layer.tar.zst", shell=True, check=True)
assert os.path.getsize(f"{work}/window/layer.tar.zst") < 80 << 20
config = {"os": "linux", "architecture": sys.implementation._multiarch.split("-")[0].replace("x86_64", "amd64"),
          "config": {}, "rootfs": {"type": "layers", "diff_ids": [f"sha256:{diff_id}"]}}
json.dump(config, open(f"{work}/window/config.json", "w"))
json.dump([{"Config": "config.json", "RepoTags": ["window:1"], "Layers": ["layer.tar.zst"]}],
          open(f"{work}/window/manifest.json", "w"))
with tarfile.open(f"{work}/window.tar", "w") as tar:
    for name in "manifest.json", "config.json", "layer.tar.zst": tar.add(f"{work}/window/{name}", name)
' "$WORK" 27
  measure 64 coracle load -q -i "$WORK/window.tar"
  assert_exit 0
  assert_has 'Loaded image: window:1'
  run coracle image verify
  assert_exit 0
  rm -r "$WORK/window" "$WORK/window.tar"
}

@test "CVE-2023-25153: the registry refuses a manifest of a gigabyte" {
  inside coracle-registry user add me </dev/null
  token=$(inside coracle-registry token create --user me --scope read,write --name flood)
  background "$WORK/registry.log" coracle-registry serve --listen 127.0.0.1:5010
  wait_until inside curl --silent -o /dev/null http://localhost:5010/v2/
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
