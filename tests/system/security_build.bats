# Attacks on builds by what they build. A test is named after its CVE; each asserts that a canary on the host is
# untouched and unseen.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  context=$WORK/context
  rm -rf "$context" "$WORK/host"
  mkdir -p "$context" "$WORK/host/inner" "$WORK/host/part"
  echo canary-of-the-host >"$WORK/host/part/canary"
  : >"$WORK/host/file"
}
teardown() { remove_containers; }

dockerfile() { cat >"$context/Dockerfile"; }
build() { run timeout 60 nsenter --target "$INSIDE" --mount --net --uts --ipc --pid --cgroup --wdns="$PWD" -- coracle build --progress plain "$@" "$context"; }
assert_host_whole() {
  local found
  found=$(cd "$WORK/host" && find . | LC_ALL=C sort | tr '\n' ' ')
  [ "$found" = '. ./file ./inner ./part ./part/canary ' ] || _mismatch "the host's folder is now: $found"
  [ "$(cat "$WORK/host/part/canary")" = canary-of-the-host ] || _mismatch "the host's file was written"
}

@test "CVE-2024-23651, CVE-2024-11218: a cache's part that another build swaps for a link to the host" {
  # Link and folder change places without an end, while the other build mounts what has the name.
  printf 'FROM probe:1\nRUN --mount=type=cache,id=raced,target=/k mkdir /k/part && link %s /k/other && swap /k/part /k/other\n' \
    "$WORK/host/part" | dockerfile
  background "$WORK/swap.log" bash -c 'coracle build --progress plain "$1"; echo "code $?"' - "$context"
  wait_until file_has "$WORK/swap.log" ' ready'
  printf 'FROM probe:1\nRUN --mount=type=cache,id=raced,target=/x,source=part ls /x && write /x/written x\n' | dockerfile
  local mounted=0 refused=0
  for round in $(seq 14); do
    build --no-cache
    refuse_has canary
    [ "$status" -eq 0 ] && mounted=$((mounted + 1)) || refused=$((refused + 1))
  done
  inside pkill -INT -x coracle
  wait_until file_has "$WORK/swap.log" '^code 130'
  # It was a race.
  [ "$mounted" -gt 0 ] && [ "$refused" -gt 0 ]
  assert_host_whole
}

@test "CVE-2024-23652: a mount point that the step makes a link, and that is then taken away" {
  for target in "$WORK/host" "../../../../../../../../..$WORK/host"; do
    printf 'FROM probe:1\nRUN --mount=type=tmpfs,target=/stub/inner --mount=type=tmpfs,target=/stub/part/canary move /stub /moved && link %s /stub\n' \
      "$target" | dockerfile
    build --no-cache
    assert_exit 0
    assert_host_whole
  done
  printf 'secret' >"$WORK/secret-file"
  printf 'FROM probe:1\nRUN --mount=type=secret,id=s,target=/stub/file move /stub /moved && link %s /stub\n' "$WORK/host" | dockerfile
  build --no-cache --secret "id=s,src=$WORK/secret-file"
  assert_exit 0
  assert_host_whole
}

@test "CVE-2024-23652: mount points are not in the layer, what the step itself made is" {
  printf 'x' >"$WORK/secret-file"
  printf 'FROM probe:1\nRUN --mount=type=secret,id=s,target=/one/two/file --mount=type=tmpfs,target=/data/three --mount=type=cache,target=/four --mount=target=/five write /one/kept x\n' |
    dockerfile
  build --secret "id=s,src=$WORK/secret-file" --output "type=local,dest=$WORK/out"
  assert_exit 0
  run bash -c 'cd "$WORK/out" && find . -not -path "./bin*" | LC_ALL=C sort | tr "\n" " "'
  rm -rf "$WORK/out"
  assert_output '. ./data ./data/file ./dev ./etc ./etc/group ./etc/passwd ./home ./home/user ./one ./one/kept ./proc ./root ./sys '
}

@test "CVE-2024-1753: a bind whose source is a link to /, in the context and in an image" {
  ln -s / "$context/out"
  ln -s "../../../../../../..$WORK/host" "$context/up"
  for source in out "out$WORK/host" up "../../../../../../..$WORK/host"; do
    printf 'FROM probe:1\nRUN --mount=type=bind,source=%s,target=/host,rw ls /host && write /host/part/canary changed && write /host/new x\n' \
      "$source" | dockerfile
    build
    refuse_has canary-of
    assert_host_whole
  done
  mkdir -p "$WORK/evil"
  ln -sfn / "$WORK/evil/link"
  ln -sfn "$WORK/host" "$WORK/evil/host"
  tar -C "$WORK/evil" -cf "$WORK/evil.tar" .
  coracle import "$WORK/evil.tar" evil:1
  for source in /link "/link$WORK/host" /host; do
    printf 'FROM probe:1\nRUN --mount=type=bind,from=evil:1,source=%s,target=/host,rw ls /host && write /host/new x\n' "$source" | dockerfile
    build
    refuse_has canary
    refuse_has ' part'
    assert_host_whole
  done
}

@test "CVE-2024-9407: options of a mount of the host's do not come through" {
  for option in bind-propagation=shared 'bind-propagation=x,rw' propagation=rshared bind-nonrecursive=true z U=true volume-driver=x; do
    printf 'FROM probe:1\nRUN --mount=type=bind,target=/x,%s true\n' "$option" | dockerfile
    build
    assert_exit 1
  done
  # Nor does a mount inside of the step come out: the context is private to it, whatever the host's is.
  printf 'FROM probe:1\nRUN --security=insecure --mount=target=/c,rw cat /proc/self/mountinfo\n' | dockerfile
  build --allow security.insecure
  assert_exit 0
  ! grep -E ' /c .*(shared|master):' <<<"$output" || _mismatch 'the mount is shared with the host'
}

@test "CVE-2024-9675: ids and parts of caches that lead out of their place" {
  for where in 'id=../../../../../../..' "id=$WORK/host" 'id=x/../../..' 'id=%2e%2e' "id=deep,source=../../../../../../..$WORK/host" "id=deep,source=/../..$WORK/host"; do
    printf 'FROM probe:1\nRUN --mount=type=cache,%s,target=/x ls /x && write /x/written x\n' "$where" | dockerfile
    build --no-cache
    refuse_has canary
    ! grep -qE '[0-9] (layers|blobs)$' <<<"$output" || _mismatch 'the store is seen'
    assert_host_whole
  done
  run bash -c 'cd "$CORACLE_ROOT/cache/mounts" && ls'
  ! grep -qvE '^[0-9a-f]{64}\.[0-9]+$' <<<"$output" || _mismatch 'a name of a Dockerfile is a folder'
}

@test "CVE-2024-9676: /etc/passwd and /etc/group that are a pipe, endless, or links to the host's" {
  echo 'root:x:0:0:canary-of-the-host:/:/bin/sh' >"$WORK/host/part/canary.passwd"
  rm "$WORK/host/part/canary.passwd"
  for kind in pipe endless link; do
    for file in passwd group; do
      rm -rf "$WORK/users"
      cp -a "$WORK/probe.root" "$WORK/users"
      rm "$WORK/users/etc/$file"
      case $kind in
      pipe) mkfifo "$WORK/users/etc/$file" ;;
      endless) ln -s /dev/zero "$WORK/users/etc/$file" ;;
      link) ln -s "$WORK/host/part/canary" "$WORK/users/etc/$file" ;;
      esac
      tar -C "$WORK/users" --numeric-owner --owner=0 --group=0 -cf "$WORK/users.tar" .
      coracle import "$WORK/users.tar" "users-$kind-$file:1"
      printf 'FROM users-%s-%s:1\nUSER somebody:some\nRUN --network=none true\n' "$kind" "$file" | dockerfile
      build
      [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || _mismatch "$kind $file: taken, or it hangs"
      touch "$context/text"
      printf 'FROM users-%s-%s:1\nCOPY --chown=somebody:some text /\n' "$kind" "$file" | dockerfile
      build
      [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || _mismatch "$kind $file: taken, or it hangs"
      refuse_has canary-of
    done
  done
  rm -rf "$WORK/users"
}
