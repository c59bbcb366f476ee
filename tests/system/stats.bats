# stats and update: what containers use, and may use.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

stats() { coracle stats --no-stream "$@"; }

@test "stats --no-stream: Docker's table, names and ids" {
  run stats
  assert_exit 0
  assert_output 'CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS'
  coracle run -d --name box -m 64m probe:1 sleep >/dev/null
  id=$(coracle ps -q)
  run stats
  assert_match "^CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT +MEM % +NET I/O +BLOCK I/O +PIDS$"
  assert_match "^$id   box       [0-9]+\.[0-9]{2}% +[0-9.]+[KM]iB / 64MiB +[0-9]+\.[0-9]{2}% +[0-9.]+k?B / [0-9.]+k?B +[0-9.]+[kM]?B / [0-9.]+[kM]?B +[0-9]+$"
  run stats --no-trunc --format '{{.ID}}' "${id:0:4}"
  assert_output "$(coracle ps -q --no-trunc)"
  run stats --format '{{.Container}} {{.Name}}' "${id:0:4}"
  assert_output "${id:0:4} box"
  run stats --format json box
  [ "$(jq -r '.Name' <<<"$output")" = box ]
  [ "$(jq -r 'keys|join(" ")' <<<"$output")" = 'BlockIO CPUPerc Container ID MemPerc MemUsage Name NetIO PIDs' ]
  run stats nobody
  assert_exit 1
  assert_output 'Error: No such container: nobody'
}

@test "stats: of stopped ones only with -a or by name, and then nothing" {
  coracle create --name box probe:1 sleep >/dev/null
  run stats --format '{{.Name}}'
  assert_output ''
  run stats -a --format '{{.Name}} {{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}'
  assert_output 'box 0.00% 0B / 0B 0.00% 0B / 0B 0B / 0B 0'
  run stats --format '{{.Name}} {{.PIDs}}' box
  assert_output 'box 0'
}

# megabytes of used memory, percent of a processor
used() { stats --format '{{.MemUsage}}' box | grep -oE '^[0-9]+(\.[0-9]+)?MiB' | cut -d. -f1 | tr -d 'MiB'; }

@test "stats: the figures are those of the container" {
  coracle run -d --name box -m 200m probe:1 sh -c 'sleep' >/dev/null
  coracle exec -d box sleep
  processes_are() { [ "$(stats --format '{{.PIDs}}' box)" -ge "$1" ]; }
  wait_until processes_are 2
  # What is read of a file counts as cache, which Docker leaves out.
  head -c 50M /dev/zero >"$WORK/zeros"
  coracle cp "$WORK/zeros" box:/data/zeros
  coracle exec box cat /data/zeros >/dev/null
  memory=$(used || echo 0)
  [ "${memory:-0}" -lt 40 ]
  # The network: what another sends is received.
  address=$(coracle inspect -f '{{.NetworkSettings.IPAddress}}' box)
  before=$(stats --format '{{.NetIO}}' box)
  inside ping -c 3 -i 0.2 -s 20000 "$address" >/dev/null 2>&1 || inside bash -c \
    "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do (exec 3<>/dev/tcp/$address/9) 2>/dev/null; done" || true
  [ "$(stats --format '{{.NetIO}}' box)" != "$before" ]
  coracle run -d --name other --network host probe:1 sleep >/dev/null
  run stats --format '{{.NetIO}}' other
  assert_output '0B / 0B'
}

@test "stats: processor time is counted from one reading to the next" {
  coracle run -d --name box probe:1 sh -c 'sleep' >/dev/null
  coracle exec -d box attack 100000000
  busy() { [ "$(stats --format '{{.CPUPerc}}' box | cut -d. -f1)" -ge 5 ]; }
  wait_until busy
}

@test "stats: a live view on a terminal, lines elsewhere" {
  coracle run -d --name box probe:1 sleep >/dev/null
  background "$WORK/live" script -qec "timeout 6 $TOP/build/bin/coracle stats" /dev/null
  twice() { [ "$(grep -c 'MEM USAGE' "$WORK/live")" -ge 2 ]; }
  wait_until twice
  grep -qF $'\033[2J' "$WORK/live"
  background "$WORK/lines" timeout 6 "$TOP/build/bin/coracle" stats --format '{{.Name}}'
  lines() { [ "$(grep -cx box "$WORK/lines")" -ge 2 ]; }
  wait_until lines
  run grep -cF $'\033' "$WORK/lines"
  assert_output 0
}

# limit FILE_V1 FILE_V2: what the kernel keeps for box.
limit() { inside bash -c "cat /sys/fs/cgroup/*/coracle/*/$1 /sys/fs/cgroup/coracle/*/$2 2>/dev/null" | head -n 1; }

@test "update: a running container is held to it at once, and after its next start" {
  coracle run -d --name box -m 64m --pids-limit 50 probe:1 sleep >/dev/null
  run coracle update -m 128m --pids-limit 20 --cpus 0.5 -c 512 box
  assert_exit 0
  assert_output box
  for state in running again; do
    [ "$(limit memory.limit_in_bytes memory.max)" = 134217728 ]
    [ "$(limit pids.max pids.max)" = 20 ]
    [ "$(limit cpu.cfs_quota_us cpu.max | cut -d' ' -f1)" = 50000 ]
    case $(limit cpu.shares cpu.weight) in 512 | 20) ;; *) false ;; esac
    run stats --format '{{.MemUsage}}' box
    assert_match '/ 128MiB$'
    run coracle inspect -f '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}}' box
    assert_output '134217728 20 512'
    coracle restart -t 0 box >/dev/null
  done
  coracle update --pids-limit -1 box >/dev/null
  [ "$(limit pids.max pids.max)" = max ]
  # A stopped one is told, and held to it when it starts.
  coracle kill box >/dev/null
  coracle wait box >/dev/null
  coracle update -m 32m box >/dev/null
  coracle start box >/dev/null
  [ "$(limit memory.limit_in_bytes memory.max)" = 33554432 ]
}

@test "update: all or nothing, and Docker's words" {
  coracle run -d --name box -m 64m probe:1 sleep >/dev/null
  id=$(coracle ps -q --no-trunc)
  run coracle update box
  assert_exit 1
  assert_output 'Error: you must provide one or more flags when using this command'
  run coracle update -m 1m box
  assert_exit 1
  assert_output "Error: Cannot update container $id: Minimum memory limit allowed is 6MB"
  run coracle update -m 128m --memory-swap 100m box
  assert_exit 1
  assert_has 'Minimum memoryswap limit should be larger than memory limit, see usage'
  run coracle update --cpus nonsense box
  assert_exit 125
  # The policy is none: nothing else of it happens either.
  run coracle update -m 128m --restart nosuch box
  assert_exit 1
  [ "$(limit memory.limit_in_bytes memory.max)" = 67108864 ]
  # The kernel refuses a quota below a millisecond; what was set before it is taken back.
  run coracle update -m 128m --cpu-quota 10 box
  assert_exit 1
  assert_has 'Cannot update container'
  [ "$(limit memory.limit_in_bytes memory.max)" = 67108864 ]
  [ "$(coracle inspect -f '{{.HostConfig.Memory}}' box)" = 67108864 ]
  # Each by itself: one that fails does not stop the others.
  run coracle update -m 96m nobody box
  assert_exit 1
  assert_has 'No such container: nobody'
  assert_line box
  [ "$(limit memory.limit_in_bytes memory.max)" = 100663296 ]
}
