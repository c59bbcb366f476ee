# What is unpacked from an image is, file by file, what podman unpacks from it: mode, owner, time, attributes, links,
# devices, holes, long names, whiteouts. Of an image that others made, and of one that is built here.
load helper

REGISTRY=localhost:5000

setup_file() {
  sandbox_up && import_probe || return 1
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/registry" "$REGISTRY" >"$WORK/registry.yml"
  background "$WORK/registry.log" docker-registry serve "$WORK/registry.yml"
  wait_until inside curl --silent -o /dev/null "http://$REGISTRY/v2/" || { cat "$WORK/registry.log" >&2; return 1; }
  inside bash -c 'mkdir -p /etc/containers &&
    echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
  export XDG_RUNTIME_DIR=$WORK/xdg
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  mkdir "$DOCKER_CONFIG"
  echo '{}' >"$DOCKER_CONFIG/config.json"
}
teardown_file() {
  podman image umount --all >/dev/null 2>&1 || true
  sandbox_down
}
teardown() { remove_containers; }

podman() {
  inside podman --log-level=error --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" --storage-driver vfs \
    --cgroup-manager=cgroupfs --events-backend=none "$@"
}

# same_as_podman NAME COUNT [UNSURE…]: /t of a container of ours, and of podman's image. Where a layer has a file and not its
# folder, the folder's time is that of the unpacking; a hard link to a symbolic link is one for us alone.
same_as_podman() {
  local name=$1 count=$2 container folder pid
  shift 2
  container=$(coracle run -d --network none "$name" hold)
  pid=$(coracle inspect -f '{{.State.Pid}}' "$container")
  ours=/proc/$pid/root/t
  run podman pull -q --tls-verify=false "$name"
  assert_exit 0
  compare "$name" "$count" "$@"
}
compare() {
  local name=$1 count=$2 folder
  shift 2
  folder=$(podman image mount "$name")
  run inside python3 "$BATS_TEST_DIRNAME/same_trees.py" ${whole_seconds:-} "$ours" "$folder/t" "$count" \
    . doubled links/relative links/a-hard-link-to-a-link "$@"
  assert_exit 0
  assert_output ''
}

@test "an image with all that layers can hold" {
  python3 "$BATS_TEST_DIRNAME/layers.py" "$WORK/layout" "$WORK/probe.root"
  run inside skopeo copy -q --dest-tls-verify=false "oci:$WORK/layout:v1" "docker://$REGISTRY/me/all:v1"
  assert_exit 0
  run coracle pull -q "$REGISTRY/me/all:v1"
  assert_exit 0
  same_as_podman "$REGISTRY/me/all:v1" 90
  # What podman makes two files or fills with zeros.
  [ "$(inside stat -c %h "$ours/links/relative")" = 2 ]
  for file in hole middle ends many; do
    [ "$(($(inside stat -c '%s - 512 * %b' "$ours/sparse/$file")))" -gt 500000 ] || _mismatch "no holes: $file"
  done
}

@test "an image that is built here: COPY, ADD and RUN over the same files" {
  local name=$REGISTRY/me/built:v1
  mkdir -p "$WORK/context"
  cp -a "$WORK/layout.trees/1/t" "$WORK/context/tree"
  tar -C "$WORK/layout.trees/2" -cf "$WORK/context/more.tar" t
  cat >"$WORK/context/Dockerfile" <<DOCKERFILE
FROM $REGISTRY/me/all:v1
COPY tree/links tree/modes /t/copied/
COPY tree/attributes /t/attributes-copied/
ADD more.tar /
RUN rm /t/gone/new /t/late && mkdir /t/made && write /t/made/new again
RUN write /t/plain changed && chown 5:6 /t/owners/other && rm /t/lower/1
DOCKERFILE
  run coracle build -q -t "$name" "$WORK/context"
  assert_exit 0
  run coracle push -q "$name"
  assert_exit 0
  # Layers that are built have whole seconds, as Docker's.
  whole_seconds=--whole-seconds same_as_podman "$name" 110
}

@test "the same, saved by coracle and loaded by podman, and loaded again by coracle" {
  name=$REGISTRY/me/all:v1
  coracle save -o "$WORK/saved.tar" "$name"
  id=$(coracle images -q --no-trunc "$name")
  podman image umount --all >/dev/null
  podman rmi -f "$name" >/dev/null
  run podman load -q -i "$WORK/saved.tar"
  assert_exit 0
  coracle rmi -f "$name" "$REGISTRY/me/built:v1" >/dev/null
  coracle system prune -f >/dev/null
  run coracle load -q -i "$WORK/saved.tar"
  assert_exit 0
  [ "$(coracle images -q --no-trunc "$name")" = "$id" ]
  pid=$(coracle inspect -f '{{.State.Pid}}' "$(coracle run -d --network none "$name" hold)")
  ours=/proc/$pid/root/t
  compare "$name" 90
  run coracle image verify
  assert_exit 0
}

# Its archive cannot be made again from the files: the blob is kept.
@test "a layer in which a name comes twice is saved and verified, too" {
  name=$REGISTRY/me/twice:v1
  python3 "$BATS_TEST_DIRNAME/layers.py" "$WORK/twice" "$WORK/probe.root" twice
  run inside skopeo copy -q --dest-tls-verify=false "oci:$WORK/twice:v1" "docker://$name"
  assert_exit 0
  run coracle pull -q "$name"
  assert_exit 0
  run coracle run --rm --network none "$name" cat /t/twice
  assert_output second
  run coracle image verify
  assert_exit 0
  run coracle save -o "$WORK/twice.tar" "$name"
  assert_exit 0
  id=$(coracle images -q --no-trunc "$name")
  coracle rmi "$name" >/dev/null
  coracle system prune -f >/dev/null
  run coracle load -q -i "$WORK/twice.tar"
  assert_exit 0
  [ "$(coracle images -q --no-trunc "$name")" = "$id" ]
}
