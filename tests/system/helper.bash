# What the system tests share: a place of its own for each file of tests, with the real programs in it.
#
# sandbox_up makes a folder below /var/tmp, and an "inside": mount, network, UTS, IPC, PID and cgroup namespaces with a
# process that holds them. Everything that a test starts runs in there. When the holder dies all of it dies, and it dies
# with the bats process that started it, so that a killed run leaves no process, mount, interface or nftables rule.
# sandbox_down asserts that the product left nothing before it takes the sandbox away.
bats_require_minimum_version 1.5.0

TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export TOP

# The holder's cgroups, so that what is left below them is ours and nobody else's. A host with v2 alone has none: moving a
# process out of the namespace is refused there.
_sandbox_cgroups_up() {
  local hierarchy
  for hierarchy in /sys/fs/cgroup/*/; do
    [ -e "$hierarchy/release_agent" ] || continue
    mkdir "$hierarchy/$CGROUP" || return 1
    if [ -e "$hierarchy/$CGROUP/cpuset.cpus" ]; then
      cat "$hierarchy/cpuset.cpus" >"$hierarchy/$CGROUP/cpuset.cpus"
      cat "$hierarchy/cpuset.mems" >"$hierarchy/$CGROUP/cpuset.mems"
    fi
  done
}

_sandbox_cgroups_down() {
  local hierarchy
  for hierarchy in /sys/fs/cgroup/*/; do
    [ -d "$hierarchy/$CGROUP" ] || continue
    find "$hierarchy/$CGROUP" -depth -type d -exec rmdir {} + 2>/dev/null
  done
  return 0
}

# Runs as process 1 of the sandbox.
_sandbox_hold() {
  local hierarchy options
  # In its own cgroups first, then their namespace: what is mounted after that begins there.
  for hierarchy in /sys/fs/cgroup/*/; do
    [ ! -e "$hierarchy/$CGROUP" ] || echo 1 >"$hierarchy/$CGROUP/cgroup.procs" || return 1
  done
  exec unshare --cgroup bash -c '
    set -e
    for hierarchy in /sys/fs/cgroup/*/; do
      [ -e "$hierarchy/'"$CGROUP"'" ] || continue
      name=$(basename "$hierarchy")
      options=$name
      [ "$name" != systemd ] || options=none,name=systemd
      umount "$hierarchy"
      mount -t cgroup -o "$options" cgroup "$hierarchy"
    done
    mkdir -p "$WORK/etc"
    mount -t tmpfs tmpfs "$WORK/etc"
    mkdir "$WORK/etc/upper" "$WORK/etc/work"
    mount -t overlay -o "lowerdir=/etc,upperdir=$WORK/etc/upper,workdir=$WORK/etc/work" overlay /etc
    mount -t tmpfs tmpfs /run
    ip link set lo up
    hostname sandbox
    : >"$WORK/ready"
    # A process 1 that reaps what is orphaned.
    while :; do sleep 3600 & wait $!; done'
}

# What a killed run left: its holder is dead, so its lock is free and nobody uses it.
_sandbox_remove_stale() {
  local stale CGROUP
  for stale in /var/tmp/coracle-test.*; do
    [ -e "$stale/lock" ] || continue
    CGROUP=$(basename "$stale")
    (flock -n 9 && _sandbox_cgroups_down && rm -rf --one-file-system "$stale") 9<"$stale/lock" || true
  done
}

sandbox_up() {
  _sandbox_remove_stale
  WORK=$(mktemp -d /var/tmp/coracle-test.XXXXXX)
  CGROUP=$(basename "$WORK")
  export WORK CGROUP
  export CORACLE_ROOT=$WORK/root CORACLE_RUN_ROOT=$WORK/run DOCKER_CONFIG=$WORK/docker HOME=$WORK/home
  export CORACLE_REGISTRY_ROOT=$WORK/registry
  export PATH=$TOP/build/bin:$PATH
  mkdir "$HOME"
  _sandbox_cgroups_up || return 1
  export -f _sandbox_hold
  # util-linux' unshare passes its own death on; setpriv makes it die with this shell.
  (
    exec 9>"$WORK/lock"
    flock 9
    exec setpriv --pdeathsig KILL unshare --mount --net --uts --ipc --pid --fork --kill-child --mount-proc \
      bash -c _sandbox_hold
  ) >"$WORK/holder.log" 2>&1 3>&- 4>&- </dev/null &
  HOLDER=$!
  disown "$HOLDER"
  export HOLDER
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [ ! -e "$WORK/ready" ] || break
    sleep 0.05
  done
  INSIDE=$(pgrep -P "$HOLDER")
  export INSIDE
  [ -e "$WORK/ready" ] || { cat "$WORK/holder.log" >&2; return 1; }
}

# inside COMMAND…: in the sandbox, in this folder.
inside() {
  nsenter --target "$INSIDE" --mount --net --uts --ipc --pid --cgroup --wdns="$PWD" -- "$@"
}

# background LOG COMMAND…: the same, and goes on; prints nothing.
background() {
  local log=$1
  shift
  inside setsid "$@" >"$log" 2>&1 3>&- 4>&- </dev/null &
  disown $!
}

coracle() { inside "$TOP/build/bin/coracle" "$@"; }

# on_terminal ROWS COLUMNS STEP… -- COMMAND…: as programs/terminal.py tells.
on_terminal() { inside python3 "$TOP/tests/system/programs/terminal.py" "$@"; }

# wait_until COMMAND…: until it succeeds, for at most 20 seconds.
wait_until() {
  local tries
  for ((tries = 0; tries < 400; tries++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.05
  done
  echo "this did not come true within 20 seconds: $*" >&2
  return 1
}
logs_have() { coracle logs "$1" 2>&1 | grep -qE -- "$2"; }
file_has() { grep -qE -- "$2" "$1"; }

# The image "probe": static programs alone.
make_probe() {
  gcc -O1 -static -D_GNU_SOURCE -o "$WORK/probe" "$TOP"/tests/system/programs/*.c || return 1
  local folder=$WORK/probe.root name
  mkdir -p "$folder"/{bin,etc,proc,sys,dev,data,root} "$folder/home/user"
  install -m 755 "$WORK/probe" "$folder/bin/probe"
  for name in true false exit env pwd id hostname cat write stat mkdir rm move link swap chown say fill lines sleep hold \
    leave await agent trap words sh ls descriptors terminal serve fetch memory processes socket mount attack interfaces \
    resolve; do
    ln -sf probe "$folder/bin/$name"
  done
  printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n1500:x:7:7:number:/:/bin/sh\n' \
    >"$folder/etc/passwd"
  printf 'root:x:0:\nuser:x:1000:\nextra:x:1001:user\nstaff:x:50:\n' >"$folder/etc/group"
  printf 'text of the image\n' >"$folder/data/file"
  printf 'not a program\n' >"$folder/bin/text"
  chmod 755 "$folder/bin/text"
  tar -C "$folder" --numeric-owner --owner=0 --group=0 -cf "$WORK/probe.tar" .
}
import_probe() {
  [ -e "$WORK/probe.tar" ] || make_probe || return 1
  coracle import --change 'CMD ["/bin/true"]' "$WORK/probe.tar" probe:1 >/dev/null
}

# The Debian base of tools/make-base, as $1:bookworm. Skips where it cannot be made.
import_debian() {
  local archive
  archive=$(HOME=$REAL_HOME "$TOP/tools/make-base" "$1" 2>"$WORK/make-base.log" 3>&-) ||
    { tail -n 5 "$WORK/make-base.log" >&2; return 1; }
  coracle import "$archive" "debian-$1:bookworm" >/dev/null
}
REAL_HOME=${REAL_HOME:-$HOME}
export REAL_HOME

remove_containers() {
  local ids
  ids=$(coracle ps -aq)
  [ -z "$ids" ] || coracle rm -f $ids >/dev/null
}

# What the product has left of containers that are gone: printed, a line each. A veth pair ends with its network
# namespace, and the kernel takes a dead namespace down in its own time: interfaces are what remains after 20 seconds.
leftovers() {
  local left tries
  for ((tries = 0; tries < 100; tries++)); do
    left=$(_leftovers_now)
    [ -n "$left" ] && ! grep -qv '^interface: ' <<<"$left" || break
    sleep 0.2
  done
  [ -z "$left" ] || echo "$left"
}
_leftovers_now() {
  inside bash -c '
    grep -F "$WORK/root" /proc/self/mountinfo | sed "s/^/mount: /"
    for cgroup in $(find /sys/fs/cgroup/*/coracle -mindepth 1 -type d 2>/dev/null); do echo "cgroup: $cgroup"; done
    ip -o link | grep -oE "veth[^:@]*" | sed "s/^/interface: /"
    nft list ruleset 2>/dev/null | grep -E "dnat to|[0-9]+ \. [0-9]+ :" | sed "s/^/nft: /"
    for process in /proc/[0-9]*; do
      [ "$(cat $process/comm 2>/dev/null)" != coracle-monitor ] || echo "process: $(tr "\0" " " <$process/cmdline)"
    done
    find "$CORACLE_ROOT/containers" -mindepth 1 -maxdepth 1 2>/dev/null | sed "s/^/folder: /"
    find "$CORACLE_RUN_ROOT" -mindepth 1 -maxdepth 2 -type d 2>/dev/null | grep -E "/([0-9a-f]{64}|build-[0-9]+)$" |
      sed "s/^/run folder: /"
    find "$CORACLE_ROOT" -path "*/staging/*" 2>/dev/null | sed "s/^/staging: /"'
}

sandbox_down() {
  local left='' status=0
  if [ -n "${INSIDE:-}" ] && kill -0 "$INSIDE" 2>/dev/null; then
    remove_containers || status=1
    left=$(leftovers)
    kill -KILL "$HOLDER" 2>/dev/null
    # The namespaces' end is asynchronous: what runs in them holds files of ours.
    wait_until _holder_is_gone || status=1
  fi
  if [ -n "${CGROUP:-}" ]; then
    _sandbox_cgroups_down
  fi
  if [ -n "${WORK:-}" ]; then
    if grep -qF "$WORK" /proc/self/mountinfo; then
      left+=$'\n'"mounts on the host: $(grep -F "$WORK" /proc/self/mountinfo)"
    fi
    rm -rf --one-file-system "$WORK"
  fi
  [ -z "$left" ] || { printf 'the product left:\n%s\n' "$left" >&2; return 1; }
  return $status
}
_holder_is_gone() { ! kill -0 "$HOLDER" 2>/dev/null && ! kill -0 "$INSIDE" 2>/dev/null; }

# Assertions on what `run` has found. They print what there was.
_mismatch() {
  echo "$1" >&2
  echo "exit code: $status" >&2
  echo "output: $output" >&2
  [ -z "${stderr:-}" ] || echo "stderr: $stderr" >&2
  return 1
}
assert_exit() { [ "$status" -eq "$1" ] || _mismatch "the exit code is $status, not $1"; }
assert_output() { [ "$output" = "$1" ] || _mismatch "the output is not: $1"; }
assert_line() { grep -qxF -- "$1" <<<"$output" || _mismatch "no line of the output is: $1"; }
assert_has() { grep -qF -- "$1" <<<"$output" || _mismatch "the output does not have: $1"; }
refuse_has() { ! grep -qF -- "$1" <<<"$output" || _mismatch "the output has: $1"; }
refuse_line() { ! grep -qxF -- "$1" <<<"$output" || _mismatch "a line of the output is: $1"; }
refuse_match() { ! grep -qE -- "$1" <<<"$output" || _mismatch "something in the output matches: $1"; }
assert_match() { grep -qE -- "$1" <<<"$output" || _mismatch "nothing in the output matches: $1"; }
assert_stderr() { grep -qF -- "$1" <<<"$stderr" || _mismatch "standard error does not have: $1"; }
