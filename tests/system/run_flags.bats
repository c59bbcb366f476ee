# The flags of `run` and `create` that say what a container may use, and with whom it shares.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

probe() { run coracle run --rm "$@"; }
field() { run coracle inspect --format "{{json .HostConfig.$2}}" "$1"; }
# fails EXIT_CODE MESSAGE FLAG…
fails() {
  local code=$1 message=$2
  shift 2
  run coracle create "$@" probe:1
  assert_exit "$code"
  assert_has "$message"
}
# Of a controller of version 1, or skips.
v1() { [ -e "/sys/fs/cgroup/$1/release_agent" ] || skip "the $1 controller of version 1 is not here"; }

@test "memory: reservation, swappiness, swap, no OOM killer" {
  v1 memory
  local folder=/sys/fs/cgroup/memory
  probe -m 64m --memory-reservation 32m --memory-swappiness 20 --oom-kill-disable probe:1 cat \
    $folder/memory.limit_in_bytes $folder/memory.memsw.limit_in_bytes $folder/memory.soft_limit_in_bytes \
    $folder/memory.swappiness $folder/memory.oom_control
  assert_exit 0
  # Without a word about swap it is as much again.
  [ "${lines[*]:0:5}" = '67108864 134217728 33554432 20 oom_kill_disable 1' ] || _mismatch 'the limits are others'
  coracle create --name limits -m 64m --memory-reservation 32m --memory-swappiness 0 probe:1
  field limits MemorySwap; assert_output 134217728
  field limits MemoryReservation; assert_output 33554432
  field limits MemorySwappiness; assert_output 0
  field limits OomKillDisable; assert_output false
  fails 125 'Minimum memory limit allowed is 6MB' -m 5m
  fails 125 'Minimum memory reservation allowed is 6MB' --memory-reservation 5m
  fails 125 'Minimum memory limit can not be less than memory reservation limit, see usage' -m 8m --memory-reservation 9m
  fails 125 'Minimum memoryswap limit should be larger than memory limit, see usage' -m 8m --memory-swap 7m
  fails 125 'You should always set the Memory limit when using Memoryswap limit, see usage' --memory-swap 7m
  fails 125 'invalid value: 200. Valid memory swappiness range is 0-100' --memory-swappiness 200
  run --separate-stderr coracle run --rm --kernel-memory 64m probe:1 true
  assert_exit 0
  assert_stderr 'WARNING: Specifying a kernel memory limit is deprecated'
}

@test "processors: period, quota, --cpus, realtime, sets" {
  v1 cpu
  probe --cpu-period 50000 --cpu-quota 25000 probe:1 cat /sys/fs/cgroup/cpu/cpu.cfs_period_us /sys/fs/cgroup/cpu/cpu.cfs_quota_us
  assert_output $'50000\n25000'
  probe --cpus .5 probe:1 cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us
  assert_output 50000
  coracle create --name cpus --cpus .5 --cpuset-cpus 0 --cpuset-mems 0 probe:1
  field cpus NanoCpus; assert_output 500000000
  field cpus CpuQuota; assert_output 0
  field cpus CpusetCpus; assert_output '"0"'
  probe --cpuset-cpus 0 --cpuset-mems 0 probe:1 cat /proc/self/status
  assert_match '^Cpus_allowed_list:[[:space:]]0$'
  fails 125 'Conflicting options: Nano CPUs and CPU Quota cannot both be set' --cpus 1 --cpu-quota 5000
  fails 125 'Range of CPUs is from 0.01 to' --cpus 99999
  fails 125 'invalid argument "x" for "--cpus" flag: failed to parse x as a rational number' --cpus x
  fails 125 'value is too precise' --cpus 0.0000000001
  fails 125 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)' --cpu-period 10
  fails 125 'CPU cfs quota can not be less than 1ms (i.e. 1000)' --cpu-quota 10
  fails 125 'Invalid value 1- for cpuset cpus' --cpuset-cpus 1-
  fails 125 'Requested CPUs are not available - requested 8000, available: ' --cpuset-cpus 8000
  fails 125 'Requested memory nodes are not available - requested 8000, available: ' --cpuset-mems 8000
  fails 125 'cpu real-time runtime cannot be higher than cpu real-time period' --cpu-rt-period 10000 --cpu-rt-runtime 20000
}

@test "--cpu-rt-runtime: given, or refused by name" {
  v1 cpu
  local group=/sys/fs/cgroup/cpu/$CGROUP/cpu.rt_runtime_us
  if [ -e "$group" ] && echo 50000 >"$group"; then
    probe --cpu-rt-period 1000000 --cpu-rt-runtime 1000 probe:1 cat /sys/fs/cgroup/cpu/cpu.rt_runtime_us
    assert_output 1000
    return
  fi
  probe --cpu-rt-runtime 1000 probe:1 true
  assert_exit 125
  assert_has 'Your kernel does not support CPU real-time scheduler'
}

@test "block devices: throttles by number, weights; bad ones are refused" {
  v1 blkio
  local device
  for device in /dev/vda /dev/sda /dev/nvme0n1 ''; do [ ! -b "$device" ] || break; done
  [ -n "$device" ] || skip 'no block device to throttle'
  coracle run -d --name slow --device-read-bps "$device:1mb" --device-write-bps "$device:2m" \
    --device-read-iops "$device:100" --device-write-iops "$device:200" probe:1 sleep >/dev/null
  local id group number
  id=$(coracle inspect --format '{{.Id}}' slow)
  group=/sys/fs/cgroup/blkio/$CGROUP/coracle/$id
  number=$(lsblk -ndo MAJ:MIN "$device" | tr -d ' ')
  [ "$(cat "$group/blkio.throttle.read_bps_device")" = "$number 1048576" ]
  [ "$(cat "$group/blkio.throttle.write_bps_device")" = "$number 2097152" ]
  [ "$(cat "$group/blkio.throttle.read_iops_device")" = "$number 100" ]
  [ "$(cat "$group/blkio.throttle.write_iops_device")" = "$number 200" ]
  field slow BlkioDeviceReadBps
  assert_output "[{\"Path\":\"$device\",\"Rate\":1048576}]"
  fails 125 'Range of blkio weight is from 10 to 1000' --blkio-weight 5
  fails 125 'invalid argument "x" for "--device-read-bps" flag: bad format: x' --device-read-bps x
  fails 125 'bad format for device path: x:1' --device-read-iops x:1
  fails 125 'invalid rate for device: /dev/x:zz. The correct format is <device-path>:<number>[<unit>].' --device-write-bps /dev/x:zz
  fails 125 'invalid weight for device: /dev/x:5' --blkio-weight-device /dev/x:5
  probe --device-read-bps /dev/absent:1mb probe:1 true
  assert_exit 125
  assert_has '/dev/absent'
}

@test "--ulimit and --oom-score-adj: the command's, and those of exec" {
  coracle run -d --name limited --ulimit nofile=100:200 --ulimit core=0 --oom-score-adj 300 probe:1 sleep >/dev/null
  run coracle exec limited cat /proc/1/limits /proc/self/limits
  [ "$(grep -cE '^Max open files +100 +200 ' <<<"$output")" -eq 2 ] || _mismatch 'not both have the limit'
  run coracle exec limited cat /proc/1/oom_score_adj /proc/self/oom_score_adj
  assert_output $'300\n300'
  field limited Ulimits
  assert_output '[{"Name":"nofile","Hard":200,"Soft":100},{"Name":"core","Hard":0,"Soft":0}]'
  # Nothing of the caller's own score comes along.
  run inside bash -c 'echo 500 >/proc/self/oom_score_adj; exec coracle run --rm probe:1 cat /proc/self/oom_score_adj'
  assert_output 0
  fails 125 'invalid argument "x=1" for "--ulimit" flag: invalid ulimit type: x' --ulimit x=1
  fails 125 'Invalid value 2000, range for oom score adj is [-1000, 1000]' --oom-score-adj 2000
}

@test "--device: one, with permissions, under another name, a folder of them" {
  inside mkdir -p $WORK/dev/below
  inside mknod $WORK/dev/below/one c 1 7
  inside mknod $WORK/dev/log c 1 11
  # Without the flag the controller refuses it.
  probe --cap-add MKNOD -v $WORK/dev/log:/log probe:1 cat /log
  assert_exit 1
  probe --device $WORK/dev/log:/dev/deep/name:w probe:1 stat /dev/deep/name
  assert_match '^20'
  # The kernel's log dislikes the text; to open it is what is allowed.
  probe --device $WORK/dev/log:/opt/name:w probe:1 write /opt/name text
  refuse_has 'not permitted'
  probe --device $WORK/dev/log:/dev/name:w probe:1 cat /dev/name
  assert_exit 1
  assert_has 'Operation not permitted'
  probe --device $WORK/dev:/dev/all probe:1 ls /dev/all/below
  assert_output one
  coracle create --name device --device /dev/null:/dev/other:r --device-cgroup-rule 'c 10:* rm' probe:1 >/dev/null
  field device Devices
  assert_output '[{"PathOnHost":"/dev/null","PathInContainer":"/dev/other","CgroupPermissions":"r"}]'
  field device DeviceCgroupRules; assert_output '["c 10:* rm"]'
  fails 125 'bad mode specified: z' --device /dev/null:/dev/y:z
  fails 125 'x is not an absolute path' --device x
  fails 125 "invalid device cgroup format 'a 1:2 rwmm'" --device-cgroup-rule 'a 1:2 rwmm'
  probe --device /dev/absent probe:1 true
  assert_exit 125
  assert_has 'error gathering device information while adding custom device "/dev/absent"'
  rm -r "$WORK/dev"
}

@test "--device-cgroup-rule lets a node be opened" {
  mknod "$WORK/kmsg" c 1 11
  probe -v "$WORK/kmsg:/kmsg" probe:1 write /kmsg text
  assert_has 'Operation not permitted'
  probe --device-cgroup-rule 'c 1:11 w' -v "$WORK/kmsg:/kmsg" probe:1 write /kmsg text
  refuse_has 'Operation not permitted'
  probe --device-cgroup-rule 'a 1:* w' -v "$WORK/kmsg:/kmsg" probe:1 write /kmsg text
  refuse_has 'Operation not permitted'
}

@test "--pid host and container: the processes that are seen" {
  probe --pid host probe:1 cat /proc/1/comm
  assert_output bash
  coracle run -d --name first probe:1 sleep >/dev/null
  run coracle run --rm --pid container:first probe:1 cat /proc/1/comm
  assert_output sleep
  coracle create --name second --pid container:first probe:1 >/dev/null
  field second PidMode
  assert_output "\"container:$(coracle inspect --format '{{.Id}}' first)\""
  coracle run -d --name counted --pid host probe:1 sleep >/dev/null
  run coracle top counted
  [ "${#lines[@]}" -eq 2 ] || _mismatch 'more than its own processes are listed'
  # It ends with its cgroup, not with a namespace of its own.
  coracle run -d --name among --pid host probe:1 sh -c 'leave & sleep' >/dev/null
  coracle rm -f among >/dev/null
  coracle rm -f first >/dev/null
  run coracle start second
  assert_exit 1
  assert_match 'No such container|non running container'
  fails 125 '--pid: invalid PID mode' --pid x
  fails 125 'No such container: absent' --pid container:absent
}

@test "--ipc: private, none, host, shareable, another's" {
  probe --ipc none probe:1 ls /dev
  refuse_line shm
  inside bash -c 'echo host >"/dev/shm/$CGROUP"'
  probe --ipc host probe:1 cat "/dev/shm/$CGROUP"
  assert_output host
  inside rm "/dev/shm/$CGROUP"
  coracle run -d --name lender --ipc shareable probe:1 sh -c 'write /dev/shm/file shared && sleep' >/dev/null
  wait_until coracle exec lender stat /dev/shm/file
  probe --ipc container:lender probe:1 cat /dev/shm/file
  assert_output shared
  coracle run -d --name private probe:1 sleep >/dev/null
  run coracle run --rm --ipc container:private probe:1 true
  assert_exit 125
  assert_has 'non-shareable IPC (hint: use IpcMode:shareable for the donor container)'
  field lender IpcMode; assert_output '"shareable"'
  fails 125 'invalid IPC mode: x' --ipc x
}

@test "--uts host, --domainname, --cgroupns, --cgroup-parent, --userns" {
  probe --uts host probe:1 hostname
  assert_output sandbox
  [ "$(inside hostname)" = sandbox ]
  probe -h box --domainname example.org probe:1 cat /etc/hosts /proc/sys/kernel/domainname
  assert_match 'box.example.org box$'
  assert_line example.org
  v1 memory
  coracle run -d --name parented --cgroupns host --cgroup-parent tests/below probe:1 sleep >/dev/null
  local id
  id=$(coracle inspect --format '{{.Id}}' parented)
  run coracle exec parented cat /proc/1/cgroup
  assert_has "memory:/tests/below/$id"
  # Its names are the host's; what is mounted is its own group all the same.
  run coracle exec parented cat /sys/fs/cgroup/memory/cgroup.procs
  assert_line 1
  coracle pause parented >/dev/null
  run coracle inspect --format '{{.State.Status}}' parented
  assert_output paused
  coracle rm -f parented >/dev/null
  [ ! -e "/sys/fs/cgroup/memory/$CGROUP/tests/below/$id" ]
  rmdir /sys/fs/cgroup/*/"$CGROUP"/tests/below /sys/fs/cgroup/*/"$CGROUP"/tests
  probe --userns host probe:1 true
  assert_exit 0
  fails 125 'conflicting options: hostname and the UTS mode' --uts host -h x
  fails 125 '--uts: invalid UTS mode' --uts x
  fails 125 '--userns: invalid USER mode' --userns x
  fails 125 '--cgroupns: invalid CGROUP mode' --cgroupns x
  fails 125 'invalid cgroup parent "a/../b"' --cgroup-parent a/../b
}

@test "--sysctl: those of its namespaces, and no others" {
  probe --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=9000 probe:1 cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
  assert_output $'1\n9000'
  probe --sysctl net.ipv4.conf.eth0.rp_filter=2 probe:1 cat /proc/sys/net/ipv4/conf/eth0/rp_filter
  assert_output 2
  before=$(cat /proc/sys/kernel/core_pattern)
  for name in kernel.core_pattern net.//.kernel.core_pattern net...kernel.core_pattern 'net./..kernel.core_pattern' x; do
    fails 125 "sysctl '$name=canary' is not allowed" --sysctl "$name=canary"
  done
  [ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
  fails 125 'sysctl "net.ipv4.ip_forward" not allowed in host network namespace' --network host --sysctl net.ipv4.ip_forward=1
  fails 125 'sysctl "kernel.msgmax" is not allowed in the hosts ipc namespace' --ipc host --sysctl kernel.msgmax=9000
  probe --sysctl net.absent=1 probe:1 true
  assert_exit 125
  # Docker's defaults, in a network of its own.
  probe -u user probe:1 cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ping_group_range
  assert_output $'0\n0\t2147483647'
  probe --sysctl net.ipv4.ip_unprivileged_port_start=500 probe:1 cat /proc/sys/net/ipv4/ip_unprivileged_port_start
  assert_output 500
  probe --network host probe:1 cat /proc/sys/net/ipv4/ip_unprivileged_port_start
  assert_output "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"
  coracle create --name tuned --sysctl net.ipv4.ip_forward=1 --annotation a=b probe:1 >/dev/null
  field tuned Sysctls; assert_output '{"net.ipv4.ip_forward":"1"}'
  field tuned Annotations; assert_output '{"a":"b"}'
}

@test "--security-opt: profiles of one's own, system paths, labels" {
  cat >"$WORK/profile.json" <<'EOF'
{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
 "syscalls": [
  {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
  {"names": ["unlink", "unlinkat"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
  {"names": ["socket"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 16, "op": "SCMP_CMP_EQ"}]}]}
EOF
  coracle run -d --name filtered --security-opt "seccomp=$WORK/profile.json" probe:1 sleep >/dev/null
  run coracle exec filtered mkdir /x
  assert_has 'No space left on device'
  run coracle exec filtered rm /data/file
  assert_exit 0
  run coracle exec filtered socket 16
  assert_has 'Operation not permitted'
  run coracle exec filtered socket 2
  refuse_has 'Operation not permitted'
  probe --cap-add SYS_ADMIN --security-opt "seccomp=$WORK/profile.json" probe:1 rm /data/file
  assert_has 'Operation not permitted'
  for bad in '{' '{"defaultAction": "SCMP_ACT_GUESS"}' '{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_X"]}' \
    '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_KILL", "args": [{"index": 9, "op": "SCMP_CMP_EQ"}]}]}'; do
    echo "$bad" >"$WORK/bad.json"
    fails 125 'seccomp profile' --security-opt "seccomp=$WORK/bad.json"
  done
  fails 125 "opening seccomp profile ($WORK/absent) failed" --security-opt "seccomp=$WORK/absent"
  probe --security-opt systempaths=unconfined probe:1 cat /proc/self/mountinfo
  refuse_has ' /proc/sys '
  refuse_has ' /proc/kcore '
  probe --security-opt no-new-privileges=false probe:1 cat /proc/self/status
  assert_match '^NoNewPrivs:[[:space:]]0$'
  coracle create --name secure --security-opt no-new-privileges --security-opt label=disable --security-opt apparmor=unconfined probe:1 >/dev/null
  field secure SecurityOpt; assert_output '["no-new-privileges","label=disable","apparmor=unconfined"]'
  field secure MaskedPaths; assert_has '/proc/kcore'
  fails 125 'Invalid --security-opt: "x"' --security-opt x
  fails 125 'apparmor=docker-default: containers are started without an AppArmor profile' --security-opt apparmor=docker-default
}

@test "--volumes-from: what another has mounted, read-only on request, and kept while it is used" {
  coracle run -d --name holder -v /anonymous -v named:/named:ro -v "$WORK:/bound" --tmpfs /tmp probe:1 sleep >/dev/null
  coracle exec holder write /anonymous/file kept
  probe --volumes-from holder:ro probe:1 cat /anonymous/file
  assert_output kept
  probe --volumes-from holder:ro probe:1 write /anonymous/file x
  assert_exit 1
  coracle create --name borrower --volumes-from holder -v own:/named probe:1 cat /anonymous/file >/dev/null
  run coracle inspect --format '{{range .Mounts}}{{.Destination}} {{.RW}} {{.Type}}{{"\n"}}{{end}}' borrower
  assert_line '/anonymous true volume'
  assert_line '/named true volume'
  assert_line '/bound true bind'
  refuse_has /tmp
  field borrower VolumesFrom; assert_output '["holder"]'
  coracle rm -fv holder >/dev/null
  run coracle start -a borrower
  assert_output kept
  coracle rm -v borrower >/dev/null
  coracle volume rm named own >/dev/null
  coracle volume prune -af >/dev/null
  fails 125 'No such container: absent' --volumes-from absent
  fails 125 'invalid mode for volumes-from: x' --volumes-from a:x
}

@test "--mount: options of binds, volumes and tmpfs" {
  mkdir -p "$WORK/bind/below"
  inside mount -t tmpfs tmpfs "$WORK/bind/below"
  inside bash -c 'echo deep >"$WORK/bind/below/file"'
  probe --mount "type=bind,source=$WORK/bind,target=/x" probe:1 cat /x/below/file
  assert_output deep
  probe --mount "type=bind,source=$WORK/bind,target=/x,bind-nonrecursive" probe:1 cat /x/below/file
  assert_has 'No such file'
  probe --mount "type=bind,source=$WORK/bind,target=/x,readonly" probe:1 write /x/below/file y
  assert_has 'Read-only file system'
  probe --mount "type=bind,source=$WORK/bind,target=/x,readonly,bind-recursive=writable" probe:1 write /x/below/file y
  assert_exit 0
  probe --mount "type=bind,source=$WORK/bind,target=/x,readonly,bind-recursive=writable" probe:1 write /x/file y
  assert_has 'Read-only file system'
  probe --mount "type=bind,source=$WORK/bind,target=/x,bind-propagation=rshared" probe:1 true
  assert_exit 125
  assert_has 'is not a shared mount'
  inside umount "$WORK/bind/below"
  inside mount -t tmpfs tmpfs "$WORK/bind"
  inside mount --make-shared "$WORK/bind"
  inside mkdir "$WORK/bind/later"
  coracle run -d --name slave -v "$WORK/bind:/x:rslave" probe:1 sleep >/dev/null
  coracle run -d --name apart -v "$WORK/bind:/x" probe:1 sleep >/dev/null
  inside mount -t tmpfs tmpfs "$WORK/bind/later"
  inside bash -c 'echo late >"$WORK/bind/later/file"'
  run coracle exec slave cat /x/later/file
  assert_output late
  run coracle exec apart cat /x/later/file
  assert_has 'No such file'
  coracle rm -f slave apart >/dev/null
  inside umount "$WORK/bind/later" "$WORK/bind"
  # volumes
  probe --mount type=volume,source=filled,target=/data probe:1 ls /data
  assert_output file
  probe --mount type=volume,source=empty,target=/data,volume-nocopy,volume-label=a=b probe:1 ls /data
  assert_output ''
  run coracle volume inspect --format '{{json .Labels}}' empty
  assert_output '{"a":"b"}'
  probe --mount type=volume,source=empty,target=/v probe:1 sh -c 'mkdir /v/sub && write /v/sub/file part && link /etc /v/out'
  probe --mount type=volume,source=empty,target=/v,volume-subpath=sub probe:1 cat /v/file
  assert_output part
  probe --mount type=volume,source=empty,target=/v,volume-subpath=../.. probe:1 ls /v
  refuse_has _data
  probe --mount type=volume,source=empty,target=/v,volume-subpath=absent probe:1 true
  assert_exit 125
  coracle volume rm filled empty >/dev/null
  probe --mount type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=1770 probe:1 cat /proc/self/mountinfo
  assert_match ' /t .*size=1024k,mode=1770'
  coracle create --name asked --mount "type=bind,source=$WORK,target=/x,readonly,bind-propagation=rprivate" probe:1 >/dev/null
  field asked Mounts
  assert_output "[{\"Type\":\"bind\",\"Source\":\"$WORK\",\"Target\":\"/x\",\"ReadOnly\":true,\"BindOptions\":{\"Propagation\":\"rprivate\"}}]"
}

@test "--mount: what is wrong is said as Docker says it" {
  while IFS='|' read -r mount message; do
    fails 125 "$message" --mount "$mount"
  done <<'EOF'
foo|invalid argument "foo" for "--mount" flag: invalid field 'foo' must be a key=value pair
type=volume|target is required
type=volume,target=/x,a=b|unexpected key 'a' in 'a=b'
type=x,target=/x|mount type unknown
type=bind,target=/x|invalid mount config for type "bind": field Source must not be empty
type=bind,source=/a,target=/x,bind-propagation=z|invalid propagation mode: z
type=bind,source=/a,target=/x,volume-nocopy|cannot mix 'volume-*' options with mount type 'bind'
type=volume,target=/x,bind-propagation=shared|cannot mix 'bind-*' options with mount type 'volume'
type=volume,target=/x,tmpfs-size=1|cannot mix 'tmpfs-*' options with mount type 'volume'
type=tmpfs,target=/x,tmpfs-size=z|invalid value for tmpfs-size: z
type=tmpfs,target=/x,tmpfs-mode=9|invalid value for tmpfs-mode: 9
type=tmpfs,source=x,target=/x|field Source must not be specified
type=bind,source=/a,target=/x,readonly=z|invalid value for readonly: z
type=bind,source=/a,target=/x,bind-recursive=z|invalid value for bind-recursive: z (must be "enabled", "disabled", "writable", or "readonly")
type=bind,source=/a,target=/x,bind-recursive=readonly|option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction
type=volume,target=/x,volume-driver=nfs|plugin "nfs" not found
EOF
}

@test "--attach: one stream, and Docker's refusals" {
  run --separate-stderr coracle run --rm -a stderr probe:1 say out
  assert_output ''
  run --separate-stderr coracle run --rm -a STDOUT probe:1 say out
  assert_output out
  run coracle run --rm -a stdin probe:1 exit 3
  assert_exit 0
  assert_match '^[0-9a-f]{64}$'
  coracle create --name attached probe:1 >/dev/null
  run coracle inspect --format '{{.Config.AttachStdin}} {{.Config.AttachStdout}} {{.Config.AttachStderr}}' attached
  assert_output 'false true true'
  fails 125 'invalid argument "x" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR' -a x
  run coracle run -d -a stdout probe:1 true
  assert_exit 125
  assert_has 'conflicting options: cannot specify both --attach and --detach'
}

@test "what there is one way of, or none: said, not ignored" {
  fails 125 'could not select device driver "" with capabilities: [[gpu]]' --gpus all
  fails 125 '--storage-opt is not supported' --storage-opt size=1g
  fails 125 '--use-api-socket' --use-api-socket
  fails 125 'unknown or invalid runtime name: kata' --runtime kata
  fails 125 'invalid isolation' --isolation hyperv
  fails 125 'plugin "nfs" not found' --volume-driver nfs
  run coracle run --rm --runtime coracle --isolation default --volume-driver local probe:1 true
  assert_exit 0
}

@test "--label-file" {
  printf '# a comment\na=file\n\n  b=two words\nc\n' >"$WORK/labels"
  coracle create --name labelled --label-file "$WORK/labels" -l a=flag probe:1 >/dev/null
  run coracle inspect --format '{{json .Config.Labels}}' labelled
  assert_output '{"a":"flag","b":"two words","c":""}'
  fails 125 'open /absent' --label-file /absent
}
