# Registries by TLS with a certificate of one's own, that want a name: ours with its tokens, Debian's docker-registry with
# htpasswd. What coracle pushes each peer pulls, and the other way round.
load helper

OURS=registry.test:5443
THEIRS=registry.test:5444

setup_file() {
  sandbox_up && import_probe || return 1
  inside bash -c 'echo "127.0.0.1 registry.test" >>/etc/hosts'
  mkdir "$WORK/ca"
  (cd "$WORK/ca" &&
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 -subj '/CN=Test CA' &&
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out request.pem -subj '/CN=registry.test' &&
    printf 'subjectAltName=DNS:registry.test\n' >extensions &&
    openssl x509 -req -in request.pem -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem) \
    >"$WORK/openssl.log" 2>&1 || { cat "$WORK/openssl.log" >&2; return 1; }
  inside bash -c 'for folder in docker containers; do
      for registry in '"$OURS $THEIRS"'; do
        mkdir -p /etc/$folder/certs.d/$registry && cp "$WORK/ca/ca.crt" /etc/$folder/certs.d/$registry/ || exit 1
      done
    done
    echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
  inside coracle-registry user add me </dev/null &&
    inside coracle-registry token create --user me --scope read,write --name peers >"$WORK/token" || return 1
  background "$WORK/ours.log" coracle-registry serve --listen 127.0.0.1:5443 --tls-cert "$WORK/ca/cert.pem" \
    --tls-key "$WORK/ca/key.pem"
  python3 -W ignore -c 'import crypt; print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' \
    >"$WORK/htpasswd"
  cat >"$WORK/theirs.yml" <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/theirs}}
http: {addr: "127.0.0.1:5444", tls: {certificate: $WORK/ca/cert.pem, key: $WORK/ca/key.pem}}
auth: {htpasswd: {realm: theirs, path: $WORK/htpasswd}}
YAML
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until is_up $OURS || { cat "$WORK/ours.log" >&2; return 1; }
  wait_until is_up $THEIRS || { cat "$WORK/theirs.log" >&2; return 1; }
  export XDG_RUNTIME_DIR=$WORK/xdg
  mkdir -m 700 "$XDG_RUNTIME_DIR"
}
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

is_up() { inside curl --silent --cacert "$WORK/ca/ca.crt" -o /dev/null "https://$1/v2/"; }
password() { if [ "$1" = $OURS ]; then cat "$WORK/token"; else echo secret; fi; }
podman() {
  inside podman --log-level=error --root "$WORK/podman/root" --runroot "$WORK/podman/run" --tmpdir "$WORK/podman/tmp" \
    --storage-driver vfs --cgroup-manager=cgroupfs --events-backend=none "$@"
}
buildah() { inside buildah --root "$WORK/podman/root" --runroot "$WORK/podman/run" --storage-driver vfs "$@"; }
docker() { inside /usr/bin/docker -H "unix://$WORK/docker.sock" --config "$WORK/docker-config" "$@"; }
need() { command -v "$1" >/dev/null || skip "$1 is not installed"; }
# comes_back NAME: pulled anew, it runs.
comes_back() {
  run coracle run --rm --network none --pull always "$1" words came back
  assert_exit 0
  assert_line '[came][back]'
}

@test "coracle signs in by TLS, and is refused without the name, with a wrong one, and without the certificate" {
  for registry in $OURS $THEIRS; do
    coracle tag probe:1 "$registry/me/probe:v1"
    run coracle push "$registry/me/probe:v1"
    assert_exit 1
    run bash -c 'echo wrong | nsenter --target "$INSIDE" --mount --net --uts --ipc --pid --cgroup -- coracle login '"$registry"' -u me --password-stdin'
    assert_exit 1
    run coracle login "$registry" -u me --password-stdin < <(password "$registry")
    assert_exit 0
    assert_has 'Login Succeeded'
    run coracle push -q "$registry/me/probe:v1"
    assert_exit 0
    run inside env CORACLE_CERTS="$WORK/nowhere" coracle pull "$registry/me/probe:v1"
    assert_exit 1
    assert_match 'certificate'
    comes_back "$registry/me/probe:v1"
  done
}

@test "--tls-verify=false: without the certificate, for that command alone" {
  for registry in $OURS $THEIRS; do
    run inside env CORACLE_CERTS="$WORK/nowhere" \
      bash -c 'coracle login --tls-verify=false "$1" -u me --password-stdin <<<"$2"' - "$registry" "$(password "$registry")"
    assert_exit 0
    coracle tag probe:1 "$registry/me/unverified:v1"
    run inside env CORACLE_CERTS="$WORK/nowhere" coracle push --tls-verify=false -q "$registry/me/unverified:v1"
    assert_exit 0
    run inside env CORACLE_CERTS="$WORK/nowhere" coracle pull --tls-verify=false -q "$registry/me/unverified:v1"
    assert_exit 0
    run inside env CORACLE_CERTS="$WORK/nowhere" coracle image copy --tls-verify=false -q "$registry/me/unverified:v1" \
      "$registry/me/unverified:v2"
    assert_exit 0
    run inside env CORACLE_CERTS="$WORK/nowhere" coracle search --tls-verify=false --format '{{.Name}}' "$registry/unverified"
    assert_output "$registry/me/unverified"
    for command in pull push search; do
      run inside env CORACLE_CERTS="$WORK/nowhere" coracle $command "$registry/me/unverified:v1"
      assert_exit 1
      assert_has 'is not trusted'
    done
    for ends in "$registry/me/unverified:v1 oci:$WORK/none:v1" "docker-archive:$WORK/probe.archive $registry/me/other:v1"; do
      [ -e "$WORK/probe.archive" ] || coracle save -o "$WORK/probe.archive" probe:1
      run inside env CORACLE_CERTS="$WORK/nowhere" coracle image copy $ends
      assert_exit 1
      assert_has 'is not trusted'
    done
  done
}

@test "skopeo copies from one registry to the other, and coracle pulls that" {
  need skopeo
  run inside skopeo copy -q --src-creds "me:$(password $OURS)" --dest-creds me:secret "docker://$OURS/me/probe:v1" \
    "docker://$THEIRS/me/skopeo:v1"
  assert_exit 0
  comes_back "$THEIRS/me/skopeo:v1"
  run inside skopeo copy -q --format v2s2 --src-creds me:secret --dest-creds "me:$(password $OURS)" \
    "docker://$THEIRS/me/skopeo:v1" "docker://$OURS/me/skopeo:v2"
  assert_exit 0
  comes_back "$OURS/me/skopeo:v2"
}

@test "podman and buildah: login, pull, commit, push" {
  need podman
  need buildah
  for registry in $OURS $THEIRS; do
    export REGISTRY_AUTH_FILE=$WORK/auth-${registry##*:}.json
    run podman login -u me --password-stdin "$registry" < <(password "$registry")
    assert_exit 0
    run podman pull -q "$registry/me/probe:v1"
    assert_exit 0
    container=$(buildah from --pull-never "$registry/me/probe:v1")
    run buildah config --env MADE_BY=buildah "$container"
    assert_exit 0
    run buildah commit -q "$container" "$registry/me/buildah:v1"
    assert_exit 0
    run buildah push -q "$registry/me/buildah:v1"
    assert_exit 0
    run podman tag "$registry/me/probe:v1" "$registry/me/podman:v1"
    run podman push -q "$registry/me/podman:v1"
    assert_exit 0
    comes_back "$registry/me/podman:v1"
    run coracle run --rm --network none "$registry/me/buildah:v1" env
    assert_line MADE_BY=buildah
  done
}

@test "docker: login, pull, push; and its login is coracle's" {
  [ -x /usr/sbin/dockerd ] || skip "Debian's docker.io is not installed"
  background "$WORK/dockerd.log" /usr/sbin/dockerd --data-root "$WORK/dockerd/data" --exec-root "$WORK/dockerd/exec" \
    --pidfile "$WORK/dockerd.pid" -H "unix://$WORK/docker.sock" --storage-driver vfs --iptables=false --ip6tables=false \
    --bridge none --userland-proxy=false
  wait_until docker version || skip "dockerd cannot start here: $(tail -n 1 "$WORK/dockerd.log")"
  for registry in $OURS $THEIRS; do
    run docker login "$registry" -u me --password-stdin < <(password "$registry")
    assert_exit 0
    run docker pull -q "$registry/me/probe:v1"
    assert_exit 0
    docker tag "$registry/me/probe:v1" "$registry/me/docker:v1"
    run docker push -q "$registry/me/docker:v1"
    assert_exit 0
    run inside env DOCKER_CONFIG="$WORK/docker-config" coracle pull -q "$registry/me/docker:v1"
    assert_exit 0
    comes_back "$registry/me/docker:v1"
  done
}
