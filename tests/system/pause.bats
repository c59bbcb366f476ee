# pause, unpause: all processes of a container stand still.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

box() { coracle run -d --name box "$@" >/dev/null; }
status_is() { [ "$(coracle ps -a --format '{{.State}}')" = "$1" ]; }

@test "pause, unpause: ps shows it, processes stand still and go on" {
  box probe:1 sleep
  coracle exec -d box sleep 600
  run coracle pause box
  assert_exit 0
  assert_output box
  run coracle ps --format '{{.State}} {{.Status}}'
  assert_match '^paused Up .* \(Paused\)$'
  # All of its processes, those of exec too, as the kernel says.
  run inside bash -c 'cat /sys/fs/cgroup{/freezer,}/coracle/*/{freezer.state,cgroup.events} 2>/dev/null'
  assert_match '^(FROZEN|frozen 1)$'
  run coracle top box -o args
  assert_output $'COMMAND\nsleep\nsleep 600'
  run coracle pause box
  assert_exit 1
  assert_match '^Error: Container [0-9a-f]{64} is already paused$'
  run coracle exec box true
  assert_exit 1
  assert_match 'container [0-9a-f]{64} is paused, unpause the container before exec'
  run coracle start box
  assert_exit 1
  assert_has 'cannot start a paused container, try unpause instead'
  run coracle unpause box
  assert_output box
  status_is running
  run coracle exec box say alive ''
  assert_has alive
  run coracle unpause box
  assert_exit 1
  assert_match '^Error: Container [0-9a-f]{64} is not paused$'
}

@test "pause: what does not run, is not there, several at once" {
  coracle create --name made probe:1 sleep >/dev/null
  box probe:1 sleep
  run coracle pause made
  assert_exit 1
  assert_match '^Error: container [0-9a-f]{64} is not running$'
  run coracle pause nosuch box
  assert_exit 1
  assert_has 'No such container: nosuch'
  assert_line box
  run coracle unpause made
  assert_exit 1
  assert_has 'is not paused'
}

@test "pause: stop gives the signal, and time, to a paused container" {
  box probe:1 sleep
  coracle pause box
  run coracle stop -t 15 box
  assert_output box
  # It ends by itself on SIGTERM, so it was awake to see it.
  run coracle ps -a --format '{{.Status}}'
  assert_match '^Exited \(143\)'
}

@test "pause: kill, rm, rm -f, container prune" {
  box probe:1 hold
  coracle pause box
  run coracle rm box
  assert_exit 1
  assert_has 'cannot remove container "/box": container is paused: unpause and then stop the container before removing or force remove'
  coracle container prune -f
  status_is paused
  coracle kill box
  run coracle wait box
  assert_output 137
  coracle start box
  coracle pause box
  run coracle rm -f box
  assert_output box
  run coracle ps -aq
  assert_output ''
}
