# push: what it says and does beyond the round trips of transfer.bats, against Debian's docker-registry.
load helper

REGISTRY=localhost:5002

setup_file() {
  sandbox_up && import_probe || return 1
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/theirs" "$REGISTRY" >"$WORK/theirs.yml"
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until is_up || { cat "$WORK/theirs.log" >&2; return 1; }
  mkdir "$WORK/context"
  printf 'FROM probe:1\nCOPY text /text\n' >"$WORK/context/Dockerfile"
}
teardown_file() { sandbox_down; }
is_up() { inside curl --silent -o /dev/null "http://$REGISTRY/v2/"; }
build() {
  echo "$1" >"$WORK/context/text"
  coracle build -q -t "$2" "$WORK/context"
}

@test "a forgotten image tag: push says which build is newer, and pushes what was asked for" {
  name=$REGISTRY/me/story:v1
  build old story:v1
  coracle tag story:v1 "$name"
  run --separate-stderr coracle push "$name"
  assert_exit 0
  [ -z "$stderr" ] || _mismatch "a warning without a reason: $stderr"
  build new story:v1
  run --separate-stderr coracle push "$name"
  assert_exit 0
  [[ $stderr == *"story:v1 was built later than the image that $name names"* ]] || _mismatch "$stderr"
  [[ $stderr == *"coracle image tag story:v1 $name"* ]] || _mismatch "$stderr"
  assert_match '^v1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
  # What it advises ends it.
  coracle image tag story:v1 "$name"
  run --separate-stderr coracle push "$name"
  assert_exit 0
  [ -z "$stderr" ] || _mismatch "$stderr"
  # Another repository's build is not the same story.
  build other else:v1
  run --separate-stderr coracle push "$name"
  [ -z "$stderr" ] || _mismatch "$stderr"
}

@test "push --all-tags" {
  name=$REGISTRY/me/many
  build one "$name:one"
  build two "$name:two"
  run coracle push -a "$name"
  assert_exit 0
  assert_match '^one: digest: sha256:'
  assert_match '^two: digest: sha256:'
  [ "$(grep -c 'The push refers to repository' <<<"$output")" -eq 1 ] || _mismatch 'told more than once'
  run inside curl --silent "http://$REGISTRY/v2/me/many/tags/list"
  assert_has '"one"'
  assert_has '"two"'
  run coracle push -a "$name:one"
  assert_exit 1
  assert_has "tag can't be used with --all-tags/-a"
  run coracle push -a "$REGISTRY/me/none"
  assert_exit 1
  assert_has "An image does not exist locally with the tag: $REGISTRY/me/none"
}

@test "a name without a registry is explained; signing is refused" {
  build text lonely:v1
  run coracle push lonely:v1
  assert_exit 1
  assert_has 'coracle tag lonely:v1 REGISTRY/USER/lonely:v1'
  run coracle push --disable-content-trust=false "$REGISTRY/me/story:v1"
  assert_exit 1
  assert_has 'cannot be signed'
}

@test "push --platform" {
  name=$REGISTRY/me/platform:v1
  build text "$name"
  run coracle push --platform linux/s390x "$name"
  assert_exit 1
  assert_has "image with reference $name was found but does not provide the specified platform (linux/s390x): it is for linux/"
  run coracle push --platform "linux/$(inside dpkg --print-architecture)" "$name"
  assert_exit 0
  assert_match '^v1: digest: sha256:'
}

@test "build --push" {
  name=$REGISTRY/me/built
  echo pushed >"$WORK/context/text"
  run coracle build --push -t "$name:one" -t "$name:two" "$WORK/context"
  assert_exit 0
  assert_match '^one: digest: sha256:'
  assert_match '^two: digest: sha256:'
  run inside curl --silent "http://$REGISTRY/v2/me/built/tags/list"
  assert_has '"one"'
  assert_has '"two"'
  # Refused before anything is built.
  for tags in "" "-t lonely-push:v1"; do
    # shellcheck disable=SC2086 # none, or an option and its value
    run coracle build --push $tags "$WORK/context"
    assert_exit 1
    refuse_has FROM
  done
  assert_has 'names no registry'
  run coracle image ls -q lonely-push
  assert_output ''
  run coracle build --push "$WORK/context"
  assert_line 'ERROR: tag is needed when pushing to registry'
}

@test "a push that is killed half way, then pushed again" {
  name=$REGISTRY/me/large:v1
  head -c 30000000 /dev/urandom >"$WORK/context/text"
  coracle build -q -t "$name" "$WORK/context"
  for pause in 0.01 0.03 0.06; do
    inside bash -c 'coracle push "$1" >/dev/null 2>&1 & pid=$!; sleep "$2"; kill -KILL $pid; wait $pid' - "$name" "$pause" || true
  done
  run coracle push "$name"
  assert_exit 0
  run coracle --root "$WORK/other/root" --run-root "$WORK/other/run" pull -q "$name"
  assert_exit 0
}
