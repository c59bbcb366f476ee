# Health checks: HEALTHCHECK of images, --health-*, what ps and inspect make of them.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

health() { coracle inspect -f '{{.State.Health.Status}}' "$1"; }
health_is() { [ "$(health "$1")" = "$2" ]; }
streak_is() { [ "$(coracle inspect -f '{{.State.Health.FailingStreak}}' "$1")" -ge "$2" ]; }
shows() { coracle ps --format '{{.Names}} {{.Status}}' | grep -qE "^$1 Up .* \\($2\\)\$"; }
log_length_is() { [ "$(coracle inspect -f '{{len .State.Health.Log}}' "$1")" -eq "$2" ]; }

@test "--health-cmd: starting, healthy, unhealthy, healthy again" {
  coracle run -d --name web --health-cmd 'cat /root/ok' --health-interval 300ms --health-retries 2 probe:1 hold
  shows web 'health: starting'
  coracle exec web write /root/ok fine
  wait_until health_is web healthy
  shows web healthy
  run coracle inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{.State.Health.FailingStreak}}' web
  assert_match '^[01] 0$'
  run coracle ps -q --filter health=healthy
  [ "${#lines[@]}" -eq 1 ]
  run coracle ps -q --filter health=unhealthy --filter health=none
  assert_output ''
  coracle exec web rm /root/ok
  wait_until health_is web unhealthy
  shows web unhealthy
  wait_until streak_is web 3
  coracle exec web write /root/ok fine
  wait_until health_is web healthy
  # The last five, with what the check said.
  wait_until log_length_is web 5
  run coracle inspect -f '{{(index .State.Health.Log 4).Output}}' web
  assert_has fine
}

@test "the image's HEALTHCHECK, in exec form and with its own times; options go before it, --no-healthcheck without it" {
  mkdir -p "$WORK/image"
  printf 'FROM probe:1\nHEALTHCHECK --interval=300ms --timeout=7s --retries=4 CMD ["cat", "/data/file"]\nCMD ["/bin/hold"]\n' \
    >"$WORK/image/Dockerfile"
  coracle build -q -t checked:1 "$WORK/image" >/dev/null
  coracle run -d --name own checked:1
  wait_until health_is own healthy
  run coracle inspect -f '{{json .Config.Healthcheck}}' own
  assert_output '{"Interval":300000000,"Retries":4,"Test":["CMD","cat","/data/file"],"Timeout":7000000000}'
  run coracle inspect -f '{{(index .State.Health.Log 0).Output}}' own
  assert_has 'text of the image'
  coracle run -d --name other --health-cmd 'cat /nosuch' --health-retries 1 checked:1
  wait_until health_is other unhealthy
  coracle run -d --name none --no-healthcheck checked:1
  run coracle ps --filter health=none --format '{{.Names}} {{.Status}}'
  assert_match '^none Up [^(]*$'
  run coracle inspect none
  refuse_has '"Health":'
}

@test "a check that takes too long is ended with what it has started, and says so" {
  coracle run -d --name slow --health-cmd 'say begun && sleep 600' --health-interval 200ms --health-timeout 400ms \
    --health-retries 1 probe:1 hold
  wait_until health_is slow unhealthy
  run coracle inspect -f '{{(index .State.Health.Log 0).ExitCode}} {{(index .State.Health.Log 0).Output}}' slow
  assert_has '-1 Health check exceeded timeout (400ms): begun'
  # At most the next one is there.
  [ "$(coracle top slow -o args | grep -c 600)" -le 1 ]
}

@test "in the start period failures do not count, and the check comes at its own interval" {
  coracle run -d --name early --health-cmd 'cat /root/ok' --health-interval 1h --health-retries 1 \
    --health-start-period 1h --health-start-interval 200ms probe:1 hold
  wait_until log_length_is early 3
  run coracle inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' early
  assert_output 'starting 0'
  coracle exec early write /root/ok fine
  wait_until health_is early healthy
}

@test "output is kept up to 4096 bytes" {
  coracle run -d --name much --health-cmd 'fill 100000' --health-interval 200ms probe:1 hold
  wait_until health_is much healthy
  run coracle inspect -f '{{len (index .State.Health.Log 0).Output}}' much
  assert_output 4099
}

@test "a check that cannot be run counts as a failure and says why" {
  coracle run -d --name odd --health-cmd 'x' --health-interval 200ms --health-retries 1 probe:1 hold
  coracle run -d --name gone --health-interval 200ms --health-retries 1 --health-cmd x probe:1 hold
  coracle exec gone rm /bin/sh
  wait_until health_is gone unhealthy
  wait_until health_is odd unhealthy
  run coracle inspect -f '{{json .State.Health.Log}}' gone
  assert_has 'no such file or directory'
}

@test "a restart begins with starting; a stop during a check waits for nothing" {
  coracle run -d --name web --health-cmd 'cat /root/ok' --health-interval 300ms --health-retries 1 probe:1 hold
  wait_until health_is web unhealthy
  coracle restart -t 0 web
  shows web 'health: starting'
  coracle run -d --name slow --health-cmd 'sleep 600' --health-interval 100ms probe:1 hold
  sleep 0.3
  local began=$SECONDS
  coracle rm -f slow
  [ $((SECONDS - began)) -le 3 ]
}

@test "a paused container is not checked" {
  coracle run -d --name web --health-cmd 'true' --health-interval 200ms probe:1 hold
  wait_until health_is web healthy
  coracle pause web
  sleep 0.3
  local before after
  before=$(coracle inspect -f '{{json .State.Health.Log}}' web)
  sleep 0.7
  after=$(coracle inspect -f '{{json .State.Health.Log}}' web)
  [ "$before" = "$after" ]
  coracle unpause web
}

@test "kill -9 of the monitor of a checked container: taken down by the next command, and checked again after its restart" {
  coracle run -d --name web --restart always --health-cmd 'cat /root/ok' --health-interval 200ms probe:1 hold
  coracle exec web write /root/ok fine
  wait_until health_is web healthy
  local monitor
  monitor=$(inside sed -nE 's/^monitor ([0-9]+) .*/\1/p' "$CORACLE_RUN_ROOT/containers/$(coracle inspect -f '{{.Id}}' web)/lock")
  inside kill -KILL "$monitor"
  wait_until has_restarted web
  wait_until health_is web healthy
  run coracle inspect -f '{{.RestartCount}}' web
  assert_output 1
}
has_restarted() { [ "$(coracle inspect -f '{{.RestartCount}} {{.State.Status}}' "$1")" = "1 running" ]; }

@test "health options: what is refused, in Docker's words" {
  run coracle create --no-healthcheck --health-cmd true probe:1
  assert_has '--no-healthcheck conflicts with --health-* options'
  run coracle create --health-cmd true --health-interval=-1s probe:1
  assert_has '--health-interval cannot be negative'
  run coracle create --health-cmd true --health-retries=-1 probe:1
  assert_has '--health-retries cannot be negative'
  run coracle create --health-cmd true --health-timeout 1us probe:1
  assert_has 'Timeout in Healthcheck cannot be less than one millisecond'
  run coracle create --health-cmd true --health-timeout soon probe:1
  assert_has 'invalid argument "soon" for "--health-timeout" flag: time: invalid duration "soon"'
  run coracle ps -aq
  assert_output ''
}

@test "a monitor with a check between two of them is small" {
  coracle run -d --name web --health-cmd true --health-interval 1h probe:1 hold
  wait_until monitor_is_small "$(coracle inspect -f '{{.Id}}' web)"
}
monitor_is_small() {
  inside bash -c 'read -r role pid _ <"$CORACLE_RUN_ROOT/containers/$1/lock" && [ "$role" = monitor ] &&
    awk "/^Pss:/ { exit !(\$2 < 300) }" "/proc/$pid/smaps_rollup"' - "$1"
}
