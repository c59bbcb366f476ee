# --format: templates, tables and JSON over the rows of `ps` and `images`.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

@test "images --format: template, table, json, and what is wrong" {
  run coracle images --format '{{.Repository}}:{{.Tag}}' probe
  assert_exit 0
  assert_output 'probe:1'
  run coracle images --format 'table {{upper .Repository}}\t{{.Tag}}' probe
  assert_output $'REPOSITORY   TAG\nPROBE        1'
  run coracle images --format json probe
  assert_match '^\{"Containers":"N/A","CreatedAt":".*","Repository":"probe","SharedSize":"N/A","Size":".*","Tag":"1",.*\}$'
  run coracle images --format '{{.Foo}}' probe
  assert_exit 1
  assert_output "Error: template parsing error: template: :1:2: executing \"\" at <.Foo>: can't evaluate field Foo in type *formatter.imageContext"
  run coracle images --format '{{nope}}'
  assert_exit 1
  assert_output 'Error: template parsing error: template: :1: function "nope" not defined'
}

@test "images --filter dangling" {
  run coracle images -q --filter dangling=true
  assert_exit 0
  assert_output ''
  run coracle images --filter dangling=false --format '{{.Tag}}' probe
  assert_output '1'
  run coracle images --filter nonsense=1
  assert_exit 1
  assert_output "Error: invalid filter 'nonsense'"
}

@test "ps --format, --last, --latest" {
  coracle create --name one --label place=here probe:1 true
  coracle create --name two probe:1 true
  run coracle ps -a --format '{{.Names}} {{.State}} {{.Label "place"}}|'
  assert_output $'two created |\none created here|'
  run coracle ps -l --format '{{.Names}}'
  assert_output 'two'
  run coracle ps -n 5 --format '{{.Names}}'
  assert_output $'two\none'
  run coracle ps -a --format 'table {{.Names}}\t{{.Label "com.example.my-place"}}'
  [ "${lines[0]}" = 'NAMES     my place' ]
}
