# image verify: whatever is changed, damaged or taken away in the store is found, and made again where that can be.
load helper

REGISTRY=localhost:5003

setup_file() {
  sandbox_up && import_probe || return 1
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/theirs" "$REGISTRY" >"$WORK/theirs.yml"
  start_registry
  wait_until is_up || { cat "$WORK/theirs.log" >&2; return 1; }
  coracle tag probe:1 "$REGISTRY/me/probe:1"
  coracle push "$REGISTRY/me/probe:1" >/dev/null
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }
# As a child of what nsenter runs: it would stop with its own.
start_registry() {
  background "$WORK/theirs.log" bash -c 'docker-registry serve "$WORK/theirs.yml" & echo $! >"$WORK/theirs.pid"; wait'
}
is_up() { inside curl --silent -o /dev/null "http://$REGISTRY/v2/"; }

blob_file() { echo "$CORACLE_ROOT/blobs/sha256/${1#sha256:}"; }
forget_all() {
  coracle rmi -f probe:1 "$REGISTRY/me/probe:1" >/dev/null 2>&1 || true
  coracle system prune -af >/dev/null
}
# One image, pulled: its layer has a record and no blob.
pulled() {
  forget_all
  coracle pull -q "$REGISTRY/me/probe:1" >/dev/null
  IMAGE=$REGISTRY/me/probe:1
  facts
}
# One image, imported: its layer's blob is kept.
imported() {
  forget_all
  import_probe
  IMAGE=probe:1
  facts
}
facts() {
  ID=$(coracle images -q --no-trunc "$IMAGE")
  LAYER=$(jq -r '.rootfs.diff_ids[0]' "$(blob_file "$ID")")
  FOLDER=$CORACLE_ROOT/layers/sha256/${LAYER#sha256:}
}
assert_clean() {
  run coracle image verify
  assert_exit 0
  assert_match '^Verified 1 image, [0-9]+ blobs, 1 layer: no problem found$'
  [ "${#lines[@]}" -eq 1 ] || _mismatch 'more than one line'
}
# found TEXT: verify says so, and so does a verify of the image alone; neither leaves anything behind.
assert_found() {
  run coracle image verify
  assert_exit 1
  assert_has "$1"
  assert_match ': 1 problem found$'
  run coracle image verify "$ID"
  assert_exit 1
  assert_has "$1"
  [ -z "$(ls -A "$CORACLE_ROOT/layers/staging")" ]
}
assert_repaired() {
  run coracle image verify --repair
  assert_exit 0
  assert_has 'repair: '
  assert_has 'no problem found'
  assert_clean
  run coracle run --rm "$IMAGE" cat /data/file
  assert_output 'text of the image'
}

@test "verify: a pulled image; each kind of change in its layer is found, and repaired by a pull" {
  pulled
  assert_clean
  cp -a "$FOLDER" "$WORK/good"
  for change in 'printf X | dd of=data/file bs=1 conv=notrunc status=none' 'echo more >>data/file' \
    'chmod 4755 bin/probe' 'chown 7 data/file' 'touch -d 2001-01-01 data/file' 'rm data/file' 'echo new >data/new' \
    'setfattr -n user.x -v y data/file' 'ln -sfn /etc data/link' 'mknod data/file2 c 0 0'; do
    (cd "$FOLDER" && eval "$change")
    run coracle image verify "$ID"
    assert_exit 1
    assert_has "layer $LAYER: "
    rm -r "$FOLDER"
    cp -a "$WORK/good" "$FOLDER"
  done
  assert_clean
  echo changed >"$FOLDER/data/file"
  assert_found "layer $LAYER: "
  assert_repaired
  rm -r "$FOLDER"
  assert_found "layer $LAYER: its folder is missing"
  assert_repaired
}

@test "verify: the documents of a pulled image" {
  pulled
  printf X | dd of="$(blob_file "$ID")" bs=1 seek=9 conv=notrunc status=none
  assert_found "blob $ID: it is damaged: its bytes are sha256:"
  assert_repaired
  rm "$(blob_file "$ID")"
  assert_found "blob $ID: it is missing"
  assert_repaired
}

@test "verify --repair while the registry is away: what is there stays, and still runs" {
  pulled
  echo changed >"$FOLDER/data/file"
  inside pkill -F "$WORK/theirs.pid"
  is_down() { ! is_up; }
  wait_until is_down
  run coracle image verify --repair
  assert_exit 1
  assert_has "repair: image $ID: "
  assert_has 'Is the registry running there?'
  [ "$(cat "$FOLDER/data/file")" = changed ]
  [ -e "$(blob_file "$ID")" ]
  run coracle run --rm "$IMAGE" cat /bin/text
  assert_output 'not a program'
  # Nor does a registry that sends other bytes take anything away.
  background "$WORK/liar.log" python3 -c '
import http.server
class Liar(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_HEAD = do_GET
open("'"$WORK"'/liar.pid", "w").write(str(__import__("os").getpid()))
http.server.HTTPServer(("127.0.0.1", 5003), Liar).serve_forever()'
  wait_until is_up
  run coracle image verify --repair
  assert_exit 1
  assert_has 'verif'
  [ "$(cat "$FOLDER/data/file")" = changed ]
  inside pkill -F "$WORK/liar.pid"
  wait_until is_down
  start_registry
  wait_until is_up
  assert_repaired
  [ -z "$(ls -A "$CORACLE_ROOT/layers/staging")" ]
}

@test "verify --repair: nobody else waits for its registry" {
  pulled
  echo changed >"$FOLDER/data/file"
  inside kill -STOP "$(cat "$WORK/theirs.pid")"
  background "$WORK/repair.log" "$TOP/build/bin/coracle" image verify --repair
  is_pulling() { grep -q 'repair: pull' "$WORK/repair.log"; }
  wait_until is_pulling
  run inside timeout --signal KILL 20 "$TOP/build/bin/coracle" import "$WORK/probe.tar" other:1
  assert_exit 0
  run inside timeout --signal KILL 20 "$TOP/build/bin/coracle" run --rm other:1 words alive
  assert_output '[alive]'
  coracle rmi other:1 >/dev/null
  inside kill -CONT "$(cat "$WORK/theirs.pid")"
  is_repaired() { grep -q 'no problem found' "$WORK/repair.log"; }
  wait_until is_repaired
  coracle system prune -f >/dev/null # of other:1; rmi leaves it while a pull goes on
  assert_clean
}

@test "verify: the record of a layer" {
  pulled
  record=$CORACLE_ROOT/layers/records/sha256/${LAYER#sha256:}
  printf X | dd of="$record" bs=1 seek=0 conv=notrunc status=none
  assert_found "layer $LAYER: the record of layer $LAYER is damaged"
  assert_repaired
}

@test "verify: a kept blob; a layer is made again from it, and what no registry has stays" {
  imported
  assert_clean
  blob=$(find "$CORACLE_ROOT/blobs/sha256" -type f -size +64k)
  echo changed >"$FOLDER/data/file"
  assert_found "layer $LAYER: its files have changed"
  assert_repaired
  cp "$blob" "$WORK/kept"
  printf X | dd of="$blob" bs=1 seek=2000 conv=notrunc status=none
  run coracle image verify
  assert_exit 1
  assert_has "blob sha256:$(basename "$blob"): it is damaged"
  run coracle image verify --repair
  assert_exit 1
  assert_has "repair: image $ID: no registry is known to have it"
  [ -e "$blob" ]
  [ -e "$FOLDER/data/file" ]
  cp "$WORK/kept" "$blob"
  assert_clean
}

@test "verify: a layer in use is not taken away; garbage is named; an unknown image" {
  pulled
  coracle run -d --name runs "$IMAGE" hold >/dev/null
  echo changed >"$FOLDER/data/file"
  run coracle image verify --repair
  assert_exit 1
  assert_has "container runs runs on layer $LAYER, which has to be made again; stop it first"
  coracle rm -f runs >/dev/null
  assert_repaired
  hex=$(printf garbage | sha256sum | cut -d' ' -f1)
  printf garbage >"$CORACLE_ROOT/blobs/sha256/$hex"
  mkdir "$CORACLE_ROOT/layers/sha256/$hex"
  run coracle image verify
  assert_exit 0
  assert_line "garbage: blob sha256:$hex"
  assert_line "garbage: layer sha256:$hex"
  coracle system prune -f >/dev/null
  assert_clean
  run coracle image verify nosuch:1
  assert_exit 1
  assert_has 'No such image: nosuch:1'
}
