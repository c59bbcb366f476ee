# top: a container's processes, from our own /proc.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

@test "top: Docker's columns, all processes of the container and no other" {
  coracle run -d --name box probe:1 sleep >/dev/null
  coracle run -d --name other -u user probe:1 hold >/dev/null
  coracle exec -d -u 54321 box sleep
  run coracle top box
  assert_exit 0
  [[ "${lines[0]}" =~ ^"UID"\ +"PID"\ +"PPID"\ +"C"\ +"STIME"\ +"TTY"\ +"TIME"\ +"CMD"$ ]]
  [ "${lines[0]:0:23}" = 'UID                 PID' ]
  [ "${#lines[@]}" -eq 3 ]
  assert_match '^root +[0-9]+ +[0-9]+ +[0-9]+ +[0-9:]{5} +\? +00:00:0[0-9] +sleep$'
  assert_match '^54321 +[0-9]+ .* sleep$'
  refuse_has hold
  # The pid is the host's: the one that signals reach.
  run coracle top other -o pid,ppid,user,comm
  [[ "${lines[0]}" =~ ^"PID"\ +"PPID"\ +"USER"\ +"COMMAND"$ ]]
  [ "${#lines[@]}" -eq 2 ]
  [ "$(inside cat "/proc/${lines[1]%% *}/comm")" = hold ]
  run coracle top box aux
  [[ "${lines[0]}" =~ ^"USER"\ +"PID"\ +"%CPU"\ +"%MEM"\ +"VSZ"\ +"RSS"\ +"TTY"\ +"STAT"\ +"START"\ +"TIME"\ +"COMMAND"$ ]]
  run coracle container top box -eo args
  assert_output $'COMMAND\nsleep\nsleep'
}

@test "top: what does not run, is not there, is no column" {
  coracle create --name box probe:1 sleep >/dev/null
  run coracle top box
  assert_exit 1
  assert_match '^Error: container [0-9a-f]{64} is not running$'
  run coracle top nosuch
  assert_exit 1
  assert_has 'No such container: nosuch'
  run coracle top
  assert_has "'coracle top' requires at least 1 argument"
  coracle start box
  run coracle top box -o pid,nosuch
  assert_exit 1
  assert_has 'ps option "-o nosuch" is not supported'
  run coracle top box --forest
  assert_exit 1
  run coracle top box -o
  assert_exit 1
  run coracle top box -o ''
  assert_exit 1
}

@test "top: CVE-2022-1227: neither a ps nor a library of the image runs, and no text of it moves the cursor" {
  # A ps that tells of itself wherever it runs, first in every PATH of the image, and its words as a command's.
  mkdir -p "$WORK/trojan"
  printf '#!/bin/bash\ntouch "%s/ran"\n' "$WORK" >"$WORK/trojan/ps"
  chmod 755 "$WORK/trojan/ps"
  coracle run -d --name box -v "$WORK/trojan:/bin/host" -v "$WORK/trojan/ps:/bin/ps" -e PATH=/bin/host:/bin \
    probe:1 /bin/sleep 600 $'\e[2J' $'\xc2\x9b1m' $'a\nb' >/dev/null
  run inside env PATH="$WORK/trojan:$PATH" "$TOP/build/bin/coracle" top box
  assert_exit 0
  assert_match '/bin/sleep 600 \?\[2J \?\?1m a\?b$'
  [ "${#lines[@]}" -eq 2 ]
  [ ! -e "$WORK/ran" ]
}
