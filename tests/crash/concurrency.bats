# Many commands on the same names at once: none hangs, each ends as Docker would have it end, and the store is whole after.
# CONCURRENCY_ROUNDS (3) makes it longer.
load ../system/helper

REGISTRY=localhost:5001

setup_file() {
  sandbox_up && import_probe || return 1
  export PYTHONDONTWRITEBYTECODE=1
  tar -C "$WORK/probe.root" -cf "$WORK/second.tar" bin data
  mkdir "$WORK/context"
  echo one >"$WORK/context/one"
  printf 'FROM probe:1\nCOPY one /one\nRUN ["true"]\n' >"$WORK/context/Dockerfile"
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/theirs" "$REGISTRY" >"$WORK/theirs.yml"
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until inside curl --silent --fail "http://$REGISTRY/v2/" || { cat "$WORK/theirs.log" >&2; return 1; }
  # Three layers, of which one is probe:1's: a pull, a load and a build meet in it.
  printf 'FROM probe:1\nCOPY one /one\nCOPY two /two\n' >"$WORK/context/Dockerfile.shared"
  head -c 3000000 /dev/urandom >"$WORK/context/two"
  coracle build -q -f "$WORK/context/Dockerfile.shared" -t "$REGISTRY/me/shared:1" "$WORK/context" >/dev/null &&
    coracle push -q "$REGISTRY/me/shared:1" >/dev/null &&
    coracle save -o "$WORK/shared.tar" "$REGISTRY/me/shared:1" &&
    coracle rmi "$REGISTRY/me/shared:1" >/dev/null && coracle system prune -af >/dev/null && import_probe
}
teardown_file() { sandbox_down; }

store_is_whole() {
  inside python3 -c 'import sys; sys.path.insert(0, sys.argv[1]); from check import *
check_store(sys.argv[2]); check_garbage(sys.argv[2], sys.argv[3])' "$BATS_TEST_DIRNAME" "$1" "$2"
}

# at_once LIMIT COMMAND…: sixteen shells run the script of $1 with their number; 124 where one hangs. Prints what failed.
at_once() {
  local limit=$1 script=$2
  inside timeout --signal KILL "$limit" bash -c '
    for ((number = 0; number < 16; number++)); do bash -c "$0" - "$number" & pids+=($!); done
    for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
    exit ${failed:-0}' "$script"
}

@test "sixteen first commands make one store" {
  export CORACLE_ROOT=$WORK/new/root CORACLE_RUN_ROOT=$WORK/new/run
  run at_once 60 'coracle images -q && coracle tag nosuch:1 x:1 2>&1 | grep -q "No such image"'
  assert_exit 0
  assert_output ''
  run store_is_whole "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_exit 0
}

@test "sixteen processes pull, load, import, tag, remove, prune, verify, build and run the same names" {
  run at_once 180 '
    may() { # may PATTERN COMMAND…: it succeeds, or fails with these words
      local pattern=$1 output code; shift
      output=$(timeout 100 "$@" 2>&1); code=$?
      [ $code -eq 0 ] || { [ $code -ne 124 ] && grep -qE "$pattern" <<<"$output"; } || { echo "$*: $code: $output"; return 1; }
    }
    gone="No such image|not found" never="x^"
    pulled=localhost:5001/me/shared:1
    for ((round = 0; round < ${CONCURRENCY_ROUNDS:-3}; round++)); do
      case $((($1 + 5 * round) % 16)) in
        0) may "$never" coracle import "$WORK/second.tar" shared:1 ;;
        1) may "$gone" coracle tag shared:1 shared:2 ;;
        2) may "$gone|conflict" coracle rmi shared:1 ;;
        3 | 11) may "$never" coracle system prune -f ;;
        4) may "$never" coracle build -q -t shared:3 "$WORK/context" ;;
        5) may "$never" coracle run --rm probe:1 true ;;
        6) may "$never" coracle images ;;
        7) may "$gone|conflict" coracle rmi shared:2 ;;
        8 | 9) may "$never" coracle pull -q $pulled ;;
        10) may "$never" coracle load -q -i "$WORK/shared.tar" ;;
        12) may "$gone|conflict" coracle rmi $pulled ;;
        13) may "$gone" coracle tag $pulled shared:2 ;;
        14) may "$gone" coracle run --rm --network none $pulled words alive ;;
        15) may "$never" coracle image verify ;;
      esac || exit 1
    done'
  assert_exit 0
  assert_output ''
  run coracle run --rm probe:1 words alive
  assert_output '[alive]'
  coracle system prune -f
  run store_is_whole "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_exit 0
}

@test "nobody prunes what run is about to start" {
  # The container is there while its cid file is opened, and that takes two seconds here.
  background "$WORK/run.log" strace -f -qq -o /dev/null -P "$WORK/cid" -e inject=openat:delay_enter=2000000 \
    coracle run --rm --cidfile "$WORK/cid" probe:1 words alive
  local run=$!
  wait_until bash -c '[ -n "$(coracle ps -aq)" ]'
  run coracle container prune -f
  assert_exit 0
  wait "$run" || { cat "$WORK/run.log"; return 1; }
  [ "$(cat "$WORK/run.log")" = '[alive]' ]
}
