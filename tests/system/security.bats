# Attacks of which each has broken an engine once, tried on the real program. A test is named after its CVE; each asserts
# that a canary on the host is untouched.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  # The programs under attack are copies: whatever an attack does, it does not do it to the build.
  mkdir -p "$WORK/programs"
  cp -r "$TOP/build/bin" "$TOP/build/libexec" "$WORK/programs/"
  (cd "$WORK/programs" && find . -type f -exec sha256sum {} +) >"$WORK/programs.sums"
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

attacked() { inside "$WORK/programs/bin/coracle" "$@"; }

@test "CVE-2019-5736: our program cannot be overwritten through /proc/self/exe" {
  # The entrypoint is the program that starts it; a second container process waits for a foreign one and writes to it.
  run -127 attacked run --rm --entrypoint /proc/self/exe probe:1 image ls
  refuse_has REPOSITORY
  attacked run -d --name attacker probe:1 attack 200000
  for i in 1 2 3 4 5; do attacked run --rm probe:1 true; done
  attacked rm -f attacker
  ln -sf /proc/self/exe "$WORK/probe.root/bin/again"
  tar -C "$WORK/probe.root" -cf "$WORK/again.tar" .
  rm "$WORK/probe.root/bin/again"
  attacked import "$WORK/again.tar" again:1
  run -127 attacked run --rm again:1 /bin/again --version
  refuse_has Coracle
  run bash -c 'cd "$WORK/programs" && sha256sum --quiet -c ../programs.sums'
  assert_exit 0
  assert_output ''
}

@test "CVE-2019-5736: an interpreter of the image that is /proc/self/exe" {
  printf '#!/proc/self/exe\n' >"$WORK/probe.root/bin/script"
  chmod 755 "$WORK/probe.root/bin/script"
  tar -C "$WORK/probe.root" -cf "$WORK/script.tar" .
  rm "$WORK/probe.root/bin/script"
  attacked import "$WORK/script.tar" script:1
  run -127 attacked run --rm script:1 /bin/script --version
  refuse_has Coracle
  run bash -c 'cd "$WORK/programs" && sha256sum --quiet -c ../programs.sums'
  assert_exit 0
}

@test "CVE-2024-21626: no descriptor of ours is there, and -w cannot use one" {
  run inside bash -c 'exec 7</etc/hostname 9</ 31<"$WORK"; coracle run --rm probe:1 descriptors'
  assert_exit 0
  [ "$(wc -l <<<"$output")" -eq 3 ] || _mismatch 'more than the three standard descriptors are open'
  refuse_has "$WORK"
  echo canary >"$WORK/canary"
  for number in $(seq 3 24) 64; do
    run inside bash -c 'exec 7</ 9<"$WORK"; coracle run --rm -w "/proc/self/fd/$1" probe:1 sh -c "pwd && ls ."' - "$number"
    refuse_has canary
    refuse_has probe.root
    for folder in usr lib sbin; do ! grep -qx "$folder" <<<"$output" || _mismatch "the host's / is seen"; done
  done
}

@test "CVE-2024-21626: nor in the steps of a build" {
  mkdir -p "$WORK/context"
  printf 'FROM probe:1\nRUN descriptors\nWORKDIR /proc/self/fd/8\nRUN pwd && ls .\n' >"$WORK/context/Dockerfile"
  run inside bash -c 'exec 7</ 8</; coracle build --progress plain "$WORK/context"'
  refuse_has "$WORK"
  refuse_has ' 3 /'
  refuse_has ' sbin'
}

@test "CVE-2024-40635 and kin: user ids that overflow or mislead are errors, never root" {
  for user in 4294967296 4294967295 2147483648 -1 1a 99999999999999999999 1000: 0x0 ' 0' '+5'; do
    run coracle run --rm -u "$user" probe:1 id
    [ "$status" -ne 0 ] || { refuse_has 'uid=0 '; _mismatch "the user \"$user\" is taken"; }
    refuse_has 'uid=0 '
  done
  run coracle run --rm -u :5 probe:1 id
  [ "$status" -ne 0 ] || refuse_has 'gid=0 '
  # A number is a number, though /etc/passwd has that as a name: CVE-2016-3697.
  run coracle run --rm -u 1500 probe:1 id
  assert_match '^uid=(1500|7) '
  refuse_has 'uid=0 '
  # The same from an image.
  mkdir -p "$WORK/context"
  for user in 4294967296 2147483648; do
    printf 'FROM probe:1\nUSER %s\nCMD ["id"]\n' "$user" >"$WORK/context/Dockerfile"
    run coracle build -q -t overflow:1 "$WORK/context"
    [ "$status" -eq 0 ] || continue
    run coracle run --rm overflow:1
    [ "$status" -ne 0 ]
    refuse_has 'uid=0 '
  done
}

@test "CVE-2022-24769 and kin: no capability is inheritable, in run and in build" {
  run coracle run --rm probe:1 cat /proc/self/status
  assert_match '^CapInh:[[:space:]]+0000000000000000$'
  assert_match '^CapAmb:[[:space:]]+0000000000000000$'
  run coracle run --rm -u user probe:1 cat /proc/self/status
  assert_match '^CapInh:[[:space:]]+0000000000000000$'
  assert_match '^CapEff:[[:space:]]+0000000000000000$'
  assert_match '^CapPrm:[[:space:]]+0000000000000000$'
  run coracle run --rm --privileged probe:1 cat /proc/self/status
  assert_match '^CapInh:[[:space:]]+0000000000000000$'
}

@test "CVE-2021-41091: the store is closed to others" {
  run stat -c %a "$CORACLE_ROOT"
  assert_match '^7[01]0$'
  run stat -c %a "$CORACLE_RUN_ROOT"
  assert_match '^7[01]0$'
  id=$(coracle run -d probe:1 sleep)
  for path in "$CORACLE_ROOT"/*.db "$CORACLE_ROOT/layers" "$CORACLE_ROOT/containers/$id" "$CORACLE_ROOT/blobs"; do
    run setpriv --reuid 65534 --regid 65534 --clear-groups cat "$path"
    assert_has 'Permission denied'
  done
  chmod 755 "$WORK"
  cp "$WORK/probe" "$WORK/probe.root/bin/suid"
  chmod 4755 "$WORK/probe.root/bin/suid"
  tar -C "$WORK/probe.root" -cf "$WORK/suid.tar" .
  rm "$WORK/probe.root/bin/suid"
  coracle import "$WORK/suid.tar" suid:1
  run setpriv --reuid 65534 --regid 65534 --clear-groups find "$CORACLE_ROOT" -perm -4000
  refuse_has /bin/suid
  run bash -c 'cd "$CORACLE_ROOT" && find . -perm -4000 | head -n 1'
  found=$output
  if [ -n "$found" ]; then
    ! setpriv --reuid 65534 --regid 65534 --clear-groups "$CORACLE_ROOT/$found" id
  fi
}

@test "CVE-2022-0492: cgroups are read-only, release_agent cannot be set" {
  run coracle run --rm probe:1 cat /proc/self/mountinfo
  if grep -q cgroup <<<"$output"; then
    ! grep -E ' - cgroup2? ' <<<"$output" | grep -vE ' /sys/fs/cgroup[^ ]* ro,' || _mismatch 'a cgroup is writable'
  fi
  for name in release_agent memory/release_agent unified/cgroup.procs pids/cgroup.procs memory/memory.limit_in_bytes; do
    run coracle run --rm probe:1 write "/sys/fs/cgroup/$name" /bin/canary
    assert_exit 1
    assert_match 'Read-only file system|Permission denied|No such file or directory|Operation not permitted'
  done
  run coracle run --rm probe:1 mount cgroup memory
  assert_exit 1
  assert_has 'Operation not permitted'
}

@test "CVE-2026-31431: no AF_ALG socket by default" {
  run coracle run --rm probe:1 socket 38
  assert_exit 1
  assert_match 'Operation not permitted|Address family not supported'
  run coracle run --rm probe:1 cat /proc/self/status
  assert_match '^Seccomp:[[:space:]]+2$'
}

@test "masked and read-only paths of /proc and /sys" {
  for path in /proc/kcore /proc/keys /proc/timer_list; do
    run coracle run --rm probe:1 cat "$path"
    [ "$status" -ne 0 ] || assert_output ''
  done
  for path in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/kernel/uevent_helper; do
    run coracle run --rm probe:1 write "$path" '|/bin/canary'
    assert_exit 1
  done
  [ "$(cat /proc/sys/kernel/core_pattern)" != '|/bin/canary' ]
  run coracle run --rm -v "$WORK:/proc" probe:1 true
  [ "$status" -ne 0 ]
}

@test "CVE-2020-15257: no control socket of ours in the abstract namespace" {
  coracle run -d --name shared --network host probe:1 sleep
  run coracle run --rm --network host probe:1 cat /proc/net/unix
  ! grep -E '@.*(coracle|monitor)' <<<"$output" || _mismatch 'there is one'
}

@test "an image's links do not lead set-up to the host" {
  echo alive >"$WORK/canary"
  folder=$WORK/links
  cp -a "$WORK/probe.root" "$folder"
  rmdir "$folder/dev" "$folder/proc" "$folder/sys"
  rm -r "$folder/etc"
  ln -s "$WORK" "$folder/etc"
  ln -s "$WORK/made-by-dev" "$folder/dev"
  ln -s "$WORK/made-by-work" "$folder/work"
  ln -s "$WORK/made-by-volume" "$folder/volume"
  mkdir "$folder/proc" "$folder/sys"
  tar -C "$folder" -cf "$WORK/links.tar" .
  coracle import "$WORK/links.tar" links:1
  before=$(ls "$WORK")
  run coracle run --rm -w /work/deep -v /volume -v "$WORK/canary:/volume/file" links:1 /bin/probe true
  run coracle run --rm links:1 /bin/probe true
  [ "$(ls "$WORK")" = "$before" ] || { diff <(echo "$before") <(ls "$WORK") >&2; false; }
  [ "$(cat "$WORK/canary")" = alive ]
}

@test "the monitor and commands keep what a container must not see: no capability to trace, no host processes" {
  run coracle run --rm probe:1 ls /proc
  ! grep -qxE '[0-9]{3,}' <<<"$output" || _mismatch 'processes of the host are seen'
  run coracle run --rm probe:1 cat /proc/1/cgroup
  refuse_has "$CGROUP"
}
