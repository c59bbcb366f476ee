# Control groups of version 2 under systemd.
load helper

setup_file() { import_box; }
teardown() { remove_containers; }

group() { echo "/sys/fs/cgroup/coracle/$(coracle inspect --format '{{.Id}}' "$1")"; }

@test "limits are applied, and the container sees them" {
  coracle run -d --name limited -m 64m --memory-swap 96m --cpus 0.5 --cpu-shares 2048 --pids-limit 50 \
    box:1 sleep 1000
  cd "$(group limited)"
  [ "$(cat memory.max)" = 67108864 ]
  [ "$(cat cpu.max)" = "50000 100000" ]
  [ "$(cat cpu.weight)" = 79 ]
  [ "$(cat pids.max)" = 50 ]
  # A kernel without swap has no file for it.
  [ ! -e memory.swap.max ] || [ "$(cat memory.swap.max)" = 33554432 ]
  run coracle exec limited cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/pids.max /proc/self/cgroup
  [ "$output" = $'67108864\n50\n0::/' ]
  # What is measured is there to be read.
  grep -q '^usage_usec' cpu.stat
  [ "$(cat memory.current)" -gt 0 ]
  [ "$(cat pids.current)" = 1 ]
}

@test "limits outlast a reload of systemd" {
  coracle run -d --name limited -m 64m --cpus 0.5 box:1 sleep 1000
  systemctl daemon-reload
  systemctl set-property --runtime guest-agent.service CPUWeight=200
  systemctl set-property --runtime guest-agent.service CPUWeight=
  [ "$(cat "$(group limited)/cpu.max")" = "50000 100000" ]
  coracle run --rm -m 64m --cpus 0.5 box:1 cat /sys/fs/cgroup/cpu.max
}

@test "the number of processes is limited" {
  run coracle run --rm --pids-limit 3 box:1 sh -c 'sleep 5 & sleep 5 & sleep 5 & sleep 5 & wait'
  [ "$status" -ne 0 ]
  [[ $output == *fork* ]]
}

@test "too much memory: 137, and the record says why" {
  run coracle run --name greedy -m 32m box:1 tail /dev/zero
  [ "$status" -eq 137 ]
  [ "$(coracle inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' greedy)" = 'true 137' ]
}

@test "pause stops every process and unpause lets them go on" {
  coracle run -d --name paused box:1 sh -c 'while :; do echo x >>/tmp/count; sleep 0.05; done'
  wait_until coracle exec paused cat /tmp/count
  coracle pause paused
  grep -q 'frozen 1' "$(group paused)/cgroup.events"
  [ "$(coracle inspect --format '{{.State.Status}}' paused)" = paused ]
  coracle unpause paused
  grep -q 'frozen 0' "$(group paused)/cgroup.events"
}

@test "exec is in the container's group" {
  coracle run -d --name one box:1 sleep 1000
  coracle exec -d one sleep 500
  wait_until grep -q 2 "$(group one)/pids.current"
}

@test "devices: those of all containers can be opened, a disk can not" {
  run coracle run --rm box:1 sh -c 'head -c 1 /dev/zero >/dev/null && echo x >/dev/null && head -c 4 /dev/urandom >/dev/null'
  [ "$status" -eq 0 ]
  numbers=$((0x$(stat -c %t /dev/vda))):$((0x$(stat -c %T /dev/vda)))
  run coracle run --rm box:1 sh -c "mknod /tmp/disk b ${numbers/:/ } && head -c 1 /tmp/disk"
  [ "$status" -ne 0 ]
  [[ $output == *"Operation not permitted"* ]]
  run coracle run --rm --privileged box:1 sh -c "mknod /tmp/disk b ${numbers/:/ } && head -c 1 /tmp/disk >/dev/null"
  [ "$status" -eq 0 ]
}

@test "nothing is left of a container that is gone" {
  coracle run --rm box:1 true
  coracle run -d --rm --name short box:1 sleep 1000
  coracle stop -t 0 short
  [ -z "$(find /sys/fs/cgroup/coracle -mindepth 1 -type d -name '????????????????????????????????????????????????????????????????')" ]
}

@test "a published port is reachable" {
  coracle run -d --name web -p 8080:80 box:1 httpd -f -p 80 -h /www
  wait_until curl -sf http://127.0.0.1:8080/
  [ "$(curl -sf http://127.0.0.1:8080/)" = 'from the container' ]
}

@test "a container outlives the unit that has started it, and is started again" {
  # All that is in a unit's control group dies with it: a session at logout, a job of a CI runner.
  systemd-run --quiet --unit job --property RemainAfterExit=yes --service-type oneshot --property TimeoutStopSec=5 \
    /guest/build/bin/coracle run -d --name outlives --restart always box:1 sh -c 'echo tick; exec sleep 1000'
  wait_until is_running outlives
  systemctl stop job
  is_running outlives
  [ "$(coracle logs outlives)" = tick ]
  kill -KILL "$(coracle inspect --format '{{.State.Pid}}' outlives)"
  wait_until is_started_again outlives
}
is_started_again() { is_running "$1" && [ "$(coracle inspect --format '{{.RestartCount}}' "$1")" -gt 0 ]; }
