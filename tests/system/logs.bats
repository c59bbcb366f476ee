#!/usr/bin/env bats
# What containers say: how it is kept within bounds, and how it is read back.
load helper

setup_file() {
  sandbox_up
  import_probe
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

folder_of() { echo "$CORACLE_ROOT/containers/$(coracle inspect -f '{{.Id}}' "$1")/logs"; }
has_lines() { [ "$(coracle logs "$1" | wc -l)" -eq "$2" ]; }
has_file() { [ -e "$1" ]; }
# That what comes in is "line I" to "line LAST", whatever I is.
lines_to() {
  awk -v last="$1" '$0 !~ /^line [0-9]+$/ || (NR > 1 && $2 != before + 1) { print "here: " $0; bad = 1 } { before = $2 }
    END { if (before != last) print "the last is " before; exit bad || before != last }'
}

@test "a log is bounded: by default, and by max-size and max-file" {
  coracle run --name small --log-opt max-size=2k --log-opt max-file=3 probe:1 lines 500 >/dev/null
  local folder
  folder=$(folder_of small)
  run ls "$folder"
  [ "${#lines[@]}" -eq 3 ]
  run find "$folder" -type f -size +2000c
  assert_output ''
  coracle logs small | lines_to 500
  [ "$(coracle logs small | wc -l)" -gt 80 ]
  run coracle logs --tail 60 small
  [ "${#lines[@]}" -eq 60 ]
  assert_line 'line 441'
  # A start goes on with it.
  coracle start -a small >/dev/null
  [ "$(ls "$folder" | wc -l)" -eq 3 ]
  coracle logs small | lines_to 500
  coracle run --name one --log-opt max-size=2k --log-opt max-file=1 probe:1 lines 500 >/dev/null
  run ls "$(folder_of one)"
  assert_output container.log
  coracle logs one | lines_to 500
  # 130 MB, of which 100 stay.
  coracle run --name large probe:1 fill 130000000 >/dev/null
  run ls "$(folder_of large)"
  [ "${#lines[@]}" -eq 5 ]
  run find "$(folder_of large)" -type f -size +20971520c
  assert_output ''
  # -1 is Docker's word for no limit.
  coracle run --name unlimited --log-opt max-size=-1 probe:1 fill 30000000 >/dev/null
  run ls "$(folder_of unlimited)"
  assert_output container.log
}

@test "log-opt: what is none, or has a bad value, is refused with Docker's words; inspect tells the rest" {
  local case
  while IFS='|' read -r options message; do
    run coracle create $options probe:1
    assert_exit 125
    assert_has "$message"
  done <<'CASES'
--log-opt max-sise=1m|unknown log opt 'max-sise' for json-file log driver
--log-driver local --log-opt x=y|unknown log opt 'x' for log driver local
--log-driver none --log-opt max-size=1m|invalid logging opts for driver none
--log-opt max-size=much|failed to initialize logging driver: invalid size: 'much'
--log-opt max-size=1q|failed to initialize logging driver: invalid suffix: 'q'
--log-opt max-size=0|failed to initialize logging driver: max-size must be a positive number
--log-driver local --log-opt max-size=x|failed to initialize logging driver: invalid value for max-size: x: invalid size: 'x'
--log-opt max-file=0|failed to initialize logging driver: max-file cannot be less than 1
--log-opt max-file=two|failed to initialize logging driver: strconv.Atoi: parsing "two": invalid syntax
--log-driver local --log-opt max-file=two|failed to initialize logging driver: invalid value for max-file: two: strconv.Atoi: parsing "two": invalid syntax
--log-opt compress=maybe|failed to initialize logging driver: strconv.ParseBool: parsing "maybe": invalid syntax
--log-opt compress=true --log-opt max-file=1|compress cannot be true when max-file is less than 2 or max-size is not set
--log-driver local --log-opt max-file=1|compression cannot be enabled when max file count is 1
--log-opt mode=fast|logger: logging mode not supported: fast
--log-opt max-buffer-size=1m|logger: max-buffer-size option is only supported with 'mode=non-blocking'
--log-opt mode=non-blocking --log-opt max-buffer-size=x|error parsing option max-buffer-size: invalid size: 'x'
--log-opt labels-regex=(|error parsing regexp
--log-opt tag={{.Nothing}}|template: log-tag
CASES
  run coracle ps -aq
  assert_output ''
  coracle create --name told --log-opt max-size=10m --log-opt max-file=2 --log-opt max-size=20m probe:1
  run coracle inspect -f '{{json .HostConfig.LogConfig}}' told
  assert_output '{"Type":"json-file","Config":{"max-file":"2","max-size":"20m"}}'
}

@test "compress: full files become .gz, and are read as before" {
  coracle run -d --name packed --log-opt max-size=20k --log-opt max-file=4 --log-opt compress=true probe:1 \
    sh -c 'lines 5000 && sleep 1000'
  wait_until logs_have packed '^line 5000$'
  local folder
  folder=$(folder_of packed)
  # All but the last, which is perhaps not full, and those that were full while others were compressed.
  wait_until bash -c "ls $folder/container.log.*.gz"
  coracle logs packed | grep -v ready | lines_to 5000
  [ "$(coracle logs packed | wc -l)" -gt 1000 ]
  run coracle logs --tail 900 packed
  [ "${#lines[@]}" -eq 900 ]
  [ "$(ls "$folder" | grep -vc new)" -le 5 ]
}

@test "logs -f goes over rotations and loses nothing, and shows the last of a --rm container" {
  coracle run -d --rm --name gone --log-opt max-size=10k --log-opt max-file=50 probe:1 sh -c 'await /go && lines 5000'
  coracle logs -f gone >"$WORK/followed" 3>&- 4>&- &
  local follower=$!
  coracle exec gone write /go x
  wait "$follower"
  lines_to 5000 <"$WORK/followed"
  [ "$(head -n 1 "$WORK/followed")" = 'line 1' ]
  run coracle inspect gone
  assert_exit 1
}

@test "logs -f ends with the container also where that is started again, as Docker's does" {
  coracle run -d --name again --restart always probe:1 sh -c 'say hello && await /go && rm /go && false'
  coracle logs -f again >"$WORK/again" 3>&- 4>&- &
  local follower=$!
  wait_until file_has "$WORK/again" hello
  coracle exec again write /go x
  wait "$follower"
  # The next run may have said something before the follower saw that there is one.
  [ "$(head -n 1 "$WORK/again")" = hello ]
  wait_until has_lines again 2
}

@test "a killed monitor loses nothing that was written, and the next start goes on" {
  coracle run -d --name killed --log-opt max-size=3k --log-opt max-file=400 probe:1 lines 20000 1 >/dev/null
  wait_until has_file "$(folder_of killed)/container.log.3"
  local monitor
  monitor=$(inside bash -c 'cut -d" " -f2 "$CORACLE_RUN_ROOT"/containers/*/lock')
  inside kill -KILL "$monitor"
  run coracle wait killed
  assert_output 137
  local last
  last=$(coracle logs --tail 1 killed)
  coracle logs killed | lines_to "${last#line }"
  run coracle logs -n 1000000 killed
  assert_line 'line 1'
}

@test "--since and --until find their place in a long log, and say the same as a search would" {
  coracle run --name long --log-opt max-size=100k --log-opt max-file=20 probe:1 lines 30000 >/dev/null
  coracle logs -t long >"$WORK/all"
  local from to
  from=$(sed -n 12345p "$WORK/all" | cut -d' ' -f1)
  to=$(sed -n 12500p "$WORK/all" | cut -d' ' -f1)
  run coracle logs -t --since "$from" --until "$to" long
  [ "$output" = "$(awk -v from="$from" -v to="$to" '$1 >= from && $1 <= to' "$WORK/all")" ]
  assert_has 'line 12345'
  run coracle logs -t --since "$from" --tail 5 long
  [ "$output" = "$(tail -n 5 "$WORK/all")" ]
  run coracle logs --until 2001-01-01 long
  assert_output ''
}

@test "--details shows what tag, labels and env have chosen" {
  coracle run --name detailed --label stage=test --label 'team=a b' --label other=no -e SHARD=7 -e SECRET=x \
    --log-opt labels=stage,absent --log-opt labels-regex='^te' --log-opt env=SHARD --log-opt 'tag={{.Name}}/{{.ImageName}}' \
    probe:1 say hello >/dev/null
  run coracle logs --details detailed
  assert_output 'SHARD=7,stage=test,tag=detailed%2Fprobe%3A1,team=a+b hello'
  run coracle logs -t --details detailed
  assert_match '^[0-9T:.-]+Z SHARD=7,.* hello$'
  run coracle logs detailed
  assert_output hello
  coracle run --name plain probe:1 say hello >/dev/null
  run coracle logs --details plain
  assert_output ' hello'
}
