# What the steps of a build make counts while the machine is up, and is durable once the build has ended
# (src/store/boot_folder.h). Another boot is another boot id here, and a torn layer one that is torn by hand.
load helper
load build_helper

setup_file() { sandbox_up && import_probe; }
setup() {
  new_context
  printf 'FROM probe:1\nRUN write /one 1\nRUN hold\n' | dockerfile
}
teardown() { inside umount -q /proc/sys/kernel/random/boot_id || true; }

# Killed in its second step.
killed_build() {
  rm -f "$WORK/held.log"
  background "$WORK/held.log" bash -c 'coracle build --progress plain "$1"; echo "code $?"' - "$context"
  wait_until file_has "$WORK/held.log" ' ready'
  inside pkill -KILL -x coracle
  wait_until file_has "$WORK/held.log" '^code 137'
}
is_cached() { grep -A1 -F "$1" <<<"$output" | grep -qE '^#[0-9]+ CACHED$'; }
refuse_cached() { ! is_cached "$1" || _mismatch "it is CACHED: $1"; }
kept() { find "$WORK"/root/{blobs,layers}/boot-* -mindepth 2 -maxdepth 2; }
rows() { python3 -c 'import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM build_cache").fetchone()[0])' "$WORK/root/coracle.db"; }
empty_cache() { coracle rmi -f power:1 >/dev/null 2>&1 || true; coracle builder prune -af >/dev/null; }
reboot() {
  cat /proc/sys/kernel/random/uuid >"$WORK/boot_id"
  inside mount --bind "$WORK/boot_id" /proc/sys/kernel/random/boot_id
}
finish_build() { printf 'FROM probe:1\nRUN write /one 1\nCMD ["cat","/one"]\n' | dockerfile; build -t power:1; assert_exit 0; }

@test "build: what a killed one had done is found by the next one, and durable when that one is done" {
  killed_build
  [ "$(kept | wc -l)" -eq 2 ] # a blob and a layer
  finish_build
  is_cached 'RUN write /one 1'
  [ -z "$(kept)" ]
  run coracle run --rm power:1
  assert_output 1
  run coracle image verify
  assert_exit 0
}

@test "build: after a power cut what was not durable is not believed, and goes with its row" {
  empty_cache
  killed_build
  [ "$(rows)" -eq 1 ]
  # The name is there and the bytes are not, as a journal leaves it.
  inside truncate -s 0 "$WORK"/root/blobs/boot-*/sha256/* "$WORK"/root/layers/boot-*/sha256/*/one
  old=$(ls -d "$WORK"/root/layers/boot-*)
  reboot
  run coracle image verify
  assert_exit 0
  assert_has "garbage: layers/$(basename "$old")"
  finish_build
  refuse_cached 'RUN write /one 1'
  [ ! -e "$old" ]
  [ -z "$(kept)" ]
  [ "$(rows)" -eq 1 ]
  run coracle run --rm power:1
  assert_output 1
  run coracle image verify
  assert_exit 0
  refuse_has 'garbage'
}

@test "build: a start after a power cut forgets the rows of steps that nobody builds again" {
  empty_cache
  killed_build
  [ "$(rows)" -eq 1 ]
  reboot
  printf 'FROM probe:1\nCMD ["true"]\n' | dockerfile
  build
  assert_exit 0
  [ "$(rows)" -eq 0 ]
  run find "$WORK"/root/{blobs,layers} -maxdepth 1 -name 'boot-*' ! -name "boot-$(cat "$WORK/boot_id")"
  assert_output ''
}

@test "build: steps before one that failed are durable" {
  printf 'FROM probe:1\nRUN write /two 2\nRUN exit 3\n' | dockerfile
  build
  assert_exit 1
  [ -z "$(kept)" ]
  reboot
  build
  assert_exit 1
  is_cached 'RUN write /two 2'
}

@test "build: a collection keeps what a killed build made" {
  empty_cache
  killed_build
  coracle image prune -f >/dev/null
  [ -z "$(kept)" ]
  finish_build
  is_cached 'RUN write /one 1'
}
