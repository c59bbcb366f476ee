# run, and all that is done with containers afterwards.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

# --- exit codes -----------------------------------------------------------------------------------------------------

@test "run: the exit code is the command's" {
  run coracle run --rm probe:1 true
  assert_exit 0
  assert_output ''
  run coracle run --rm probe:1 exit 3
  assert_exit 3
  run coracle run --rm probe:1 exit 255
  assert_exit 255
}

@test "run: a command killed by a signal is 128 + its number" {
  coracle run -d --name victim probe:1 hold
  coracle kill victim
  run coracle wait victim
  assert_output 137
}

@test "run: 127 for a command that is not there" {
  run -127 coracle run --rm probe:1 nosuch
  assert_exit 127
  assert_has 'exec: "nosuch": executable file not found in $PATH'
  run -127 coracle run --rm probe:1 /nosuch/program
  assert_exit 127
  assert_has 'exec: "/nosuch/program": stat /nosuch/program: no such file or directory'
  run coracle ps -aq
  assert_output ''
}

@test "run: 126 for a command that cannot be run" {
  run coracle run --rm probe:1 /data/file
  assert_exit 126
  assert_has 'permission denied'
  run coracle run --rm probe:1 /etc
  assert_exit 126
  run coracle run --rm probe:1 /bin/text
  assert_exit 126
  assert_has 'exec format error'
}

@test "run: 125 for our own failures" {
  run coracle run --nosuch probe:1
  assert_exit 125
  assert_has 'unknown flag: --nosuch'
  assert_has "Run 'coracle run --help' for more information"
  run coracle run
  assert_exit 125
  assert_has "'coracle run' requires at least 1 argument"
  run coracle run --pull never nosuch:1
  assert_exit 125
  assert_has 'No such image: nosuch:1'
  run coracle run Probe:1
  assert_exit 125
  assert_has 'invalid reference format: repository name (library/Probe) must be lowercase'
  run coracle run -m 1m probe:1
  assert_exit 125
  assert_has 'Minimum memory limit allowed is 6MB'
  run coracle run -v volume:relative probe:1
  assert_exit 125
  assert_has "invalid mount path: 'relative' mount path must be absolute"
}

@test "run: the image's command, and help" {
  run coracle run --rm probe:1
  assert_exit 0
  run coracle run --help
  assert_exit 0
  assert_has 'Usage:  coracle run [OPTIONS] IMAGE [COMMAND] [ARG...]'
  assert_has '--network'
}

# --- streams --------------------------------------------------------------------------------------------------------

@test "run: standard output and error are apart" {
  run --separate-stderr coracle run --rm probe:1 say out err
  assert_exit 0
  assert_output out
  [ "$stderr" = err ] || _mismatch 'standard error is not: err'
}

@test "run: standard input with -i, and none without" {
  run inside bash -c 'printf "one\ntwo\n" | coracle run --rm -i probe:1 cat'
  assert_exit 0
  assert_output $'one\ntwo'
  run inside bash -c 'printf "one\ntwo\n" | coracle run --rm probe:1 cat'
  assert_exit 0
  assert_output ''
}

@test "run: ten megabytes go in and out whole" {
  run inside bash -c '"$WORK/probe" fill 10000000 >"$WORK/input"
    coracle run --rm -i probe:1 cat <"$WORK/input" >"$WORK/copy" && cmp "$WORK/input" "$WORK/copy" &&
    coracle run --rm probe:1 fill 10000000 | cmp - "$WORK/input" && wc -c <"$WORK/copy"'
  assert_exit 0
  assert_output 10000000
  rm -f "$WORK/input" "$WORK/copy"
}

@test "run: a detached container's ten megabytes are all in its log" {
  coracle run -d --name big probe:1 fill 10000000
  coracle wait big
  run inside bash -c 'coracle logs big | cmp - <("$WORK/probe" fill 10000000) && echo same'
  assert_output same
}

@test "run: a reader that goes away does not hang the run" {
  run inside bash -c 'coracle run --rm probe:1 fill 10000000 | head -n 1'
  assert_line "$(printf '%063d' 0)"
}

@test "run -it: a real terminal of our size, echo, end-of-file, exit code" {
  run on_terminal 33 101 -- coracle run --rm -it probe:1 terminal
  assert_exit 0
  assert_match 'terminal 111 rows 33 columns 101'
  run on_terminal 24 80 'send:hello\r' 'expect:hello' 'expect:hello' 'send:\x04' \
    -- coracle run --rm -it probe:1 cat
  assert_exit 0
  run on_terminal 24 80 -- coracle run --rm -it probe:1 exit 7
  assert_exit 7
}

@test "run -it: Ctrl-C reaches the container, Ctrl-P Ctrl-Q leaves it running" {
  run on_terminal 24 80 expect:ready 'send:\x03' -- coracle run --rm -it probe:1 trap 9
  assert_exit 9
  assert_has 'got 2'
  run on_terminal 24 80 expect:ready 'send:\x10\x11' -- coracle run -it --name left probe:1 sleep
  assert_exit 0
  run coracle ps
  assert_match 'Up .*left'
}

@test "run -it without a terminal is refused" {
  run inside bash -c 'coracle run --rm -it probe:1 true </dev/null'
  assert_exit 125
  assert_has 'the input device is not a TTY'
}

@test "run: signals go on to the container" {
  run inside bash -c 'coracle run --rm --name signalled probe:1 sleep >"$WORK/out" & pid=$!
    for i in $(seq 200); do grep -q ready "$WORK/out" && break; sleep 0.05; done
    kill -TERM $pid; wait $pid'
  assert_exit 143
  run inside bash -c 'coracle run --rm probe:1 trap 5 >"$WORK/out" & pid=$!
    for i in $(seq 200); do grep -q ready "$WORK/out" && break; sleep 0.05; done
    kill -USR1 $pid; wait $pid; echo "$? $(tail -n 1 "$WORK/out")"'
  assert_output '5 got 10'
}

# --- what is given to the container -----------------------------------------------------------------------------------

@test "run -e, --env-file: the environment, and nothing of ours" {
  printf '# comment\nFROM_FILE=file\nBOTH=file\n' >"$WORK/env"
  run inside env SECRET=leaked HANDED=on "$TOP/build/bin/coracle" run --rm -e ONE=1 -e HANDED -e BOTH=option -e EMPTY= \
    -e ABSENT_HERE --env-file "$WORK/env" -h box probe:1 env
  assert_exit 0
  assert_line ONE=1
  assert_line HANDED=on
  assert_line FROM_FILE=file
  assert_line BOTH=option
  assert_line EMPTY=
  assert_line HOSTNAME=box
  assert_line HOME=/root
  assert_line PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  refuse_has SECRET
  refuse_has ABSENT_HERE
  refuse_has CORACLE
  run coracle run --rm -e =x probe:1 env
  assert_exit 125
  assert_has 'invalid environment variable: =x'
}

@test "run -w: the working directory, made where it is missing" {
  run coracle run --rm -w /data probe:1 pwd
  assert_output /data
  run coracle run --rm -w /made/here probe:1 pwd
  assert_output /made/here
  run coracle run --rm -w relative probe:1 pwd
  assert_exit 125
  assert_has "the working directory 'relative' is invalid, it needs to be an absolute path"
}

@test "run -u: names, numbers, groups" {
  run coracle run --rm probe:1 id
  assert_match '^uid=0 gid=0 '
  run coracle run --rm -u user probe:1 id
  assert_match '^uid=1000 gid=1000 groups=(1000,)?1001'
  run coracle run --rm -u 1234:staff probe:1 id
  assert_match '^uid=1234 gid=50 '
  run coracle run --rm -u user --group-add staff --group-add 77 probe:1 id
  assert_match 'groups=.*\b50\b'
  assert_match 'groups=.*\b77\b'
  run coracle run --rm -u user probe:1 env
  assert_line HOME=/home/user
  run coracle run --rm -u nobody-here probe:1 id
  assert_exit 125
  assert_has 'unable to find user nobody-here: no matching entries in passwd file'
}

@test "run --entrypoint replaces entrypoint and command" {
  run coracle run --rm --entrypoint words probe:1 a 'b c'
  assert_output '[a][b c]'
  run coracle run --rm --entrypoint '' probe:1 words x
  assert_output '[x]'
  run coracle run --rm --entrypoint words probe:1
  assert_output ''
}

@test "run --hostname, and /etc/hosts with it" {
  run coracle run --rm --hostname box probe:1 hostname
  assert_output box
  run coracle run --rm -h box --add-host db:10.1.2.3 probe:1 cat /etc/hosts /etc/hostname
  assert_match '^[0-9.]+[[:space:]]+box$'
  assert_match '^10\.1\.2\.3[[:space:]]+db$'
  assert_line box
  run coracle run --name named probe:1 hostname
  id=$output
  run coracle ps -aq
  assert_output "$id"
}

@test "run -v: a bound folder, writable and read-only" {
  mkdir "$WORK/bound"
  echo host >"$WORK/bound/file"
  run coracle run --rm -v "$WORK/bound:/data" probe:1 cat /data/file
  assert_output host
  coracle run --rm -v "$WORK/bound:/data" probe:1 write /data/made inside
  [ "$(cat "$WORK/bound/made")" = inside ]
  run coracle run --rm -v "$WORK/bound:/data:ro" probe:1 write /data/refused inside
  assert_exit 1
  assert_has 'Read-only file system'
  [ ! -e "$WORK/bound/refused" ]
  run coracle run --rm -v "$WORK/bound:/new/folder" probe:1 cat /new/folder/file
  assert_output host
  run coracle run --rm -v "$WORK/bound/file:/data/file:ro" probe:1 cat /data/file
  assert_output host
  run coracle run --rm --mount "type=bind,src=$WORK/bound,dst=/data,readonly" probe:1 cat /data/made
  assert_output inside
  rm -r "$WORK/bound"
}

@test "run -v: a missing source of -v is made, of --mount it is refused" {
  run coracle run --rm -v "$WORK/not-yet:/data" probe:1 write /data/file x
  assert_exit 0
  [ "$(cat "$WORK/not-yet/file")" = x ]
  run coracle run --rm --mount "type=bind,src=$WORK/never,dst=/data" probe:1 true
  assert_exit 125
  assert_has 'bind source path does not exist'
}

@test "run -v: a named volume keeps, and begins as the image's folder" {
  run coracle run --rm -v kept:/data probe:1 cat /data/file
  assert_output 'text of the image'
  coracle run --rm -v kept:/data probe:1 write /data/file changed
  run coracle run --rm -v kept:/elsewhere probe:1 cat /elsewhere/file
  assert_output changed
  run coracle run --rm -v kept:/data:ro probe:1 write /data/file again
  assert_exit 1
}

@test "run -v: an anonymous volume lives as long as its container" {
  coracle run --name first -v /data probe:1 write /data/file volume
  run coracle start -a first
  assert_exit 0
  [ "$(find "$CORACLE_ROOT/volumes" -name file | xargs grep -l volume | wc -l)" -eq 1 ]
  coracle rm -v first
  [ "$(find "$CORACLE_ROOT/volumes" -name file | xargs grep -l volume | wc -l)" -eq 0 ]
}

@test "run --tmpfs, --read-only" {
  run coracle run --rm --read-only probe:1 write /made x
  assert_exit 1
  assert_has 'Read-only file system'
  run coracle run --rm --read-only --tmpfs /scratch:size=1m probe:1 sh -c 'write /scratch/file x && cat /scratch/file'
  assert_output x
  run coracle run --rm --tmpfs /scratch:size=1m,mode=700 probe:1 cat /proc/self/mountinfo
  assert_match ' /scratch rw,nosuid,nodev,noexec.* - tmpfs .*size=1024k'
}

@test "run --cap-drop, --cap-add, --privileged" {
  run coracle run --rm probe:1 cat /proc/self/status
  assert_match '^CapEff:[[:space:]]+00000000a80425fb$'
  run coracle run --rm --cap-drop ALL probe:1 cat /proc/self/status
  assert_match '^CapEff:[[:space:]]+0000000000000000$'
  assert_match '^CapBnd:[[:space:]]+0000000000000000$'
  run coracle run --rm --cap-drop all --cap-add CHOWN probe:1 chown 5 /data/file
  assert_exit 0
  run coracle run --rm --cap-drop CAP_CHOWN probe:1 chown 5 /data/file
  assert_exit 1
  assert_has 'Operation not permitted'
  run coracle run --rm probe:1 mount tmpfs
  assert_exit 1
  run coracle run --rm --privileged probe:1 mount tmpfs
  assert_output mounted
  run coracle run --rm --cap-add NONSENSE probe:1 true
  assert_exit 125
}

@test "run --security-opt no-new-privileges" {
  run coracle run --rm --security-opt no-new-privileges probe:1 cat /proc/self/status
  assert_match '^NoNewPrivs:[[:space:]]+1$'
  assert_match '^Seccomp:[[:space:]]+2$'
  run coracle run --rm --security-opt seccomp=unconfined probe:1 cat /proc/self/status
  assert_match '^Seccomp:[[:space:]]+0$'
}

@test "run -m: more than the limit is killed" {
  run coracle run --rm -m 32m probe:1 memory 8
  assert_output 'done'
  coracle run --name hungry -m 32m --memory-swap 32m probe:1 memory 256 || true
  run coracle inspect -f '{{.State.OOMKilled}}' hungry
  assert_output true
  run coracle events --since 10m --until 0s --filter container=hungry --format '{{.Action}}'
  assert_line oom
  coracle run --name modest -m 32m probe:1 memory 8
  run coracle inspect -f '{{.State.OOMKilled}}' modest
  assert_output false
  run coracle run --rm -m 32m --memory-swap 32m probe:1 memory 256
  assert_exit 137
}

@test "run --pids-limit" {
  run coracle run --rm --pids-limit 10 probe:1 processes 50
  assert_exit 0
  assert_output 'made 9'
}

@test "run --network none and host" {
  run coracle run --rm --network none probe:1 interfaces
  assert_output 'lo 127.0.0.1'
  inside ip link add name seen-by-host type veth peer name its-peer
  run coracle run --rm --network host probe:1 interfaces
  inside ip link del seen-by-host
  assert_line 'seen-by-host -'
  run coracle run --rm --network nosuch probe:1 true
  assert_exit 125
  assert_has 'network nosuch not found'
}

@test "run --init: a process 1 that hands signals on" {
  run coracle run --rm --init probe:1 cat /proc/1/comm
  assert_exit 0
  refuse_has cat
  coracle run -d --name initialised --init probe:1 trap 4
  wait_until logs_have initialised ready
  coracle stop -t 20 initialised
  run coracle wait initialised
  assert_output 4
}

# --- detached ---------------------------------------------------------------------------------------------------------

@test "run -d prints the id; names and prefixes find it" {
  run coracle run -d --name web probe:1 sleep
  assert_exit 0
  assert_match '^[0-9a-f]{64}$'
  id=$output
  run coracle run --name web probe:1 true
  assert_exit 125
  assert_has "Conflict. The container name \"/web\" is already in use by container \"$id\". You have to remove (or rename) that container to be able to reuse that name."
  run coracle logs "${id:0:6}"
  assert_output ready
  run coracle ps -q
  assert_output "${id:0:12}"
  run coracle ps -q --no-trunc
  assert_output "$id"
  run coracle stop "${id:0:12}"
  assert_output "${id:0:12}"
  run coracle logs nosuch
  assert_exit 1
  assert_output 'Error: No such container: nosuch'
}

@test "run --name refuses what is no name" {
  run coracle run --name 'a/b' probe:1 true
  assert_exit 125
  assert_has 'Invalid container name (a/b), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed'
}

@test "run --rm leaves nothing, in the foreground and behind" {
  coracle run --rm -v /data probe:1 true
  coracle run -d --rm --name short probe:1 sleep
  coracle stop -t 20 short
  run coracle ps -aq
  assert_output ''
  run leftovers
  assert_output ''
}

@test "run --cidfile" {
  run coracle run -d --cidfile "$WORK/cid" probe:1 sleep
  assert_output "$(cat "$WORK/cid")"
  run coracle run --cidfile "$WORK/cid" probe:1 true
  assert_exit 125
  assert_has 'container ID file found'
}

@test "ps: the tables" {
  run coracle ps
  assert_match '^CONTAINER ID   IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES$'
  [ "${#lines[@]}" -eq 1 ]
  coracle run -d --name running probe:1 sleep 600
  coracle run --name ended probe:1 exit 3 || true
  coracle create --name made probe:1 words a-very-long-argument-that-is-cut
  run coracle ps
  assert_match '^[0-9a-f]{12}   probe:1   "sleep 600" +.* ago +Up .* +running$'
  refuse_has ended
  run coracle container ls -a
  assert_match '"exit 3" .*Exited \(3\) .* ago .*ended$'
  assert_match '"words a-very-long-a…" .*Created .*made$'
  [ "${#lines[@]}" -eq 4 ]
  run coracle ps -a --no-trunc
  assert_has '"words a-very-long-argument-that-is-cut"'
}

@test "wait: codes of several, of those that have ended too" {
  coracle run -d --name one probe:1 exit 1
  coracle run -d --name two probe:1 trap 2
  wait_until logs_have two ready
  background "$WORK/wait.log" coracle wait one two
  coracle kill -s TERM two
  wait_until file_has "$WORK/wait.log" 2
  run cat "$WORK/wait.log"
  assert_output $'1\n2'
}

@test "kill: signals by name and number; what does not run is refused" {
  coracle run -d --name trapped probe:1 trap 6
  wait_until logs_have trapped ready
  run coracle kill -s SIGUSR2 trapped
  assert_output trapped
  run coracle wait trapped
  assert_output 6
  assert_exit 0
  run coracle logs trapped
  assert_line 'got 12'
  run coracle kill trapped
  assert_exit 1
  assert_match 'cannot kill container: trapped: container [0-9a-f]{64} is not running'
  run coracle kill -s NONSENSE trapped
  assert_exit 1
  assert_has 'invalid signal: NONSENSE'
}

@test "stop: the stop signal, then SIGKILL" {
  coracle run -d --name polite probe:1 sleep
  coracle run -d --name stubborn probe:1 hold
  coracle run -d --name special --stop-signal USR1 probe:1 trap 8
  for name in polite stubborn special; do wait_until logs_have "$name" ready; done
  run coracle stop -t 1 polite stubborn special
  assert_exit 0
  assert_output $'polite\nstubborn\nspecial'
  run coracle wait polite stubborn special
  assert_output $'143\n137\n8'
  run coracle stop polite nosuch
  assert_exit 1
  assert_line polite
  assert_has 'No such container: nosuch'
}

@test "rm: a running one is refused, -f takes it" {
  coracle run -d --name busy probe:1 hold
  run coracle rm busy
  assert_exit 1
  assert_has 'cannot remove container "/busy": container is running: stop the container before removing or force remove'
  run coracle rm -f busy
  assert_exit 0
  assert_output busy
  run coracle rm busy
  assert_exit 1
  assert_has 'No such container: busy'
  run coracle rm -f busy
  assert_exit 0
}

@test "start: files are kept, exit codes with -a" {
  coracle create --name again probe:1 sh -c 'cat /data/file && write /data/file second'
  run coracle start -a again
  assert_output 'text of the image'
  run coracle start again
  assert_output again
  coracle wait again
  run coracle logs again
  assert_output $'text of the image\nsecond'
  run coracle start -a again
  assert_output second
  coracle create --name failing probe:1 exit 4
  run coracle start -a failing
  assert_exit 4
}

@test "start -ai gives standard input" {
  coracle create --name reader -i probe:1 cat
  run inside bash -c 'echo "from outside" | coracle start -ai reader'
  assert_output 'from outside'
}

# --- logs -------------------------------------------------------------------------------------------------------------

@test "logs: streams, --tail, -t, --since, --until" {
  coracle run -d --name talker probe:1 say out err
  coracle wait talker
  run --separate-stderr coracle logs talker
  assert_output out
  [ "$stderr" = err ]
  coracle run --name liner probe:1 lines 20
  run coracle logs --tail 3 liner
  assert_output $'line 18\nline 19\nline 20'
  run coracle logs --tail 0 liner
  assert_output ''
  run coracle logs -n 1 -t liner
  assert_match '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z line 20$'
  run coracle logs --since 1h liner
  [ "${#lines[@]}" -eq 20 ]
  run coracle logs --until 1h liner
  assert_output ''
  run coracle logs --since 2001-02-03T04:05:06Z --tail 2 liner
  [ "${#lines[@]}" -eq 2 ]
  run coracle logs --since yesterday liner
  assert_has 'invalid time "yesterday"'
}

@test "logs -f: goes on until the end" {
  coracle run -d --name slow probe:1 lines 10 100
  run coracle logs -f slow
  assert_exit 0
  [ "${#lines[@]}" -eq 10 ]
  assert_line 'line 10'
}

@test "logs: of a running container right after it has spoken" {
  coracle run -d --name ready probe:1 sleep
  wait_until logs_have ready ready
}

@test "attach: output from now on, and the exit code" {
  coracle run -d --name attached probe:1 trap 11
  wait_until logs_have attached ready
  background "$WORK/attach.log" bash -c 'coracle attach --no-stdin attached; echo "code $?"'
  sleep 0.5
  coracle kill -s HUP attached
  wait_until file_has "$WORK/attach.log" 'code'
  run cat "$WORK/attach.log"
  assert_output $'got 1\ncode 11'
  run coracle attach attached
  assert_exit 1
  assert_has 'You cannot attach to a stopped container, start it first'
}

# --- crashes, crowds --------------------------------------------------------------------------------------------------

kill_monitor() { inside pkill -KILL -x coracle-monitor; }

@test "a monitor that is killed: the state is repaired, address and port are free again" {
  coracle run -d --name lost -p 4000:80 probe:1 serve 80
  wait_until logs_have lost ready
  kill_monitor
  run coracle ps
  refuse_has lost
  run coracle ps -a
  assert_match 'Exited \(137\) .*lost'
  coracle run -d --name next -p 4000:80 probe:1 serve 80 again
  wait_until logs_have next ready
  run inside "$WORK/probe" fetch 127.0.0.1 4000
  assert_has again
  coracle rm -f next
  run coracle start lost
  assert_exit 0
  run coracle ps
  assert_match 'Up .*4000->80/tcp +lost'
}

@test "a --rm container whose monitor is killed is gone at the next command" {
  coracle run -d --rm --name lost probe:1 sleep
  kill_monitor
  run coracle ps -aq
  assert_output ''
  run leftovers
  assert_output ''
}

@test "a killed command leaves no half container" {
  run inside bash -c 'for i in 1 2 3 4 5 6 7 8 9 10; do
      coracle run -d probe:1 sleep >/dev/null 2>&1 & pid=$!
      sleep 0.00$i; kill -KILL $pid 2>/dev/null; wait $pid; done 2>/dev/null; true'
  run coracle ps -a
  assert_exit 0
  remove_containers
  # A folder without a record is garbage, and taken away as such.
  coracle system prune -f
  run leftovers
  assert_output ''
}

@test "twenty runs at once" {
  run inside bash -c '
    for i in $(seq 20); do (coracle run --rm probe:1 words "$i" >"$WORK/many.$i" 2>&1; echo $? >>"$WORK/many.$i") & done
    wait
    for i in $(seq 20); do tr "\n" " " <"$WORK/many.$i"; done; rm "$WORK"/many.*'
  for i in $(seq 20); do assert_has "[$i] 0"; done
  run leftovers
  assert_output ''
}

@test "a Debian userland runs" {
  import_debian minimal || skip "the Debian base cannot be made here"
  run coracle run --rm debian-minimal:bookworm bash -c '. /etc/os-release; echo "$VERSION_CODENAME $(id -un) $$"'
  assert_output 'bookworm root 1'
  run coracle run --rm debian-minimal:bookworm sh -c 'ls /proc/1/fd | wc -l; touch /tmp/x && ls -ld /dev/shm /dev/pts/ptmx'
  assert_exit 0
}

@test "run -it: a change of the terminal's size reaches the container" {
  run on_terminal 24 80 'send:go\r' expect:go expect:go resize:40:120 pause:0.5 'send:\x04' -- coracle run --rm -it probe:1 \
    sh -c 'cat && terminal'
  assert_exit 0
  assert_match 'rows 40 columns 120'
}

@test "--log-driver: none keeps nothing, local and json-file are read; inspect tells; others are refused" {
  local driver
  for driver in local json-file; do
    coracle run --name "$driver" --log-driver "$driver" probe:1 say kept
    run coracle logs "$driver"
    assert_output kept
    run coracle inspect -f '{{.HostConfig.LogConfig.Type}}' "$driver"
    assert_output "$driver"
  done
  run coracle run --name none --log-driver none probe:1 say shown
  assert_output shown
  run coracle logs none
  assert_exit 1
  assert_has 'configured logging driver does not support reading'
  inside test ! -e "$CORACLE_ROOT/containers/$(coracle inspect -f '{{.Id}}' none)/logs"
  run coracle create --log-driver splunk probe:1
  assert_exit 125
  assert_has "logger: no log driver named 'splunk' is registered"
}
