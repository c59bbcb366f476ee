# The language of Dockerfiles, against tables that were written from its reference: tests/conformance/build/tables.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }

# A table that holds nothing proves nothing.
check_table() {
  run inside python3 "$BATS_TEST_DIRNAME/build/language.py" "$BATS_TEST_DIRNAME/build/tables/$1.toml"
  assert_exit 0
  assert_match '^[1-9][0-9]+ cases, 0 failed$'
}

@test "build: variables, quotes and escapes, and where they are expanded" { check_table expansion; }
@test "build: directives, comments, continued lines, heredocs, JSON and shell form" { check_table format; }
@test "build: what each instruction leaves in the configuration and the history" { check_table instructions; }
@test "build: ARG, FROM and stages" { check_table arguments; }
@test "build: messages, and the lines that they point at" { check_table errors; }
@test "build: .dockerignore" { check_table ignore; }
@test "build: sources and destinations of COPY and ADD" { check_table sources; }
@test "build: RUN" { check_table run; }
