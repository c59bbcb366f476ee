# After a shutdown and a boot.
load ../helper

@test "boot: the unit has started what is to run, and nothing else" {
  wait_until systemctl is-active coracle-boot
  for name in always always-stopped unless-stopped on-failure web; do
    wait_until is_running "$name"
  done
  ! is_running no
  ! is_running stopped
}

@test "boot: a published port and a limit are there again" {
  wait_until curl -sf http://127.0.0.1:8080/
  [ "$(cat "/sys/fs/cgroup/coracle/$(coracle inspect --format '{{.Id}}' web)/memory.max")" = 67108864 ]
}

@test "boot: to stop the unit ends no container" {
  systemctl stop coracle-boot
  is_running web
  ! systemctl is-active coracle-boot
}
