# Containers that are started again: --restart, update --restart, system boot; and what kill -9 makes of it.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

state() { coracle inspect -f "{{.State.Status}}" "$1"; }
state_is() { [ "$(state "$1")" = "$2" ]; }
restarts() { coracle inspect -f '{{.RestartCount}}' "$1"; }
has_restarted() { [ "$(restarts "$1")" -ge "$2" ]; }
full_id() { coracle inspect -f '{{.Id}}' "$1"; }
# Who holds a container's lock: its monitor, its waiter, or a command.
holder() { inside sed -nE 's/^(monitor|waiter|taken) ([0-9]+) .*/\2/p' "$CORACLE_RUN_ROOT/containers/$(full_id "$1")/lock"; }
holder_is() { inside grep -q "^$2 " "$CORACLE_RUN_ROOT/containers/$(full_id "$1")/lock"; }
# The pause between two runs is some seconds long by now.
waits_long() { has_restarted "$1" 5 && holder_is "$1" waiter; }
waiter_is_small() {
  inside bash -c 'read -r role pid _ <"$CORACLE_RUN_ROOT/containers/$1/lock" && [ "$role" = waiter ] &&
    awk "/^Pss:/ { exit !(\$2 < 300) }" "/proc/$pid/smaps_rollup"' - "$(full_id "$1")"
}
dies() { ! inside kill -0 "$1" 2>/dev/null; }

@test "--restart: what is refused, in Docker's words" {
  run coracle run --rm --restart always probe:1 true
  assert_exit 125
  assert_has 'conflicting options: cannot specify both --restart and --rm'
  run coracle create --restart sometimes probe:1
  assert_exit 125
  assert_has "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
  run coracle create --restart always:3 probe:1
  assert_has "invalid restart policy: maximum retry count can only be used with 'on-failure'"
  run coracle create --restart on-failure:-1 probe:1
  assert_has 'invalid restart policy: maximum retry count cannot be negative'
  run coracle create --restart on-failure:many probe:1
  assert_has 'invalid restart policy format: maximum retry count must be an integer'
  run coracle create --restart :3 probe:1
  assert_has 'invalid restart policy format: no policy provided before colon'
  run coracle ps -aq
  assert_output ''
  run coracle run --rm --restart no probe:1 true
  assert_exit 0
}

@test "--restart no is the default, and inspect tells the policy" {
  coracle create --name plain probe:1
  coracle create --name often --restart on-failure:4 probe:1
  run coracle inspect -f '{{json .HostConfig.RestartPolicy}}' plain often
  assert_line '{"Name":"no","MaximumRetryCount":0}'
  assert_line '{"Name":"on-failure","MaximumRetryCount":4}'
}

@test "--restart on-failure:N: so many times, with the back-off, and the log has each run" {
  local began ended
  began=$(date +%s%N)
  coracle run -d --name failing --restart on-failure:2 probe:1 sh -c 'say run && exit 3'
  # Over all restarts: 100 ms, then 200 ms.
  run coracle wait failing
  assert_output 3
  ended=$(date +%s%N)
  [ $(((ended - began) / 1000000)) -ge 300 ]
  run coracle inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}} {{.State.Restarting}}' failing
  assert_output '2 exited 3 false'
  run coracle logs failing
  assert_output $'run\nrun\nrun'
}

@test "--restart on-failure: success is the end" {
  coracle run -d --name once --restart on-failure probe:1 true
  run coracle wait once
  assert_output 0
  run coracle inspect -f '{{.RestartCount}} {{.State.Status}}' once
  assert_output '0 exited'
}

@test "--restart always: after success too; ps and inspect show the pause between" {
  coracle run -d --name again --restart always probe:1 true
  wait_until waits_long again
  run coracle inspect -f '{{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.HostConfig.RestartPolicy.Name}}' again
  assert_output 'true true 0 always'
  run coracle ps --format '{{.Names}} {{.Status}}'
  assert_match '^again Restarting \(0\) .* ago$'
  run coracle ps -q --filter status=restarting
  assert_match '^[0-9a-f]{12}$'
  # Nobody but the waiter is there, and it is small.
  wait_until waiter_is_small again
}

@test "a restarting container: exec, attach, pause, top and rm say so" {
  coracle run -d --name again --restart always probe:1 false
  wait_until waits_long again
  local id
  id=$(full_id again)
  run coracle exec again true
  assert_has "Container $id is restarting, wait until the container is running"
  run coracle top again
  assert_has "Container $id is restarting, wait until the container is running"
  run coracle pause again
  assert_has "Container $id is restarting, wait until the container is running"
  run coracle attach again
  assert_has 'You cannot attach to a restarting container, wait until it is running'
  run coracle rm again
  assert_exit 1
  assert_has 'cannot remove container "/again": container is restarting: stop the container before removing or force remove'
  run coracle start again
  assert_exit 0
  run coracle container prune -f
  refuse_has "$id"
}

@test "stop, kill and rm -f end a restarting container at once" {
  local began word
  for word in stop kill; do
    coracle run -d --name again --restart always probe:1 false
    wait_until waits_long again
    began=$SECONDS
    coracle $word again
    [ $((SECONDS - began)) -le 2 ]
    run coracle ps -a --format '{{.Status}}'
    assert_match '^Exited \(1\)'
    sleep 0.3
    state_is again exited
    coracle rm again
  done
  coracle run -d --name again --restart always probe:1 false
  wait_until has_restarted again 5
  coracle rm -f again
  run coracle ps -aq
  assert_output ''
}

@test "a running container that is stopped stays so; start forgets that, and its restarts" {
  coracle run -d --name web --restart unless-stopped probe:1 hold
  coracle stop -t 1 web
  run coracle inspect -f '{{.State.Status}} {{.RestartCount}}' web
  assert_output 'exited 0'
  coracle start web
  inside kill -KILL "$(coracle inspect -f '{{.State.Pid}}' web)"
  wait_until has_restarted web 1
  wait_until state_is web running
  coracle restart -t 1 web
  run restarts web
  assert_output 0
  state_is web running
}

@test "kill with another signal than the container's stop signal leaves its policy alone" {
  coracle run -d --name web --restart always probe:1 trap 9
  wait_until logs_have web ready
  coracle kill -s HUP web
  wait_until has_restarted web 1
  wait_until state_is web running
}

@test "a foreground run ends with the first end, and the container goes on" {
  run coracle run --name again --restart always probe:1 sh -c 'say out && exit 4'
  assert_exit 4
  assert_output out
  wait_until has_restarted again 2
}

@test "a restart that cannot be started ends the restarts and says why" {
  mkdir "$WORK/source"
  coracle run -d --name mounted --restart always --mount type=bind,source="$WORK/source",target=/mnt probe:1 hold
  rmdir "$WORK/source"
  inside kill -KILL "$(coracle inspect -f '{{.State.Pid}}' mounted)"
  wait_until state_is mounted exited
  run coracle inspect -f '{{.State.ExitCode}} {{.State.Error}}' mounted
  assert_match '^137 .*bind source path does not exist'
}

@test "update --restart: on running containers; not with --rm" {
  coracle run -d --name web probe:1 hold
  run coracle update --restart on-failure:3 web
  assert_output web
  run coracle inspect -f '{{json .HostConfig.RestartPolicy}}' web
  assert_output '{"Name":"on-failure","MaximumRetryCount":3}'
  inside kill -KILL "$(coracle inspect -f '{{.State.Pid}}' web)"
  wait_until has_restarted web 1
  wait_until state_is web running
  coracle update --restart no web
  inside kill -KILL "$(coracle inspect -f '{{.State.Pid}}' web)"
  wait_until state_is web exited
  run coracle update web
  assert_exit 1
  assert_has 'you must provide one or more flags when using this command'
  run coracle update --restart nosuch web
  assert_has "invalid restart policy: unknown policy 'nosuch'"
  coracle run -d --rm --name passing probe:1 hold
  run coracle update --restart always passing
  assert_exit 1
  assert_has 'Restart policy cannot be updated because AutoRemove is enabled for the container'
}

# --- kill -9 --------------------------------------------------------------------------------------------------------

@test "kill -9 of the waiter: the next command puts another in its place" {
  coracle run -d --name again --restart always probe:1 false
  wait_until waits_long again
  local waiter before
  waiter=$(holder again)
  before=$(restarts again)
  inside kill -KILL "$waiter"
  wait_until dies "$waiter"
  # The record alone says that it is due: this command reads it.
  state_is again restarting || state_is again running
  wait_until has_restarted again $((before + 1))
  coracle stop again
  state_is again exited
}

@test "kill -9 of the waiter, and then stop, rm -f: nothing comes back" {
  local waiter
  coracle run -d --name again --restart always probe:1 false
  wait_until waits_long again
  waiter=$(holder again)
  inside kill -KILL "$waiter"
  wait_until dies "$waiter"
  coracle rm -f again
  run coracle ps -aq
  assert_output ''
}

@test "kill -9 of the monitor: the next command takes the container down, and has it started again" {
  coracle run -d --name web --restart unless-stopped probe:1 hold
  local monitor first
  monitor=$(holder web)
  first=$(coracle inspect -f '{{.State.Pid}}' web)
  inside kill -KILL "$monitor"
  wait_until dies "$monitor"
  coracle ps >/dev/null
  wait_until state_is web running
  [ "$(coracle inspect -f '{{.State.Pid}}' web)" != "$first" ]
  dies "$first"
  run restarts web
  assert_output 1
}

@test "kill -9 at any time of a restart loop leaves a state that the next command understands" {
  coracle run -d --name again --restart always probe:1 false
  local try victim id
  id=$(full_id again)
  for try in {1..40}; do
    victim=$(holder again)
    inside kill -KILL "$victim" 2>/dev/null || true
    sleep "0.0$((RANDOM % 90 + 10))"
    # Neither an error nor an end.
    case $(state again) in running | restarting) ;; *) _mismatch "it is $(state again) after $try kills" ;; esac
    # Its back-off begins anew, so that there is much to meet.
    [ $((try % 10)) -ne 0 ] || coracle restart -t 0 again
  done
  coracle stop again
  state_is again exited
  sleep 0.3
  state_is again exited
}

# --- after a boot ---------------------------------------------------------------------------------------------------

# All of it dies, and the run folder, which is a tmpfs, is empty.
go_down() {
  inside pkill -KILL coracle-monitor || true
  inside bash -c 'for pid in $(cat /sys/fs/cgroup/*/coracle/*/cgroup.procs | sort -u); do kill -KILL $pid; done' 2>/dev/null || true
  inside bash -c 'rm -rf "$CORACLE_RUN_ROOT"/*'
}

@test "after a boot: what ran has ended with 255, and runs again where its policy says so" {
  coracle run -d --name always --restart always probe:1 hold
  coracle run -d --name unless --restart unless-stopped probe:1 hold
  coracle run -d --name failure --restart on-failure probe:1 hold
  coracle run -d --name plain probe:1 hold
  coracle run -d --name stopped --restart unless-stopped probe:1 hold
  coracle run -d --name stopped-always --restart always probe:1 hold
  coracle run -d --rm --name passing probe:1 hold
  coracle create --name never --restart always probe:1 hold
  coracle create --name not --restart unless-stopped probe:1 hold
  coracle stop -t 0 stopped stopped-always
  go_down
  run coracle system boot
  assert_exit 0
  assert_output ''
  local name
  for name in always unless failure stopped-always never; do
    wait_until state_is "$name" running
  done
  run coracle ps -a --format '{{.Names}} {{.State}}' --filter status=exited --filter status=created
  assert_line 'plain exited'
  assert_line 'stopped exited'
  assert_line 'not created'
  [ "${#lines[@]}" -eq 3 ]
  run coracle inspect -f '{{.State.ExitCode}}' plain
  assert_output 255
  run coracle inspect passing
  assert_exit 1
}

@test "after a boot without the unit: the first command brings back what ran" {
  coracle run -d --name web --restart always -p 127.0.0.1:0:80 probe:1 hold
  go_down
  run coracle ps -a --format '{{.Status}}'
  assert_match '^(Restarting \(255\)|Up)'
  wait_until state_is web running
}

@test "system boot: one that cannot be started is told, and holds up no other" {
  mkdir "$WORK/source"
  coracle create --name one --restart always --mount type=bind,source="$WORK/source",target=/mnt probe:1 hold
  coracle create --name two --restart always probe:1 hold
  rmdir "$WORK/source"
  run coracle system boot
  assert_exit 1
  assert_has 'Error: one: invalid mount config for type "bind"'
  state_is two running
  run coracle system boot
  assert_exit 1
}
