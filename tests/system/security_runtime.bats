# Attacks on the start of a container and on what it shares, tried on the real program. Each test is named after its CVEs
# and shows that a canary on the host is untouched. More of them are in security.bats, exec.bats and top.bats.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir "$WORK/host"
  echo alive >"$WORK/host/canary"
  (cd "$WORK/host" && find . -printf '%p %y %m %l\n' | sort) >"$WORK/host.before"
}
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  coracle volume prune -af >/dev/null
  (cd "$WORK/host" && find . -printf '%p %y %m %l\n' | sort) | diff "$WORK/host.before" - && [ "$(cat "$WORK/host/canary")" = alive ]
}

# variant NAME COMMAND: the image NAME:1, which is the probe after COMMAND in its root.
variant() {
  local root=$WORK/variant.root
  rm -rf "$root"
  cp -a "$WORK/probe.root" "$root"
  (cd "$root" && eval "$2")
  tar -C "$root" --numeric-owner --owner=0 --group=0 -cf "$WORK/variant.tar" .
  coracle import "$WORK/variant.tar" "$1:1" >/dev/null
}
# racer COMMAND…: a container that has the volume "shared" on /v; goes on once the race runs.
racer() {
  coracle run -d --name racer -v shared:/v probe:1 "$@" >/dev/null
  wait_until logs_have racer ready
}
shared() { coracle run --rm -v shared:/v probe:1 sh -c "$1"; }

@test "CVE-2015-3627, CVE-2015-3630: an image's links in place of /proc, /sys and /dev are refused" {
  local name
  for name in proc sys dev; do
    variant "link-$name" "rmdir $name; mkdir -p fake/$name/sys/kernel; ln -s /fake/$name $name"
    run coracle run --rm "link-$name:1" /bin/probe true
    assert_exit 125
    assert_has "mount on /$name: the image has a symbolic link there"
    variant "host-$name" "rmdir $name; ln -s $WORK/host $name"
    run coracle run --rm "host-$name:1" /bin/probe true
    assert_exit 125
  done
}

@test "CVE-2015-3629, CVE-2015-3631, CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: nothing is mounted over /proc, whatever its name" {
  variant links 'ln -s /proc proclink; ln -s proclink again; ln -s /sys syslink; mkdir folder; ln -s ../proc folder/deep'
  local target
  for target in /proc /proc/ /proc/sys /proc/sysrq-trigger /proc/self/attr /data/../proc /proclink /again/sys /folder/deep; do
    run coracle run --rm -v "$WORK/host:$target" links:1 true
    assert_exit 125
    assert_match 'inside /proc|make the mount point'
    run coracle run --rm -v "fake:$target" links:1 true
    assert_exit 125
    run coracle run --rm --tmpfs "$target" links:1 true
    assert_exit 125
  done
  run coracle run --rm -v "$WORK/host:/syslink/kernel" links:1 true
  assert_exit 125
  mkdir -p "$WORK/context"
  printf 'FROM links:1\nVOLUME /proclink\n' >"$WORK/context/Dockerfile"
  coracle build -q -t volume-link:1 "$WORK/context" >/dev/null
  run coracle run --rm volume-link:1 true
  assert_exit 125
  # With any mount elsewhere the masks and the read-only paths are there.
  run coracle run --rm -v "$WORK/host:/data:ro" links:1 cat /proc/self/mountinfo
  assert_match ' /proc/sys ro,'
  assert_match ' /null /proc/timer_list '
  run coracle run --rm -v "$WORK/host:/data:ro" links:1 write /data/canary dead
  assert_exit 1
}

@test "CVE-2021-30465, CVE-2024-45310: a mount's destination that another container swaps for a link to the host" {
  shared "mkdir /v/place && link $WORK/host /v/link"
  racer swap /v/place /v/link
  local round
  for round in 1 2 3 4 5 6 7 8 9 10 11 12; do
    run coracle run --rm -v shared:/v -v "made:/v/place/inner$round" -v "$WORK/probe:/v/place/file$round" probe:1 true
  done
  # Whatever was made, was made in the volume or in the container's own layer.
  run bash -c 'find "$WORK/host" -name "inner*" -o -name "file*"'
  assert_output ''
  run inside cat /proc/self/mountinfo
  refuse_has "$WORK/host"
}

@test "CVE-2025-31133: a /dev whose null is swapped while the masks are made" {
  shared 'write /v/file canary && write /v/null x && link file /v/link'
  racer swap /v/null /v/link
  local round
  for round in 1 2 3 4 5 6; do
    run coracle run --rm -v shared:/dev probe:1 sh -c 'cat /proc/keys && write /proc/timer_list dead && cat /proc/self/mountinfo'
    refuse_has canary
    assert_match ' /null /proc/keys '
    assert_match ' /null /proc/timer_list '
    ! grep -E ' /proc/(keys|kcore|timer_list|interrupts) ' <<<"$output" | grep -v ' /null ' || _mismatch 'a mask is made of something else'
  done
}

@test "CVE-2025-52565: a terminal is of a devpts, whatever lies on /dev/pts" {
  shared 'write /v/0 canary && write /v/ptmx canary && link /proc/sys/kernel/core_pattern /v/1'
  before=$(cat /proc/sys/kernel/core_pattern)
  run on_terminal 24 80 -- coracle run --rm -it -v shared:/dev/pts probe:1 cat /proc/self/mountinfo
  assert_match ' /dev/console .* - devpts'
  refuse_has core_pattern
  coracle run -d --name other -v shared:/dev/pts probe:1 sleep >/dev/null
  run coracle exec -t other terminal
  [ "$status" -ne 0 ] || _mismatch 'a terminal was made of the volume'
  assert_has 'is not a devpts'
  [ "$(cat /proc/sys/kernel/core_pattern)" = "$before" ]
}

@test "CVE-2016-9962, CVE-2025-52881: a container that shares its processes cannot look into another's start" {
  cp "$TOP/build/bin/coracle" "$WORK/engine"
  coracle run -d --name watcher probe:1 attack 100000 >/dev/null
  wait_until logs_have watcher ready
  local round
  for round in 1 2 3 4 5 6; do
    run coracle run --rm --pid container:watcher --sysctl net.ipv4.ip_forward=1 probe:1 true
    assert_exit 0
  done
  coracle kill watcher >/dev/null
  run coracle logs watcher
  assert_has ready
  refuse_has overwritten
  # The doorstep, once it has taken over, is what may be seen.
  refuse_match 'saw a foreign program: .*/coracle'
  run bash -c 'cd "$TOP/build" && cmp bin/coracle "$WORK/engine"'
  assert_exit 0
}

@test "CVE-2026-41579, CVE-2026-47766, CVE-2026-55686: folders, devices and mounts that an image's links lead to the host" {
  variant leads "rm -r etc; ln -s $WORK/host etc; ln -s $WORK/host/made work; ln -s $WORK/host volume; ln -s $WORK/host opt"
  run coracle run --rm -w /work/deep -v /volume/below -v "$WORK/probe:/volume/file" --device /dev/null:/opt/node \
    --tmpfs /volume/memory leads:1 true
  run coracle run --rm -w /work leads:1 pwd
  run coracle run --rm --device /dev/null:/opt/node leads:1 stat /opt/node
  mkdir -p "$WORK/context"
  printf 'FROM leads:1\nWORKDIR /work/built\nRUN ["/bin/probe", "write", "/opt/by-build", "x"]\nCOPY Dockerfile /volume/copied\n' \
    >"$WORK/context/Dockerfile"
  run coracle build -q "$WORK/context"
}

@test "CVE-2022-36109, CVE-2023-25173: what is denied to a group stays denied" {
  variant secret 'echo secret >data/secret; chmod 604 data/secret'
  # As root of this test the file's group is set inside, since tar was told to forget it.
  mkdir -p "$WORK/context"
  printf 'FROM secret:1\nCOPY --chown=0:1001 --chmod=0604 Dockerfile /data/extra\nCOPY --chown=0:1000 --chmod=0604 Dockerfile /data/own\n' \
    >"$WORK/context/Dockerfile"
  coracle build -q -t groups:1 "$WORK/context" >/dev/null
  run coracle run --rm -u user groups:1 cat /data/extra
  assert_has 'Permission denied'
  local user
  for user in user 1000 1000:1000; do
    run coracle run --rm -u "$user" groups:1 cat /data/own
    assert_has 'Permission denied'
    run coracle run --rm -u "$user" groups:1 id
    assert_match 'groups=([0-9]+,)*1000(,|$)'
  done
  run coracle run --rm -u 2000:2000 --group-add 1001 groups:1 cat /data/extra
  assert_has 'Permission denied'
  coracle run -d --name grouped -u user groups:1 sleep >/dev/null
  run coracle exec grouped cat /data/extra
  assert_has 'Permission denied'
}

@test "CVE-2022-24769, CVE-2022-27649, CVE-2022-27650, CVE-2022-29162: no capability is inheritable in exec and in build" {
  coracle run -d --name caps probe:1 sleep >/dev/null
  local options
  for options in '' '-u user' --privileged; do
    run coracle exec $options caps cat /proc/self/status
    assert_match '^CapInh:[[:space:]]+0000000000000000$'
    assert_match '^CapAmb:[[:space:]]+0000000000000000$'
  done
  mkdir -p "$WORK/context"
  printf 'FROM probe:1\nRUN ["/bin/cat", "/proc/self/status"]\n' >"$WORK/context/Dockerfile"
  run coracle build --progress plain --no-cache "$WORK/context"
  assert_match 'CapInh:[[:space:]]+0000000000000000$'
  refuse_match 'CapInh:[[:space:]]+0*[1-9a-f]'
}

@test "CVE-2026-47262: accounts without an end, or from a pipe" {
  truncate -s 1G "$WORK/large"
  mkfifo "$WORK/pipe"
  local file
  for file in passwd group; do
    run timeout 30 nsenter --target "$INSIDE" --all "$TOP/build/bin/coracle" run --rm -u user -v "$WORK/large:/etc/$file" probe:1 id
    assert_exit 125
    assert_has "/etc/$file in the container is larger than"
    run timeout 30 nsenter --target "$INSIDE" --all "$TOP/build/bin/coracle" run --rm -u user -v "$WORK/pipe:/etc/$file" probe:1 id
    assert_exit 125
    assert_has "/etc/$file in the container is not a regular file"
  done
}

@test "CVE-2022-23648, CVE-2023-0778: a VOLUME on a link to /etc does not show the host's" {
  inside bash -c 'echo secret >/etc/coracle-canary'
  variant volume "ln -s /etc configuration; ln -s $WORK/host hosts"
  mkdir -p "$WORK/context"
  printf 'FROM volume:1\nVOLUME /configuration\nVOLUME /hosts\n' >"$WORK/context/Dockerfile"
  coracle build -q -t volumes:1 "$WORK/context" >/dev/null
  local path
  for path in /configuration/coracle-canary /etc/coracle-canary /hosts/canary "$WORK/host/canary"; do
    run coracle run --rm volumes:1 cat "$path"
    [ "$status" -ne 0 ] || _mismatch "the host's $path is seen"
  done
  run bash -c 'find "$CORACLE_ROOT/volumes" -name "*canary"'
  assert_output ''
}

@test "CVE-2014-5278: a name that equals another container's id, or its beginning, is no way to it" {
  id=$(coracle create probe:1)
  run coracle create --name "$id" probe:1
  assert_exit 125
  coracle create --name "${id:0:12}" probe:1 >/dev/null 2>&1 || true
  run coracle inspect --format '{{.Id}}' "$id"
  assert_output "$id"
}

@test "CVE-2023-25809, CVE-2022-0492: control groups are read-only, with the host's names as well" {
  local mode
  for mode in private host; do
    run coracle run --rm --cgroupns "$mode" probe:1 cat /proc/self/mountinfo
    ! grep -E ' - cgroup2? ' <<<"$output" | grep -vE ' /sys/fs/cgroup[^ ]* ro,' || _mismatch 'a cgroup is writable'
    run coracle run --rm --cgroupns "$mode" probe:1 write /sys/fs/cgroup/memory/release_agent /bin/canary
    assert_exit 1
    run coracle run --rm --cgroupns "$mode" probe:1 ls /sys/fs/cgroup/memory
    refuse_line release_agent
    refuse_line coracle
  done
}
