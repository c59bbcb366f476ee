# login, push, pull: against coracle-registry with its tokens, and against Debian's docker-registry with a password file.
load helper

OURS=localhost:5000
THEIRS=localhost:5001

setup_file() {
  sandbox_up && import_probe || return 1
  if [ -x "$TOP/build/bin/coracle-registry" ]; then
    inside coracle-registry user add me </dev/null &&
      inside coracle-registry token create --user me --scope read,write --name both >"$WORK/token.both" &&
      inside coracle-registry token create --user me --scope read --name reader >"$WORK/token.read" || return 1
    start_ours
    wait_until is_up "$OURS" || { cat "$WORK/ours.log" >&2; return 1; }
  fi
  python3 -W ignore -c 'import crypt; print("me:" + crypt.crypt("secret", crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' \
    >"$WORK/htpasswd"
  cat >"$WORK/theirs.yml" <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $WORK/theirs}, delete: {enabled: true}}
http: {addr: "$THEIRS"}
auth: {htpasswd: {realm: test, path: $WORK/htpasswd}}
YAML
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until is_up "$THEIRS" || { cat "$WORK/theirs.log" >&2; return 1; }
  coracle tag probe:1 keep:1
}
teardown_file() { sandbox_down; }
setup() {
  rm -rf "$DOCKER_CONFIG"
}
teardown() {
  remove_containers
  coracle images | awk '$1 ~ /localhost/ {print $1":"$2}' | grep -v '<none>' | while read -r name; do coracle rmi -f "$name" >/dev/null; done
}

is_up() { inside curl --silent -o /dev/null "http://$1/v2/"; }
start_ours() { background "$WORK/ours.log" coracle-registry serve --listen 127.0.0.1:5000; }
need_ours() { [ -x "$TOP/build/bin/coracle-registry" ] || skip "coracle-registry is not built"; }
login_ours() { inside bash -c 'coracle login "$1" -u me --password-stdin <"$2"' - "$OURS" "$WORK/token.${1:-both}"; }
login_theirs() { inside bash -c 'echo secret | coracle login "$1" -u me --password-stdin' - "$THEIRS"; }

# --- login --------------------------------------------------------------------------------------------------------------

check_login() {
  local registry=$1
  run "login_$2"
  assert_exit 0
  assert_line 'Login Succeeded'
  run stat -c %a "$DOCKER_CONFIG/config.json"
  assert_output 600
  run inside bash -c 'echo wrong | coracle login "$1" -u me --password-stdin' - "$registry"
  assert_exit 1
  assert_match 'unauthorized|denied'
  refuse_has 'Login Succeeded'
  # A wrong password does not take the right one away.
  run grep -c auth "$DOCKER_CONFIG/config.json"
  assert_exit 0
  run coracle logout "$registry"
  assert_exit 0
  assert_output "Removing login credentials for $registry"
  run coracle logout "$registry"
  assert_output "Not logged in to $registry"
}
@test "coracle-registry: login, a wrong password, logout" { need_ours; check_login "$OURS" ours; }
@test "docker-registry: login, a wrong password, logout" { check_login "$THEIRS" theirs; }

@test "login: what is asked wrongly" {
  run inside bash -c 'echo x | coracle login "$1" --password-stdin' - "$THEIRS"
  assert_exit 1
  assert_line 'Error: Must provide --username with --password-stdin'
  run inside bash -c 'coracle login "$1" -u me </dev/null' - "$THEIRS"
  assert_exit 1
  assert_line 'Error: Cannot perform an interactive login from a non TTY device'
  run inside bash -c 'coracle login "$1" -u me --password-stdin </dev/null' - "$THEIRS"
  assert_exit 1
  assert_line 'Error: Password Required'
  run inside bash -c 'echo secret | coracle login "$1" -u me -p secret --password-stdin' - "$THEIRS"
  assert_exit 1
  assert_line 'Error: --password and --password-stdin are mutually exclusive'
  run coracle login "http://$THEIRS/v2/" -u me -p secret
  assert_exit 0
  assert_has 'Your credentials are stored unencrypted in'
  assert_has 'WARNING! Using --password via the CLI is insecure. Use --password-stdin.'
}

@test "login on a terminal asks, and does not show the password" {
  run on_terminal 24 80 'expect:Username: ' 'send:me\r' 'expect:Password: ' 'send:secret\r' \
    'expect:Login Succeeded' -- coracle login "$THEIRS"
  assert_exit 0
  refuse_has secret
  run on_terminal 24 80 'expect:Username: ' 'send:\r' 'expect:Non-null Username Required' -- coracle login "$THEIRS"
  assert_exit 1
}

@test "logout: an address is its registry, and without one it is Docker's" {
  login_theirs
  run coracle logout "http://$THEIRS/"
  assert_exit 0
  assert_output "Removing login credentials for $THEIRS"
  run coracle logout
  assert_exit 0
  assert_output 'Not logged in to https://index.docker.io/v1/'
}

@test "a credential helper is given the password, asked for it, and told to forget it" {
  mkdir -p "$DOCKER_CONFIG" "$WORK/helpers"
  cat >"$WORK/helpers/docker-credential-folder" <<'HELPER'
#!/bin/sh
folder=$WORK/keychain
mkdir -p "$folder"
case $1 in
  store) cat >"$folder/last"; name=$(jq -r .ServerURL "$folder/last"); mv "$folder/last" "$folder/$name" ;;
  get) read -r name; cat "$folder/$name" 2>/dev/null || { echo 'credentials not found in native keychain'; exit 1; } ;;
  erase) read -r name; rm "$folder/$name" ;;
esac
HELPER
  chmod 755 "$WORK/helpers/docker-credential-folder"
  for settings in "{\"credsStore\": \"folder\", \"psFormat\": \"x\"}" \
    "{\"credHelpers\": {\"$THEIRS\": \"folder\"}, \"psFormat\": \"x\"}"; do
    printf '%s' "$settings" >"$DOCKER_CONFIG/config.json"
    run --separate-stderr inside env "PATH=$WORK/helpers:$PATH" \
      bash -c 'echo secret | coracle login "$1" -u me --password-stdin' - "$THEIRS"
    assert_exit 0
    assert_output 'Login Succeeded'
    [ -z "$stderr" ] || _mismatch 'something is warned of'
    [ "$(jq -r .Secret "$WORK/keychain/$THEIRS")" = secret ]
    [ "$(jq -c "[.auths[\"$THEIRS\"], .psFormat]" "$DOCKER_CONFIG/config.json")" = '[{},"x"]' ]
    [ "$(stat -c %a "$DOCKER_CONFIG/config.json")" = 600 ]
    coracle tag probe:1 "$THEIRS/me/helped:1"
    run inside env "PATH=$WORK/helpers:$PATH" coracle push -q "$THEIRS/me/helped:1"
    assert_exit 0
    # The helper is away: nothing goes on without it.
    run coracle pull "$THEIRS/me/helped:1"
    assert_exit 1
    assert_has 'docker-credential-folder'
    run inside env "PATH=$WORK/helpers:$PATH" coracle logout "$THEIRS"
    assert_exit 0
    assert_output "Removing login credentials for $THEIRS"
    [ ! -e "$WORK/keychain/$THEIRS" ]
    [ "$(jq -c . "$DOCKER_CONFIG/config.json" | grep -c psFormat)" = 1 ]
  done
}

# --- push and pull ------------------------------------------------------------------------------------------------------

check_push_and_pull() {
  local registry=$1 name=$1/me/probe
  "login_$2"
  coracle tag probe:1 "$name:v1"
  run coracle push "$name:v1"
  assert_exit 0
  assert_line "The push refers to repository [$name]"
  assert_match '^[0-9a-f]{12}: Pushed$'
  assert_match '^v1: digest: sha256:[0-9a-f]{64} size: [0-9]+$'
  digest=$(grep -oE 'sha256:[0-9a-f]{64}' <<<"$output" | tail -n 1)
  run coracle push "$name:v1"
  assert_exit 0
  assert_match '^[0-9a-f]{12}: Layer already exists$'
  assert_has "$digest"
  run coracle images --digests "$name"
  assert_has "$digest"
  run coracle pull "$name:v1"
  assert_exit 0
  assert_line 'v1: Pulling from me/probe'
  assert_line "Digest: $digest"
  assert_line "Status: Image is up to date for $name:v1"
  assert_line "$name:v1"
  # As on another machine: nothing of it is here.
  mkdir -p "$WORK/other"
  other=(--root "$WORK/other/root" --run-root "$WORK/other/run")
  run coracle "${other[@]}" run --rm "$name:v1" words it runs
  assert_exit 0
  assert_line "Unable to find image '$name:v1' locally"
  assert_match '^[0-9a-f]{12}: Pull complete$'
  assert_line "Status: Downloaded newer image for $name:v1"
  assert_line '[it][runs]'
  run --separate-stderr coracle "${other[@]}" run --rm "$name@$digest" words by digest
  assert_exit 0
  assert_output '[by][digest]'
  run coracle "${other[@]}" pull -q "$name:v1"
  assert_output "$name:v1"
  run coracle "${other[@]}" rmi -f "$name:v1"
  assert_exit 0
}
@test "coracle-registry: push, pull, run" { need_ours; check_push_and_pull "$OURS" ours; }
@test "docker-registry: push, pull, run" { check_push_and_pull "$THEIRS" theirs; }

@test "only the changed layer is pushed and pulled; --pull always and never" {
  login_theirs
  name=$THEIRS/me/changing
  mkdir -p "$WORK/context"
  printf 'FROM probe:1\nCOPY text /text\nCMD ["cat","/text"]\n' >"$WORK/context/Dockerfile"
  echo one >"$WORK/context/text"
  coracle build -q -t "$name" "$WORK/context"
  coracle push -q "$name"
  other=(--root "$WORK/other/root" --run-root "$WORK/other/run")
  run coracle "${other[@]}" run --rm --pull never "$name"
  assert_exit 125
  assert_has "No such image: $name"
  run --separate-stderr coracle "${other[@]}" run --rm "$name"
  assert_output one
  echo two >"$WORK/context/text"
  coracle build -q -t "$name" "$WORK/context"
  run coracle push "$name"
  assert_has 'Layer already exists'
  assert_has 'Pushed'
  run --separate-stderr coracle "${other[@]}" run --rm "$name"
  assert_output one
  run coracle "${other[@]}" run --rm --pull always "$name"
  assert_line two
  assert_match 'Already exists$'
  assert_match 'Pull complete$'
  refuse_has 'Unable to find image'
  run coracle "${other[@]}" run --rm --pull sometimes "$name"
  assert_exit 125
  assert_has "invalid pull option: 'sometimes'"
  run coracle "${other[@]}" images
  assert_has '<none>'
}

@test "pull and push without a login are refused with words that help" {
  login_theirs
  name=$THEIRS/me/private:v1
  coracle tag probe:1 "$name"
  coracle push -q "$name"
  coracle logout "$THEIRS"
  run coracle push "$name"
  assert_exit 1
  assert_match 'unauthorized|denied|authentication required|no basic auth credentials'
  assert_has 'login'
  coracle rmi "$name"
  run coracle pull "$name"
  assert_exit 1
  assert_match 'unauthorized|denied|authentication required|no basic auth credentials'
  assert_has 'login'
  run coracle run --rm "$name"
  assert_exit 125
}

@test "coracle-registry: a token that may only read cannot push" {
  need_ours
  login_ours
  name=$OURS/me/readable:v1
  coracle tag probe:1 "$name"
  coracle push -q "$name"
  login_ours read
  run coracle pull "$name"
  assert_exit 0
  coracle tag probe:1 "$OURS/me/refused:v1"
  run coracle push "$OURS/me/refused:v1"
  assert_exit 1
  assert_has 'denied'
  coracle logout "$OURS"
  coracle rmi "$name"
  run coracle pull "$name"
  assert_exit 1
  assert_match 'unauthorized|denied'
}

@test "a name, a tag, a registry that is not there" {
  login_theirs
  run coracle pull "$THEIRS/me/nosuch:1"
  assert_exit 1
  assert_match 'not found|manifest unknown'
  run coracle pull localhost:5999/me/probe:1
  assert_exit 1
  assert_has 'cannot connect to localhost'
  assert_has 'Is the registry running there?'
  run coracle push "$THEIRS/me/never-tagged:1"
  assert_exit 1
  assert_has "An image does not exist locally with the tag: $THEIRS/me/never-tagged"
  run coracle push keep:1
  assert_exit 1
  assert_has 'names no registry'
  run coracle pull 'Upper/Case:1'
  assert_exit 1
  assert_has 'must be lowercase'
  run leftovers
  assert_output ''
}

@test "a pull that is killed half way, then pulled again" {
  login_theirs
  name=$THEIRS/me/large:v1
  mkdir -p "$WORK/large"
  head -c 40000000 /dev/urandom >"$WORK/large/random"
  printf 'FROM probe:1\nCOPY random /random\n' >"$WORK/large/Dockerfile"
  coracle build -q -t "$name" "$WORK/large"
  coracle push -q "$name"
  coracle rmi "$name"
  coracle system prune -f
  for pause in 0.01 0.02 0.03 0.05 0.1; do
    inside bash -c 'coracle pull "$1" >/dev/null 2>&1 & pid=$!; sleep "$2"; kill -KILL $pid; wait $pid' - "$name" "$pause" || true
  done
  no_transfer() { ! inside pgrep -x coracle-transfe; }
  wait_until no_transfer
  run coracle pull "$name"
  assert_exit 0
  run inside bash -c 'coracle run --rm "$1" cat /random | cmp - "$WORK/large/random"' - "$name"
  assert_exit 0
  coracle rmi "$name"
  # The killed pulls have left nothing behind; what the build keeps is another matter.
  run bash -c 'find "$CORACLE_ROOT" -size +30M -path "*staging*" -o -size +30M -path "*upload*" | wc -l'
  assert_output 0
}

@test "Ctrl-C ends a pull with 130 and leaves no process" {
  login_theirs
  name=$THEIRS/me/large:v1
  run inside bash -c 'env --default-signal=INT coracle pull "$1" >/dev/null 2>&1 & pid=$!; sleep 0.05; kill -INT $pid; wait $pid' - "$name"
  # Where it was faster than we, it has succeeded.
  [ "$status" -eq 130 ] || [ "$status" -eq 0 ] || _mismatch 'neither 130 nor 0'
  no_transfer() { ! inside pgrep -x coracle-transfe; }
  wait_until no_transfer
  run leftovers
  assert_output ''
}

@test "a registry that alters bytes is found out" {
  login_theirs
  name=$THEIRS/me/altered:v1
  coracle tag probe:1 "$name"
  coracle push -q "$name"
  layer=$(inside curl --silent -u me:secret -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
    "http://$THEIRS/v2/me/altered/manifests/v1" |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["layers"][0]["digest"].split(":")[1])')
  blob=$WORK/theirs/docker/registry/v2/blobs/sha256/${layer:0:2}/$layer/data
  printf 'X' | dd of="$blob" bs=1 seek=30000 conv=notrunc status=none
  run coracle --root "$WORK/fresh/root" --run-root "$WORK/fresh/run" pull "$name"
  assert_exit 1
  refuse_has 'Downloaded newer image'
  run coracle --root "$WORK/fresh/root" --run-root "$WORK/fresh/run" images -q
  assert_output ''
}

@test "secrets are nowhere in what is printed or kept, but in config.json" {
  login_theirs
  run bash -c 'grep -rl secret "$CORACLE_ROOT" "$CORACLE_RUN_ROOT" 2>/dev/null | grep -v /layers/'
  assert_output ''
  run inside env CORACLE_DEBUG=1 coracle pull "$THEIRS/me/nosuch:1"
  refuse_has secret
  refuse_has "$(printf 'me:secret' | base64)"
}
