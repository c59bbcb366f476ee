# Transfers that are cut off, killed, or meet a full disk, and go on where they stopped: against coracle-registry.
load helper

REGISTRY=localhost:5000
PROXY=localhost:5002

setup_file() {
  sandbox_up && import_probe || return 1
  inside coracle-registry user add me </dev/null &&
    inside coracle-registry token create --user me --scope read,write --name both >"$WORK/token" || return 1
  background "$WORK/registry.log" coracle-registry serve --listen 127.0.0.1:5000
  wait_until is_up || { cat "$WORK/registry.log" >&2; return 1; }
  for registry in "$REGISTRY" "$PROXY"; do
    inside bash -c 'coracle login "$1" -u me --password-stdin <"$2"' - "$registry" "$WORK/token" >/dev/null 2>&1 || true
  done
  mkdir "$WORK/large"
  head -c 30000000 /dev/urandom >"$WORK/large/random"
  printf 'FROM probe:1\nCOPY random /random\n' >"$WORK/large/Dockerfile"
  coracle build -q -t large:1 "$WORK/large" >/dev/null
}
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  [ ! -e "$WORK/proxy.pid" ] || { inside pkill -F "$WORK/proxy.pid" || true; rm "$WORK/proxy.pid"; }
}
is_up() { inside curl --silent -o /dev/null "http://$REGISTRY/v2/"; }

# proxy CUT…: in front of the registry.
proxy() {
  background "$WORK/proxy.out" bash -c 'echo $$ >"$WORK/proxy.pid"; exec python3 "$@"' - \
    "$TOP/tests/system/programs/cutting_proxy.py" 5002 5000 "$WORK/passed" "$@"
  wait_until test -s "$WORK/passed"
}
login() { inside bash -c 'coracle login "$1" -u me --password-stdin <"$2"' - "$1" "$WORK/token"; }

@test "a push that is cut off again and again sends each byte once" {
  rm -f "$WORK/passed"
  proxy 5000000:both 12000000:silent 20000000:both
  login "$PROXY"
  coracle tag large:1 "$PROXY/me/large:1"
  run coracle push "$PROXY/me/large:1"
  assert_exit 0
  assert_match '^1: digest: sha256:'
  # The layer of 30 MB does not compress; the rest are headers, and the probe's own layer.
  passed=$(cat "$WORK/passed")
  [ "$passed" -gt 30000000 ]
  [ "$passed" -lt 32000000 ] || _mismatch "$passed bytes were sent for 30 million"
  other=(--root "$WORK/other/root" --run-root "$WORK/other/run")
  login "$REGISTRY"
  run coracle "${other[@]}" pull -q "$REGISTRY/me/large:1"
  assert_exit 0
  run inside bash -c 'coracle "${@:2}" run --rm "$1" cat /random | cmp - "$WORK/large/random"' - "$REGISTRY/me/large:1" "${other[@]}"
  assert_exit 0
  coracle rmi "$PROXY/me/large:1"
}

# The bytes of the large layer that the registry has sent since the log had so many lines, a request a line, where a part
# of it was asked for: the whole of it may be an older request, which is written down when its broken connection ends.
layer_bytes() {
  tail -n "+$(($1 + 1))" "$WORK/registry.log" | grep -F "GET /v2/me/large/blobs/$LAYER" | sed 's/.*" //' |
    awk '$1 == 206 { sum += $3 } END { print sum + 0 }'
}
came_in_part() { # LINES KEPT
  local bytes
  bytes=$(layer_bytes "$1")
  [ "$bytes" -gt 0 ] && [ "$bytes" -lt $((30100000 - $2)) ] || _mismatch "$bytes bytes came, and $2 were kept"
}
log_lines() { wc -l <"$WORK/registry.log"; }
push_large() {
  login "$REGISTRY"
  coracle tag large:1 "$REGISTRY/me/large:1"
  coracle push -q "$REGISTRY/me/large:1"
  coracle rmi "$REGISTRY/me/large:1"
  LAYER=$(inside curl --silent -u "me:$(cat "$WORK/token")" "http://$REGISTRY/v2/me/large/manifests/1" |
    jq -r '.layers | max_by(.size).digest')
}

@test "a pull that fills the disk says so, keeps what came, and goes on from there" {
  push_large
  mkdir -p "$WORK/small"
  inside mount -t tmpfs -o size=24M tmpfs "$WORK/small"
  small=(--root "$WORK/small/root" --run-root "$WORK/small-run")
  run coracle "${small[@]}" pull "$REGISTRY/me/large:1"
  assert_exit 1
  assert_has 'No space left on device'
  run coracle "${small[@]}" images -q
  assert_output ''
  # No layer's files are left, only what has come of the blob.
  [ -z "$(inside find "$WORK/small/root/layers" -name random)" ]
  kept=$(inside bash -c 'cat "$WORK"/small/root/blobs/uploads/* | wc -c')
  [ "$kept" -gt 1000000 ]
  inside mount -o remount,size=200M "$WORK/small"
  before=$(log_lines)
  run coracle "${small[@]}" pull "$REGISTRY/me/large:1"
  assert_exit 0
  came_in_part "$before" "$kept"
  run inside bash -c 'cat "$WORK"/small/root/layers/sha256/*/random | cmp - "$WORK/large/random"'
  assert_exit 0
  inside umount "$WORK/small"
}

@test "Ctrl-C and kill -9 leave what is verified, and what has come of the rest" {
  push_large
  small=$(inside curl --silent -u "me:$(cat "$WORK/token")" "http://$REGISTRY/v2/me/large/manifests/1" |
    jq -r '.layers | min_by(.size).digest')
  rm -f "$WORK/passed"
  proxy 6000000:hold
  login "$PROXY"
  for signal in INT KILL; do
    root=$WORK/root-$signal
    killed=(--root "$root" --run-root "$root-run")
    background "$WORK/pull.log" bash -c 'env --default-signal=INT coracle "${@:2}" pull "$1" & echo $! >"$WORK/pull.pid"; wait $!; echo "exit code $?"' - \
      "$PROXY/me/large:1" "${killed[@]}"
    has_begun() {
      [ "$(ls "$root/layers/sha256" 2>/dev/null | wc -l)" -eq 1 ] && [ -n "$(find "$root/blobs/uploads" -size +1024k)" ]
    }
    wait_until has_begun
    inside pkill -"$signal" -F "$WORK/pull.pid"
    wait_until file_has "$WORK/pull.log" "exit code"
    [ "$signal" = KILL ] || file_has "$WORK/pull.log" 'exit code 130'
    no_transfer() { ! inside pgrep -x coracle-transfe; }
    wait_until no_transfer
    kept=$(cat "$root"/blobs/uploads/* | wc -c)
    before=$(log_lines)
    run coracle "${killed[@]}" pull "$REGISTRY/me/large:1"
    assert_exit 0
    assert_match '^[0-9a-f]{12}: Already exists$'
    came_in_part "$before" "$kept"
    ! tail -n "+$((before + 1))" "$WORK/registry.log" | grep -F "$small" || _mismatch 'the small layer was asked for again'
    [ -z "$(ls -A "$root/layers/staging" "$root/blobs/uploads" | grep -v :)" ]
    run inside bash -c 'cat "$1"/layers/sha256/*/random | cmp - "$WORK/large/random"' - "$root"
    assert_exit 0
  done
}
