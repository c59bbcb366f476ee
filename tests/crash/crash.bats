# Every operation is killed, or told that the disk is full or broken, at each point where it syncs, moves, makes or writes
# something. What it must leave is in crash.py. CRASH_FULL=1 tries all points, CRASH_MESSAGES=1 tells what the user sees.
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
    coracle push -q localhost:5001/me/layers:v1
}
teardown_file() { sandbox_down; }

crash() { run inside env PYTHONDONTWRITEBYTECODE=1 python3 "$BATS_TEST_DIRNAME/crash.py" "$@"; echo "$output"; assert_exit 0; }

@test "first: kill -9" { crash first kill 12; }
@test "import: kill -9" { crash import kill 12; }
@test "pull: kill -9" { crash pull kill 12; }
@test "push: kill -9" { crash push kill 12; }
@test "build: kill -9" { crash build kill 12; }
@test "tag: kill -9" { crash tag kill 12; }
@test "run: kill -9" { crash run kill 12; }
@test "rm: kill -9" { crash rm kill 12; }
@test "rmi: kill -9" { crash rmi kill 12; }
@test "prune: kill -9" { crash prune kill 12; }
@test "first: full disk, broken disk, short reads and writes" { crash first full 6; crash first eio 6; crash first short 1; }
@test "import: full disk, broken disk, short reads and writes" { crash import full 6; crash import eio 6; crash import short 1; }
@test "pull: full disk, broken disk, short reads and writes" { crash pull full 6; crash pull eio 6; crash pull short 1; }
@test "push: full disk, broken disk, short reads and writes" { crash push full 6; crash push eio 6; crash push short 1; }
@test "build: full disk, broken disk, short reads and writes" { crash build full 6; crash build eio 6; crash build short 1; }
@test "tag: full disk, broken disk, short reads and writes" { crash tag full 6; crash tag eio 6; crash tag short 1; }
@test "run: full disk, broken disk, short reads and writes" { crash run full 6; crash run eio 6; crash run short 1; }
@test "rm: full disk, broken disk, short reads and writes" { crash rm full 6; crash rm eio 6; crash rm short 1; }
@test "rmi: full disk, broken disk, short reads and writes" { crash rmi full 6; crash rmi eio 6; crash rmi short 1; }
@test "prune: full disk, broken disk, short reads and writes" { crash prune full 6; crash prune eio 6; crash prune short 1; }
