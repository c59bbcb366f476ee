# The containers of RUN steps: their network, rights and limits, and that nothing of them is left.
load helper
load build_helper

@test "build --network, RUN --network: the step's word before the option's, host only where it is allowed" {
  printf 'FROM probe:1\nRUN interfaces\n' | dockerfile
  build --no-cache
  assert_match ' eth0'
  build --no-cache --network none
  assert_exit 0
  refuse_match ' eth0'
  assert_match ' lo( |$)'
  inside ip link add dummy0 type bridge
  build --no-cache --network=host
  assert_exit 0
  assert_match ' dummy0'
  printf 'FROM probe:1\nRUN --network=none interfaces\n' | dockerfile
  build --no-cache --network=host
  refuse_match ' dummy0'
  printf 'FROM probe:1\nRUN --network=host interfaces\n' | dockerfile
  build --no-cache
  assert_exit 1
  assert_has 'failed to solve: failed to load LLB: network.host is not allowed'
  build --no-cache --allow network.host
  assert_exit 0
  assert_match ' dummy0'
  inside ip link del dummy0
  build --network some
  assert_exit 1
  assert_has 'network mode "some" not supported'
  # Another network is another step.
  printf 'FROM probe:1\nRUN say here\n' | dockerfile
  build
  build
  assert_has CACHED
  build --network none
  assert_match '[0-9] here$'
}

# Each call of $1 takes a fifth of a second, so that the signal comes in the midst of it.
interrupt_slowly() {
  rm -f "$WORK/slow.log" "$WORK/slow.trace"
  background "$WORK/slow.log" strace -f -qq -o "$WORK/slow.trace" -e trace="$1" -e inject="$1:delay_exit=200000" \
    bash -c 'coracle build --no-cache --progress plain "$1"; echo "code $?"' - "$context"
  wait_until file_has "$WORK/slow.trace" "$1"
  inside pkill -INT -x coracle
  wait_until file_has "$WORK/slow.log" '^code '
}

@test "Ctrl-C in the midst of a COPY, of an ADD, of a layer's commit: nothing is left when it ends" {
  mkdir "$context/many"
  for number in {1..200}; do echo "$number" >"$context/many/$number"; done
  tar -C "$context" -cf "$context/many.tar" many
  printf 'FROM probe:1\nCOPY many /many/\n' | dockerfile
  interrupt_slowly utimensat
  assert_interrupted
  printf 'FROM probe:1\nADD many.tar /many/\n' | dockerfile
  interrupt_slowly fchmod
  assert_interrupted
  # The commit takes the attributes of overlayfs away, file by file.
  printf 'FROM probe:1\nRUN mkdir /a /b /c /d\n' | dockerfile
  interrupt_slowly flistxattr
  assert_interrupted
}
assert_interrupted() {
  run cat "$WORK/slow.log"
  assert_line 'code 130'
  run remains
  assert_output ''
}

@test "rights that are not given are told before anything runs, in stages that are needed alone" {
  cat >"$context/Dockerfile" <<'FILE'
FROM probe:1 AS other
RUN --network=host true
FROM probe:1 AS first
RUN say it-ran
FROM first
RUN --security=insecure true
FILE
  build --no-cache
  assert_exit 1
  assert_has 'failed to solve: failed to load LLB: security.insecure is not allowed'
  assert_has 'Dockerfile:6'
  refuse_match 'it-ran|load metadata'
  build --no-cache --target first
  assert_exit 0
  assert_has it-ran
  # What a base image brings is not known before.
  printf 'FROM probe:1\nONBUILD RUN --security=insecure true\n' | dockerfile
  coracle build -q -t trigger:1 "$context" >/dev/null
  printf 'FROM trigger:1\n' | dockerfile
  build
  assert_exit 1
  assert_has 'security.insecure is not allowed'
}

@test "RUN --security=insecure: everything with --allow security.insecure, nothing without" {
  printf 'FROM probe:1\nRUN --security=insecure cat /proc/self/status\nRUN cat /proc/self/status\n' | dockerfile
  build
  assert_exit 1
  assert_has 'failed to load LLB: security.insecure is not allowed'
  build --allow security.insecure
  assert_exit 0
  all=$(awk '/^CapBnd/ { print $2 }' /proc/self/status)
  assert_match "CapEff:[[:space:]]*$all\$"
  assert_match 'Seccomp:[[:space:]]*0$'
  assert_match 'CapEff:[[:space:]]*00000000a[08]0[04]25fb$'
  assert_match 'Seccomp:[[:space:]]*2$'
  build --allow security.other
  assert_exit 125
  assert_has 'unknown entitlement security.other'
}

@test "build --add-host, --ulimit, --shm-size, --cpuset-cpus, --memory, --cpu-shares, --cgroup-parent hold in each step" {
  printf 'FROM probe:1\nRUN cat /etc/hosts && cat /proc/self/limits && cat /proc/self/status && cat /proc/self/cgroup && cat /proc/mounts\nRUN cat /proc/self/limits\n' |
    dockerfile
  build --add-host some:10.1.2.3 --add-host six=[fd00::7] --add-host gate:host-gateway --ulimit nofile=100:200 \
    --ulimit core=-1 --shm-size 3m --cpuset-cpus 0 --cpuset-mems 0 --memory 64m --memory-swap -1 -c 128 \
    --cpu-period 50000 --cpu-quota 25000
  assert_exit 0
  assert_match ' 10\.1\.2\.3[[:space:]]+some$'
  assert_match ' fd00::7[[:space:]]+six$'
  assert_match ' [0-9.]+\.1[[:space:]]+gate$'
  [ "$(grep -cE 'Max open files +100 +200' <<<"$output")" -eq 2 ]
  assert_match 'Max core file size +unlimited +unlimited'
  assert_match 'Cpus_allowed_list:[[:space:]]*0$'
  assert_match ' /dev/shm .*size=3072k'
  # What the host counts: the limit is met, not only written.
  printf 'FROM probe:1\nRUN memory 200\n' | dockerfile
  build -m 32m
  assert_exit 1
  assert_has 'exit code: 137'
  build
  assert_exit 0
  # Its groups are gone, those of the option's parent too.
  printf 'FROM probe:1\nRUN hold\n' | dockerfile
  background "$WORK/held.log" bash -c 'coracle build --progress plain --cgroup-parent /parent "$1"; echo "code $?"' - "$context"
  wait_until file_has "$WORK/held.log" ' ready'
  run inside bash -c 'find /sys/fs/cgroup/*/parent -mindepth 1 -type d'
  assert_match '/parent/build-[0-9]+-'
  inside pkill -KILL -x coracle
  wait_until file_has "$WORK/held.log" '^code 137'
  printf 'FROM probe:1\n' | dockerfile
  build
  run inside bash -c 'find /sys/fs/cgroup/*/parent -mindepth 1 -type d'
  assert_output ''
  inside bash -c 'rmdir /sys/fs/cgroup/*/parent'
}

@test "build: options that cannot be are told with Docker's words" {
  printf 'FROM probe:1\n' | dockerfile
  while IFS='|' read -r option message; do
    build $option
    [ "$status" -ne 0 ] || _mismatch "$option is taken"
    assert_has "$message"
  done <<'CASES'
--ulimit nofile|invalid argument "nofile" for "--ulimit" flag: invalid ulimit argument: nofile
--ulimit x=1|invalid ulimit type: x
--ulimit nofile=1:2:3|too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`
--ulimit nofile=3:2|ulimit soft limit must be less than or equal to hard limit: 3 > 2
--add-host x|invalid host x
--add-host x:1.2.3|invalid host x:1.2.3
-m 1m|Minimum memory limit allowed is 6MB
--memory-swap 1g|You should always set the Memory limit when using Memoryswap limit, see usage
-m 64m --memory-swap 32m|Minimum memoryswap limit should be larger than memory limit, see usage
--cpu-period 1|CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)
--cpu-quota 5|CPU cfs quota can not be less than 1ms (i.e. 1000)
--cpuset-cpus x|Invalid value x for cpuset cpus
--cgroup-parent ../x|invalid cgroup parent "../x"
--cgroup-parent /a/../x|invalid cgroup parent "/a/../x"
CASES
}

# Everything of a step, seen from the host: processes, mounts, groups, folders, addresses.
remains() {
  inside bash -c '
    pgrep -x probe
    grep -F "$WORK/root" /proc/self/mountinfo
    find /sys/fs/cgroup/*/coracle -mindepth 1 -type d
    find "$CORACLE_RUN_ROOT" -mindepth 1 -name "build-*"
    find "$CORACLE_ROOT/layers/staging" -mindepth 1
    python3 -c "import sqlite3, sys
for row in sqlite3.connect(sys.argv[1]).execute(\"SELECT container FROM address\"): print(row[0])" "$CORACLE_ROOT/coracle.db"' 2>/dev/null
}

@test "a step leaves nothing: after its end, a failure, Ctrl-C, with processes in the background" {
  printf 'FROM probe:1 AS other\nFROM probe:1\nRUN --mount=target=/c,rw --mount=type=cache,target=/k --mount=type=tmpfs,target=/t --mount=from=other,target=/o true\n' | dockerfile
  build
  assert_exit 0
  run remains
  assert_output ''
  printf 'FROM probe:1\nRUN --mount=target=/c,rw false\n' | dockerfile
  build
  assert_exit 1
  run remains
  assert_output ''
  printf 'FROM probe:1\nRUN --mount=target=/c,rw --mount=type=cache,target=/k leave\n' | dockerfile
  build
  assert_exit 0
  run remains
  assert_output ''
  printf 'FROM probe:1\nRUN --mount=target=/c,rw --mount=type=cache,target=/k hold\n' | dockerfile
  for signal in INT TERM HUP; do
    background "$WORK/held.log" bash -c 'coracle build --progress plain "$1"; echo "code $?"' - "$context"
    wait_until file_has "$WORK/held.log" ' ready'
    inside pkill -"$signal" -x coracle
    wait_until file_has "$WORK/held.log" '^code 1'
    run remains
    assert_output ''
  done
}
