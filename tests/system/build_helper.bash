# What the tests of `build` share: a context that is new for each test. A file's own functions go before these.
setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() { new_context; }
teardown() { remove_containers; }

new_context() {
  context=$WORK/context
  rm -rf "$context"
  mkdir "$context"
}
# The Dockerfile of the context from standard input.
dockerfile() { cat >"$context/Dockerfile"; }
build() { run coracle build --progress plain "$@" "$context"; }
