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

@test "mode=non-blocking: a container does not wait for its log, and what was lost is told" {
  coracle run -d --name fast --log-opt mode=non-blocking --log-opt max-buffer-size=64k probe:1 \
    sh -c 'say before && await /go && lines 50000 && write /done x && sleep 1000'
  wait_until logs_have fast '^before$'
  local monitor writer
  monitor=$(inside bash -c 'cut -d" " -f2 "$CORACLE_RUN_ROOT"/containers/*/lock')
  writer=$(inside pgrep -P "$monitor" coracle-monitor)
  inside kill -STOP "$writer"
  coracle exec fast write /go x
  wait_until coracle exec fast stat /done
  inside kill -CONT "$writer"
  coracle stop -t 0 fast
  run coracle logs fast
  assert_line before
  assert_line 'line 1'
  assert_match '^coracle: [0-9]+ bytes of this log are lost: it could not be written: No buffer space available$'
  refuse_line 'line 50000'
  # Without a jam all is there, and what is in the buffer at the end too.
  coracle run --rm --name slow --log-opt mode=non-blocking --log-opt max-buffer-size=1m --log-opt max-size=10k \
    --log-opt max-file=20 probe:1 lines 3000 >"$WORK/slow"
  lines_to 3000 <"$WORK/slow"
  coracle run --name whole --log-opt mode=non-blocking --log-opt max-size=10k --log-opt max-file=20 probe:1 lines 3000 >/dev/null
  coracle logs whole | lines_to 3000
  [ "$(coracle logs whole | wc -l)" -eq 3000 ]
}

# journal FILE: a journal in miniature, and its journalctl in the PATH.
start_journal() {
  background "$WORK/journal.log" setpriv --pdeathsig KILL python3 "$TOP/tests/system/programs/journal.py" serve "$1"
  wait_until inside test -S /run/systemd/journal/socket
  mkdir -p "$WORK/journal.bin"
  printf '#!/bin/sh\nexec python3 %s show %s "$@"\n' "$TOP/tests/system/programs/journal.py" "$1" >"$WORK/journal.bin/journalctl"
  chmod +x "$WORK/journal.bin/journalctl"
}

@test "--log-driver journald: entries with Docker's fields, read back by journalctl" {
  run coracle run --log-driver journald probe:1 say hello
  assert_exit 125
  assert_has 'failed to initialize logging driver: journald is not enabled on this host'
  run coracle create --log-driver journald --log-opt max-size=1m probe:1
  assert_exit 125
  assert_has "unknown log opt 'max-size' for journald log driver"
  start_journal "$WORK/journal"
  PATH=$WORK/journal.bin:$PATH
  coracle run --name told --log-driver journald --label stage=test --label 'text=two
lines' --log-opt labels=stage,text --log-opt 'tag={{.Name}}/{{.ID}}' probe:1 say hello
  local id
  id=$(coracle inspect -f '{{.Id}}' told)
  run grep -a . "$WORK/journal"
  assert_line 'MESSAGE=hello'
  assert_line 'PRIORITY=6'
  assert_line "CONTAINER_ID=${id:0:12}"
  assert_line "CONTAINER_ID_FULL=$id"
  assert_line 'CONTAINER_NAME=told'
  assert_line "CONTAINER_TAG=told/${id:0:12}"
  assert_line "SYSLOG_IDENTIFIER=told/${id:0:12}"
  assert_line 'IMAGE_NAME=probe:1'
  assert_line 'STAGE=test'
  run --separate-stderr coracle logs told
  assert_line hello
  run coracle logs -t told
  assert_match '^[0-9]{4}-[0-9T:.-]+Z hello$'
  # Lines that are longer than an entry, and an entry that is longer than a datagram.
  head -c 110000 /dev/zero | tr '\0' x >"$WORK/wide"
  tr x z <"$WORK/wide" | head -c 40000 | coracle run -i --name long --log-driver journald --label "wide=$(cat "$WORK/wide")" \
    --label "wider=$(cat "$WORK/wide")" --log-opt labels=wide,wider probe:1 cat >/dev/null
  run grep -ac 'CONTAINER_PARTIAL_MESSAGE=true' "$WORK/journal"
  [ "$output" -ge 2 ]
  run grep -ac 'X_SEALED=1' "$WORK/journal"
  [ "$output" -ge 3 ]
  [ "$(coracle logs long | wc -c)" -eq 40000 ]
  coracle run -d --name followed --log-driver journald probe:1 sh -c 'say first && await /go && say last'
  coracle logs -f followed >"$WORK/journal.followed" 3>&- 4>&- &
  local follower=$!
  wait_until file_has "$WORK/journal.followed" first
  coracle exec followed write /go x
  wait "$follower"
  [ "$(cat "$WORK/journal.followed")" = $'first\nlast' ]
  mv "$WORK/journal.bin/journalctl" "$WORK/journal.bin/gone"
  run inside env PATH="$WORK/journal.bin" "$TOP/build/bin/coracle" logs told
  assert_exit 1
  assert_has "journalctl, which reads that, is not in the PATH"
}

@test "logs --removed: the log of a container that is gone is kept for a while, and goes with system prune" {
  coracle system prune -f >/dev/null
  coracle run --rm --name once --label stage=test --log-opt labels=stage probe:1 sh -c 'say out && write /dev/stderr err' >/dev/null 2>&1
  run coracle logs once
  assert_exit 1
  run coracle logs --removed once
  assert_line out
  assert_line err
  run coracle logs --removed --details --tail 1 once
  assert_match '^stage=test '
  # The last one of a name is it; ids and their beginnings are names too.
  local id
  id=$(coracle run -d --name once probe:1 say second)
  coracle wait "$id"
  coracle rm "$id" >/dev/null
  for name in once "$id" "${id:0:12}"; do
    run coracle logs --removed "$name"
    assert_output second
  done
  run coracle logs --removed nobody
  assert_exit 1
  assert_has 'no log of a removed container nobody is kept'
  run coracle logs --removed -f once
  assert_has '--follow and --removed exclude each other'
  # Who said nothing leaves nothing.
  coracle run --rm --name silent probe:1 true
  run coracle logs --removed silent
  assert_exit 1
  # What is too old or too much goes with the next removal.
  local folder=$CORACLE_ROOT/removed-logs old
  old=$(printf '1000000000000000000-1-%064d' 7)
  inside mkdir "$folder/$old" "$folder/$(($(date +%s) - 100))000000000-2000000-$(printf %064d 8)"
  coracle run --rm probe:1 say third >/dev/null
  run ls "$folder"
  refuse_has "$old"
  refuse_has "$(printf %064d 8)"
  [ "${#lines[@]}" -eq 3 ]
  run coracle system prune -f
  assert_has 'Total reclaimed space'
  run ls "$folder"
  assert_output ''
  run coracle logs --removed once
  assert_exit 1
}
