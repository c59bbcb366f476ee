# Every operation is killed, or told that the disk is full or broken, at points where it syncs, moves, makes or writes
# something. What it must leave is in crash.py. CRASH_POINTS=all tries every point, CRASH_POINTS=N other ones;
# CRASH_MESSAGES=1 tells what the user sees.
load ../system/helper

setup_file() {
  sandbox_up && make_probe || return 1
  gcc -O2 -o "$WORK/fault" "$BATS_TEST_DIRNAME/fault.c" || return 1
  mkdir "$WORK/probe.root/many"
  for i in 1 2 3 4 5 6 7 8; do echo "$i" >"$WORK/probe.root/many/$i"; done
  tar -C "$WORK/probe.root" -cf "$WORK/second.tar" bin data many || return 1
  mkdir "$WORK/context"
  echo one >"$WORK/context/one"
  printf 'FROM keep:1\nCOPY one /one\nRUN ["write","/two","2"]\nCMD ["true"]\n' >"$WORK/context/Dockerfile"
  cat >"$WORK/registry.yml" <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/theirs}}
http: {addr: "localhost:5001"}
YAML
  background "$WORK/registry.log" docker-registry serve "$WORK/registry.yml"
  wait_until inside curl --silent --fail http://localhost:5001/v2/ || { cat "$WORK/registry.log" >&2; return 1; }
  # Three layers to be pulled.
  printf 'FROM second:1\nCOPY one /one\nCOPY one /data/two\n' >"$WORK/context/Dockerfile.layers"
  coracle import "$WORK/second.tar" second:1 >/dev/null &&
    coracle build -q -f "$WORK/context/Dockerfile.layers" -t localhost:5001/me/layers:v1 "$WORK/context" &&
    coracle push -q localhost:5001/me/layers:v1 &&
    coracle save -o "$WORK/layers.tar" localhost:5001/me/layers:v1 || return 1
  # The stores are made hundreds of times; a kill does not ask whether a sync has reached a disk.
  mkdir "$WORK/crash"
  inside mount -t tmpfs tmpfs "$WORK/crash"
}
teardown_file() { sandbox_down; }

crash() { run inside env PYTHONDONTWRITEBYTECODE=1 python3 "$BATS_TEST_DIRNAME/crash.py" "$@"; echo "$output"; assert_exit 0; }
breaks() { crash "$1" full 4 && crash "$1" eio 4 && crash "$1" short; }

@test "first: kill -9" { crash first kill 9; }
@test "import: kill -9" { crash import kill 9; }
@test "load: kill -9" { crash load kill 9; }
@test "save: kill -9" { crash save kill 9; }
@test "pull: kill -9" { crash pull kill 9; }
@test "push: kill -9" { crash push kill 9; }
@test "repair: kill -9" { crash repair kill 9; }
@test "verify: kill -9" { crash verify kill 4; }
@test "login: kill -9" { crash login kill 9; }
@test "build: kill -9" { crash build kill 9; }
@test "tag: kill -9" { crash tag kill 9; }
@test "run: kill -9" { crash run kill 9; }
@test "rm: kill -9" { crash rm kill 9; }
@test "rmi: kill -9" { crash rmi kill 9; }
@test "prune: kill -9" { crash prune kill 9; }
@test "first: full disk, broken disk, short reads and writes" { breaks first; }
@test "import: full disk, broken disk, short reads and writes" { breaks import; }
@test "load: full disk, broken disk, short reads and writes" { breaks load; }
@test "save: full disk, broken disk, short reads and writes" { breaks save; }
@test "pull: full disk, broken disk, short reads and writes" { breaks pull; }
@test "push: full disk, broken disk, short reads and writes" { breaks push; }
@test "repair: full disk, broken disk, short reads and writes" { breaks repair; }
@test "verify: full disk, broken disk, short reads and writes" { breaks verify; }
@test "login: full disk, broken disk, short reads and writes" { breaks login; }
@test "build: full disk, broken disk, short reads and writes" { breaks build; }
@test "tag: full disk, broken disk, short reads and writes" { breaks tag; }
@test "run: full disk, broken disk, short reads and writes" { breaks run; }
@test "rm: full disk, broken disk, short reads and writes" { breaks rm; }
@test "rmi: full disk, broken disk, short reads and writes" { breaks rmi; }
@test "prune: full disk, broken disk, short reads and writes" { breaks prune; }
