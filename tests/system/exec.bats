# exec: further processes in a container that runs; restart.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

box() { coracle run -d --name box "$@" probe:1 sleep >/dev/null; }
no_exec_is_left() { ! ls -d "$CORACLE_RUN_ROOT"/containers/*/exec-* 2>/dev/null; }

@test "exec: output, error, input, exit codes" {
  box
  run --separate-stderr coracle exec box say out err
  assert_exit 0
  assert_output out
  assert_stderr err
  run coracle exec box exit 7
  assert_exit 7
  run inside bash -c 'printf "one\ntwo\n" | coracle exec -i box cat'
  assert_output $'one\ntwo'
  run inside bash -c 'printf "one\n" | coracle exec box cat'
  assert_exit 0
  assert_output ''
  run inside bash -c 'coracle exec box fill 3000000 | wc -c'
  assert_output 3000000
  wait_until no_exec_is_left
}

@test "exec: 127 and 126, what does not run, what is not there" {
  box
  run -127 coracle exec box nosuch
  assert_has 'exec: "nosuch": executable file not found in $PATH'
  run coracle exec box /data/file
  assert_exit 126
  assert_has 'permission denied'
  run coracle exec nosuch true
  assert_exit 1
  assert_has 'No such container: nosuch'
  run coracle exec box
  assert_has "'coracle exec' requires at least 2 arguments"
  coracle kill box
  coracle wait box
  run coracle exec box true
  assert_exit 1
  assert_match 'container [0-9a-f]{64} is not running'
  no_exec_is_left
}

@test "exec: environment, user, folder, namespaces and cgroup are the container's" {
  box -e OWN=1 -u user -w /data -h host-of-box
  run coracle exec -e MORE=2 box env
  assert_line OWN=1
  assert_line MORE=2
  assert_line HOSTNAME=host-of-box
  assert_line HOME=/home/user
  refuse_has CORACLE
  run coracle exec box pwd
  assert_output /data
  run coracle exec -w /etc box pwd
  assert_output /etc
  run coracle exec -w etc box pwd
  assert_exit 1
  run coracle exec box id
  assert_match '^uid=1000 gid=1000 '
  run coracle exec -u root box id
  assert_match '^uid=0 gid=0 '
  run coracle exec box hostname
  assert_output host-of-box
  [ "$(coracle exec box cat /proc/self/cgroup)" = "$(coracle exec box cat /proc/1/cgroup)" ]
}

@test "exec: confined as the container is, --privileged gives capabilities" {
  box --security-opt no-new-privileges
  run coracle exec box cat /proc/self/status
  assert_match '^CapEff:[[:space:]]+00000000a80425fb$'
  assert_match '^CapInh:[[:space:]]+0000000000000000$'
  assert_match '^NoNewPrivs:[[:space:]]+1$'
  assert_match '^Seccomp:[[:space:]]+2$'
  run coracle exec --privileged box cat /proc/self/status
  refuse_has '00000000a80425fb'
  assert_match '^CapInh:[[:space:]]+0000000000000000$'
}

@test "CVE-2024-21626: exec leaks no descriptor, and -w cannot use one" {
  box
  run inside bash -c 'exec 7</etc/hostname 9</ 31<"$WORK"; coracle exec box descriptors'
  assert_exit 0
  [ "$(wc -l <<<"$output")" -eq 3 ] || _mismatch 'more than the three standard descriptors are open'
  for number in 3 4 5 6 7 8 9 10 16 17; do
    run inside bash -c 'exec 7</ 9</; coracle exec -w "/proc/self/fd/$1" box ls .' - "$number"
    ! grep -qx lib <<<"$output" || _mismatch "the host's / is seen"
    [ "$status" -ne 0 ]
  done
}

@test "CVE-2016-9962: the container's processes cannot look into an exec that starts" {
  coracle run -d --name attacker --cap-add SYS_PTRACE probe:1 attack 200000 >/dev/null
  before=$(sha256sum "$TOP/build/bin/coracle" "$TOP/build/libexec/coracle/coracle-monitor")
  for i in 1 2 3 4 5; do
    run coracle exec attacker true
    assert_exit 0
  done
  [ "$(sha256sum "$TOP/build/bin/coracle" "$TOP/build/libexec/coracle/coracle-monitor")" = "$before" ]
}

@test "exec -it: a terminal of our size; detach keys leave it running" {
  box
  run on_terminal 31 97 -- coracle exec -it box terminal
  assert_exit 0
  assert_match 'terminal 111 rows 31 columns 97'
  run on_terminal 24 80 expect:ready 'send:\x10\x11' -- coracle exec -it box sleep
  assert_exit 0
  ls -d "$CORACLE_RUN_ROOT"/containers/*/exec-*
  run inside bash -c 'coracle exec -it box true </dev/null'
  assert_exit 1
  assert_has 'the input device is not a TTY'
}

@test "exec -d: goes on behind us and ends with the container" {
  box
  run coracle exec -d box sleep
  assert_exit 0
  assert_output ''
  run -127 coracle exec -d box nosuch
  assert_exit 127
  ls -d "$CORACLE_RUN_ROOT"/containers/*/exec-*
  coracle kill box
  coracle wait box
  wait_until no_exec_is_left
}

@test "restart: a new process, a stopped one too" {
  box
  first=$(coracle exec box cat /proc/1/stat)
  run coracle restart -t 0 box
  assert_exit 0
  assert_output box
  [ "$(coracle exec box cat /proc/1/stat)" != "$first" ]
  coracle stop -t 0 box
  run coracle restart box
  assert_exit 0
  coracle exec box true
  run coracle restart nosuch
  assert_exit 1
  assert_has 'No such container: nosuch'
}

@test "rename: found by the new name alone; what is taken or no name is refused" {
  box
  coracle create --name other probe:1 true >/dev/null
  run coracle rename box crate
  assert_exit 0
  assert_output ''
  coracle exec crate true
  run coracle exec box true
  assert_has 'No such container: box'
  run coracle rename crate other
  assert_exit 1
  assert_has 'Conflict. The container name "/other" is already in use by container'
  run coracle rename crate 'no/name'
  assert_exit 1
  assert_has 'Invalid container name (no/name)'
  run coracle rename crate crate
  assert_exit 1
  # CVE-2014-5278: no name may stand for another's id.
  other=$(coracle create probe:1 true)
  run coracle rename crate "${other:0:12}"
  assert_exit 1
  assert_has 'Conflict.'
}

@test "container prune: stopped ones go, a running one stays" {
  box
  gone=$(coracle create probe:1 true)
  run coracle container prune -f
  assert_exit 0
  assert_line 'Deleted Containers:'
  assert_line "$gone"
  assert_match '^Total reclaimed space: '
  [ "$(coracle ps -aq | wc -l)" -eq 1 ]
  coracle create --name kept probe:1 true >/dev/null
  run inside bash -c 'echo n | coracle container prune'
  assert_has 'This will remove all stopped containers.'
  [ "$(coracle ps -aq | wc -l)" -eq 2 ]
}
