# Archives: what coracle saves the others load and run the same, and the other way round. OCI layouts by umoci and skopeo,
# docker-archives by docker, podman and skopeo.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir -p "$WORK/context" "$DOCKER_CONFIG"
  echo '{}' >"$DOCKER_CONFIG/config.json"
  printf 'FROM probe:1\nCOPY text /text\nRUN rm /data/file\nENV A=b\nCMD ["cat","/text"]\n' >"$WORK/context/Dockerfile"
  echo 'text of the layer' >"$WORK/context/text"
  coracle build -q -t exchange/built:v1 "$WORK/context" >/dev/null || return 1
  coracle save -o "$WORK/saved.tar" exchange/built:v1
  ID=$(coracle images -q --no-trunc exchange/built:v1)
  export ID
  inside bash -c 'mkdir -p /etc/containers &&
    echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
  export XDG_RUNTIME_DIR=$WORK/xdg
  mkdir -m 700 "$XDG_RUNTIME_DIR"
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

podman() {
  inside podman --log-level=error --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" \
    --storage-driver vfs --cgroup-manager=cgroupfs --events-backend=none "$@"
}
docker() { inside /usr/bin/docker -H "unix://$WORK/docker.sock" "$@"; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# Nothing of the image is here but what the archive brings.
forget() {
  coracle rmi -f "$@" >/dev/null 2>&1 || true
  coracle system prune -af >/dev/null
}
# runs_the_same NAME [ID]: ID is that of the image built here; `other` where the configuration was written anew.
runs_the_same() {
  run coracle run --rm --network none "$1"
  assert_exit 0
  assert_output 'text of the layer'
  run coracle run --rm --network none "$1" ls /data
  refuse_has file
  [ "${2:-}" = other ] || [ "$(coracle inspect -f '{{.Id}}' "$1")" = "$ID" ] || _mismatch "it has another id: $1"
}

@test "umoci unpacks what coracle saves, and its layout comes back" {
  need umoci
  mkdir "$WORK/layout"
  tar -C "$WORK/layout" -xf "$WORK/saved.tar"
  tag=$(jq -r '.manifests[0].annotations["org.opencontainers.image.ref.name"]' "$WORK/layout/index.json")
  run inside umoci unpack --image "$WORK/layout:$tag" "$WORK/bundle"
  assert_exit 0
  [ "$(cat "$WORK/bundle/rootfs/text")" = 'text of the layer' ]
  [ ! -e "$WORK/bundle/rootfs/data/file" ]
  [ "$(jq -r '.process.args | join(" ")' "$WORK/bundle/config.json")" = 'cat /text' ]
  # One more layer by umoci, loaded here.
  echo 'by umoci' >"$WORK/bundle/rootfs/text"
  rm "$WORK/bundle/rootfs/etc/group"
  run inside umoci repack --image "$WORK/layout:more" "$WORK/bundle"
  assert_exit 0
  run inside umoci config --image "$WORK/layout:more" --config.env MADE_BY=umoci
  assert_exit 0
  run inside umoci rm --image "$WORK/layout:$tag"
  assert_exit 0
  run inside umoci gc --layout "$WORK/layout"
  assert_exit 0
  rm -f "$WORK/layout/manifest.json" "$WORK/layout/repositories"
  tar -C "$WORK/layout" -cf "$WORK/umoci.tar" .
  run coracle load -i "$WORK/umoci.tar"
  assert_exit 0
  id=${output##*: }
  run coracle run --rm --network none "$id"
  assert_output 'by umoci'
  run coracle run --rm --network none "$id" env
  assert_line MADE_BY=umoci
  run coracle run --rm --network none "$id" ls /etc
  refuse_has group
}

@test "skopeo reads what coracle saves, and coracle what skopeo writes: docker-archive, oci-archive" {
  need skopeo
  run inside skopeo inspect --config "docker-archive:$WORK/saved.tar"
  assert_exit 0
  assert_has '"A=b"'
  # The layers of a docker-archive are plain: its configuration, and so the id, stays.
  run inside skopeo copy -q "docker-archive:$WORK/saved.tar" "docker-archive:$WORK/skopeo.tar:exchange/skopeo:v1"
  assert_exit 0
  run inside skopeo copy -q "docker-archive:$WORK/saved.tar" "oci-archive:$WORK/skopeo-oci.tar:exchange/skopeo:v2"
  assert_exit 0
  run inside skopeo copy -q --dest-compress-format zstd --dest-compress "oci-archive:$WORK/skopeo-oci.tar" "oci-archive:$WORK/skopeo-zstd.tar"
  assert_exit 0
  forget exchange/built:v1
  run coracle load -i "$WORK/skopeo.tar"
  assert_output 'Loaded image: exchange/skopeo:v1'
  runs_the_same exchange/skopeo:v1
  forget exchange/skopeo:v1
  run coracle load -i "$WORK/skopeo-oci.tar"
  assert_output 'Loaded image: exchange/skopeo:v2'
  runs_the_same exchange/skopeo:v2 other
  forget exchange/skopeo:v2
  run coracle load -q <"$WORK/skopeo-zstd.tar"
  assert_exit 0
  runs_the_same "${output##* }" other
}

@test "podman loads what coracle saves, and coracle what podman saves: docker-archive, oci-archive" {
  need podman
  run podman load -q -i "$WORK/saved.tar"
  assert_exit 0
  assert_has exchange/built:v1
  [ "$(podman images -q --no-trunc exchange/built:v1)" = "$ID" ]
  for format in docker-archive oci-archive; do
    run podman save -q --format "$format" -o "$WORK/podman-$format.tar" "${ID#sha256:}"
    assert_exit 0
    forget exchange/built:v1
    run coracle load -q -i "$WORK/podman-$format.tar"
    assert_exit 0
    runs_the_same "${output##* }" $([ $format = docker-archive ] || echo other)
  done
}

@test "docker loads what coracle saves, and coracle what docker saves" {
  [ -x /usr/sbin/dockerd ] || skip "Debian's docker.io is not installed"
  background "$WORK/dockerd.log" /usr/sbin/dockerd --data-root "$WORK/dockerd/data" --exec-root "$WORK/dockerd/exec" \
    --pidfile "$WORK/dockerd.pid" -H "unix://$WORK/docker.sock" --storage-driver vfs --iptables=false --ip6tables=false \
    --bridge none --userland-proxy=false
  wait_until docker version || skip "dockerd cannot start here: $(tail -n 1 "$WORK/dockerd.log")"
  run docker load -i "$WORK/saved.tar"
  assert_exit 0
  assert_has 'Loaded image: exchange/built:v1'
  [ "$(docker images -q --no-trunc exchange/built:v1)" = "$ID" ]
  docker save -o "$WORK/docker.tar" exchange/built:v1
  forget exchange/built:v1
  run coracle load -i "$WORK/docker.tar"
  assert_exit 0
  assert_has 'Loaded image: exchange/built:v1'
  runs_the_same exchange/built:v1
  # And gzip'ed, through a pipe; and a container's file system.
  forget exchange/built:v1
  run bash -c 'gzip -c "$WORK/docker.tar" | nsenter --target "$INSIDE" --mount --net --uts --ipc --pid --cgroup -- coracle load -q'
  assert_exit 0
  runs_the_same exchange/built:v1
  run docker create --name left exchange/built:v1
  assert_exit 0
  docker export -o "$WORK/export.tar" left
  run coracle import "$WORK/export.tar" exchange/imported:v1
  assert_exit 0
  run coracle run --rm --network none exchange/imported:v1 cat /text
  assert_output 'text of the layer'
}

@test "image copy: into a layout that umoci and skopeo read, from one that umoci wrote, unpacking nothing" {
  need umoci
  coracle image inspect exchange/built:v1 >/dev/null 2>&1 || coracle load -q -i "$WORK/saved.tar" >/dev/null
  run inside umoci init --layout "$WORK/own"
  assert_exit 0
  run coracle image copy -q "docker-archive:$WORK/saved.tar" "oci:$WORK/own:copied"
  assert_exit 0
  run inside umoci unpack --image "$WORK/own:copied" "$WORK/own.bundle"
  assert_exit 0
  [ "$(cat "$WORK/own.bundle/rootfs/text")" = 'text of the layer' ]
  run inside umoci config --image "$WORK/own:copied" --tag changed --config.env MADE_BY=umoci
  assert_exit 0
  run coracle image copy -q "oci:$WORK/own:changed" "oci-archive:$WORK/own.tar:changed"
  assert_exit 0
  run inside skopeo inspect --config "oci-archive:$WORK/own.tar:changed"
  assert_has MADE_BY=umoci
  run coracle load -q -i "$WORK/own.tar"
  assert_exit 0
  run coracle run --rm --network none "${output##* }" env
  assert_line MADE_BY=umoci
}
