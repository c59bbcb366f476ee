# Peers: what coracle pushes they pull and run, what they push coracle pulls and runs.
#
# Each peer has roots of its own, below the sandbox's folder. Docker is Debian's, with a daemon of its own in the sandbox.
load helper

REGISTRY=localhost:5000

setup_file() {
  sandbox_up && import_probe || return 1
  if [ -x "$TOP/build/bin/coracle-registry" ]; then
    export REGISTRY_KIND=coracle-registry
    inside coracle-registry user add me </dev/null &&
      inside coracle-registry token create --user me --scope read,write --name peers >"$WORK/token" || return 1
    background "$WORK/registry.log" coracle-registry serve --listen 127.0.0.1:5000
  else
    export REGISTRY_KIND=docker-registry
    echo unused >"$WORK/token"
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
      "$WORK/registry" "$REGISTRY" >"$WORK/registry.yml"
    background "$WORK/registry.log" docker-registry serve "$WORK/registry.yml"
  fi
  wait_until registry_is_up || { cat "$WORK/registry.log" >&2; return 1; }
  coracle login "$REGISTRY" -u me --password-stdin <"$WORK/token" >/dev/null 2>&1 || [ "$REGISTRY_KIND" = docker-registry ] || return 1
  coracle tag probe:1 "$REGISTRY/me/probe:v1"
  coracle push "$REGISTRY/me/probe:v1" >"$WORK/push.log" || { cat "$WORK/push.log" >&2; return 1; }
  # Policy and registries of the container tools, in the sandbox's own /etc.
  inside bash -c 'mkdir -p /etc/containers &&
    echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json &&
    printf "[[registry]]\nlocation = \"localhost:5000\"\ninsecure = true\n" >/etc/containers/registries.conf'
  # crun wants the old hierarchies or the new one, and refuses a host that has both.
  [ ! -e /sys/fs/cgroup/unified ] || inside umount /sys/fs/cgroup/unified
  export XDG_RUNTIME_DIR=$WORK/xdg
  mkdir -m 700 "$XDG_RUNTIME_DIR"
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

registry_is_up() { inside curl --silent -o /dev/null "http://$REGISTRY/v2/"; }
token() { cat "$WORK/token"; }

podman() {
  inside podman --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" --storage-driver vfs \
    --cgroup-manager=cgroupfs --events-backend=none "$@"
}
buildah() { inside buildah --root "$WORK/podman/root" --runroot "$WORK/podman/run" --storage-driver vfs "$@"; }
docker() { inside /usr/bin/docker -H "unix://$WORK/docker.sock" --config "$WORK/docker-config" "$@"; }

need() { inside bash -c 'command -v "$1"' - "$1" >/dev/null || skip "$1 is not installed"; }

# podman_runs: whether podman can run anything at all here; what it says otherwise.
need_podman_run() {
  need podman
  podman load -q -i "$WORK/peer.tar" >/dev/null 2>&1 || true
  podman import -q "$WORK/probe.tar" own:1 >/dev/null 2>"$WORK/podman.log" || skip "podman cannot import here: $(tail -n 1 "$WORK/podman.log")"
  podman run --rm --network none own:1 /bin/true >/dev/null 2>"$WORK/podman.log" ||
    skip "podman cannot run anything here: $(tail -n 1 "$WORK/podman.log")"
}

need_docker() {
  [ -x /usr/sbin/dockerd ] || skip "Debian's docker.io is not installed"
  if ! docker version >/dev/null 2>&1; then
    # Its own bridge, data, state and socket; vfs works on any file system.
    background "$WORK/dockerd.log" /usr/sbin/dockerd --data-root "$WORK/dockerd/data" --exec-root "$WORK/dockerd/exec" \
      --pidfile "$WORK/dockerd.pid" -H "unix://$WORK/docker.sock" --storage-driver vfs --iptables=false --ip6tables=false \
      --bridge none --userland-proxy=false --insecure-registry "$REGISTRY"
    local tries
    for ((tries = 0; tries < 100; tries++)); do
      ! docker version >/dev/null 2>&1 || break
      sleep 0.1
    done
  fi
  docker version >/dev/null 2>&1 || skip "dockerd cannot start here: $(tail -n 1 "$WORK/dockerd.log")"
  [ "$REGISTRY_KIND" = docker-registry ] || docker login "$REGISTRY" -u me --password-stdin <"$WORK/token" >/dev/null 2>&1
}

@test "skopeo inspects and copies what coracle pushed" {
  need skopeo
  run inside skopeo inspect --tls-verify=false --creds "me:$(token)" "docker://$REGISTRY/me/probe:v1"
  assert_exit 0
  assert_has '"Architecture": "amd64"'
  run inside skopeo copy --src-tls-verify=false --src-creds "me:$(token)" "docker://$REGISTRY/me/probe:v1" "oci:$WORK/copied:v1"
  assert_exit 0
  [ -s "$WORK/copied/index.json" ]
}

@test "coracle pulls and runs what skopeo pushed, as OCI and as Docker's format" {
  need skopeo
  for format in oci v2s2; do
    run inside skopeo copy --format "$format" --src-tls-verify=false --dest-tls-verify=false --src-creds "me:$(token)" \
      --dest-creds "me:$(token)" "docker://$REGISTRY/me/probe:v1" "docker://$REGISTRY/me/skopeo:$format"
    assert_exit 0
    run coracle run --rm --pull always "$REGISTRY/me/skopeo:$format" words "$format"
    assert_exit 0
    assert_line "[$format]"
  done
}

@test "coracle pulls and runs layers of zstd that skopeo pushed" {
  need skopeo
  run inside skopeo copy --format oci --dest-compress-format zstd --src-tls-verify=false --src-creds "me:$(token)" \
    "docker://$REGISTRY/me/probe:v1" "dir:$WORK/zstd"
  assert_exit 0
  run inside skopeo copy --format oci --dest-compress --dest-compress-format zstd --dest-tls-verify=false --src-tls-verify=false \
    --src-creds "me:$(token)" --dest-creds "me:$(token)" "dir:$WORK/zstd" "docker://$REGISTRY/me/skopeo:zstd"
  assert_exit 0
  run coracle run --rm --pull always "$REGISTRY/me/skopeo:zstd" cat /data/file
  assert_exit 0
  assert_line 'text of the image'
}

@test "twenty pushes by skopeo in a row: a PUT may follow its PATCH at once" {
  need skopeo
  for number in $(seq 20); do
    run inside skopeo copy -q --src-tls-verify=false --dest-tls-verify=false --src-creds "me:$(token)" \
      --dest-creds "me:$(token)" "docker://$REGISTRY/me/probe:v1" "docker://$REGISTRY/me/row$number:v1"
    assert_exit 0
  done
}

@test "podman pulls and runs what coracle pushed" {
  need podman
  run podman pull --tls-verify=false --creds "me:$(token)" "$REGISTRY/me/probe:v1"
  assert_exit 0
  need_podman_run
  run podman run --rm --network none "$REGISTRY/me/probe:v1" /bin/words run by podman
  assert_exit 0
  assert_line '[run][by][podman]'
}

# Layers of more than a megabyte are several gzip members in a row (RFC 1952, section 2.2): everybody has to read on.
@test "skopeo, podman and docker pull a layer of several gzip members whole" {
  mkdir -p "$WORK/members"
  seq 400000 >"$WORK/members/numbers"
  printf 'FROM probe:1\nCOPY numbers /numbers\n' >"$WORK/members/Dockerfile"
  name=$REGISTRY/me/members:v1
  coracle build -q -t "$name" "$WORK/members"
  coracle push -q "$name"
  need skopeo
  run inside skopeo copy --src-tls-verify=false --src-creds "me:$(token)" "docker://$name" "dir:$WORK/members/copied"
  assert_exit 0
  run python3 - "$WORK/members" <<'END'
import hashlib, io, json, sys, tarfile, zlib
folder = sys.argv[1] + "/copied/"
manifest = json.load(open(folder + "manifest.json"))
config = json.load(open(folder + manifest["config"]["digest"][7:]))
packed = open(folder + manifest["layers"][-1]["digest"][7:], "rb").read()
plain, members = b"", 0
while packed:
    member = zlib.decompressobj(31)
    plain += member.decompress(packed)
    packed, members = member.unused_data, members + 1
assert members > 1, members
assert "sha256:" + hashlib.sha256(plain).hexdigest() == config["rootfs"]["diff_ids"][-1]
assert tarfile.open(fileobj=io.BytesIO(plain)).extractfile("numbers").read() == open(sys.argv[1] + "/numbers", "rb").read()
END
  assert_exit 0
  # Both check the whole layer against its diff id while they unpack it.
  need podman
  run podman pull -q --tls-verify=false --creds "me:$(token)" "$name"
  assert_exit 0
  cmp "$(find "$WORK/podman/root" -name numbers -type f | head -n 1)" "$WORK/members/numbers"
  need_docker
  run docker pull -q "$name"
  assert_exit 0
  cmp "$(find "$WORK/dockerd/data" -name numbers -type f | head -n 1)" "$WORK/members/numbers"
}

@test "podman runs an image that coracle built" {
  need podman
  need_podman_run
  mkdir -p "$WORK/context"
  printf 'FROM probe:1\nENV A=b\nWORKDIR /work\nRUN write made here && rm /data/file\nUSER user\nCMD ["sh","-c","cat made && pwd && id && ls /data"]\n' \
    >"$WORK/context/Dockerfile"
  coracle build -q -t "$REGISTRY/me/built:v1" "$WORK/context"
  coracle push -q "$REGISTRY/me/built:v1"
  run podman pull -q --tls-verify=false --creds "me:$(token)" "$REGISTRY/me/built:v1"
  assert_exit 0
  run podman run --rm --network none "$REGISTRY/me/built:v1"
  assert_exit 0
  assert_line here
  assert_line /work
  assert_match '^uid=1000 gid=1000'
  refuse_has 'text of'
}

@test "coracle runs an image made by buildah and pushed by podman" {
  need buildah
  mkdir -p "$WORK/context"
  printf 'FROM scratch\nADD probe.tar /\nENV MADE_BY=buildah\nUSER user\nENTRYPOINT ["/bin/words"]\nCMD ["from","buildah"]\n' \
    >"$WORK/context/Dockerfile"
  cp "$WORK/probe.tar" "$WORK/context/"
  run buildah bud --isolation chroot -t "$REGISTRY/me/buildah:v1" "$WORK/context"
  assert_exit 0
  run buildah push --tls-verify=false --creds "me:$(token)" "$REGISTRY/me/buildah:v1"
  assert_exit 0
  run coracle run --rm "$REGISTRY/me/buildah:v1"
  assert_exit 0
  assert_line '[from][buildah]'
  run coracle run --rm --entrypoint env "$REGISTRY/me/buildah:v1"
  assert_line MADE_BY=buildah
}

@test "coracle runs an image that podman committed, with a file of the base removed" {
  need_podman_run
  podman run --name changed --network none own:1 /bin/sh -c 'rm /data/file && write /data/other by-podman'
  run podman commit -q changed "$REGISTRY/me/committed:v1"
  assert_exit 0
  run podman push -q --tls-verify=false --creds "me:$(token)" "$REGISTRY/me/committed:v1"
  assert_exit 0
  run coracle run --rm "$REGISTRY/me/committed:v1" /bin/sh -c 'cat /data/other && ls /data'
  assert_exit 0
  assert_line by-podman
  ! grep -qx file <<<"$output" || _mismatch 'the removed file is there'
}

@test "docker pulls and runs what coracle pushed" {
  need_docker
  run docker pull "$REGISTRY/me/probe:v1"
  assert_exit 0
  assert_has 'Status: Downloaded newer image for'
  run docker run --rm --network none "$REGISTRY/me/probe:v1" /bin/words run by docker
  [ "$status" -ne 125 ] || skip "docker cannot run anything here: $(tail -n 1 <<<"$output")"
  assert_exit 0
  assert_line '[run][by][docker]'
}

@test "coracle pulls and runs what docker imported and pushed" {
  need_docker
  run docker import -c 'ENV MADE_BY=docker' -c 'CMD ["/bin/env"]' "$WORK/probe.tar" "$REGISTRY/me/docker:v1"
  assert_exit 0
  run docker push "$REGISTRY/me/docker:v1"
  assert_exit 0
  run coracle run --rm "$REGISTRY/me/docker:v1"
  assert_exit 0
  assert_line MADE_BY=docker
}

@test "docker and coracle know each other's login" {
  [ "$REGISTRY_KIND" = coracle-registry ] || skip "the registry without accounts is in use: coracle-registry is not built"
  need_docker
  run bash -c 'python3 -c "import json,sys; a=[json.load(open(p))[\"auths\"] for p in sys.argv[1:]]; print(a[0]==a[1])" \
    "$WORK/docker-config/config.json" "$DOCKER_CONFIG/config.json"'
  assert_output True
}
