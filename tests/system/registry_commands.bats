# What asks registries about more than one image: pull -a, search, --pull newer, platforms; and --progress json.
load helper
load registries

setup_file() {
  sandbox_up && import_probe && registries_up || return 1
  mkdir "$WORK/context"
  printf 'FROM probe:1\nCOPY text /text\n' >"$WORK/context/Dockerfile"
  local registry name
  for registry in "$OURS" "$THEIRS"; do
    for name in me/music-one:v1 me/music-one:v2 me/music-two:v1 me/three:v1; do
      publish "$name" "$registry/$name"
    done
  done
}
teardown_file() { sandbox_down; }
teardown() { rm -rf "$WORK/other"; }
publish() {
  echo "$1" >"$WORK/context/text"
  coracle build -q -t "$2" "$WORK/context" >/dev/null && coracle push -q "$2" >/dev/null
}

check_all_tags() {
  run --separate-stderr other pull -a "$1/me/music-one"
  assert_exit 0
  assert_line 'v1: Pulling from me/music-one'
  assert_line 'v2: Pulling from me/music-one'
  assert_line "Status: Downloaded newer image for $1/me/music-one"
  [ "${lines[-1]}" = "$1/me/music-one" ] || _mismatch "the last line is not the name"
  [ "$(grep -c '^Status:' <<<"$output")" -eq 1 ] || _mismatch 'not one status'
  run other image ls --format '{{.Repository}}:{{.Tag}}'
  assert_line "$1/me/music-one:v1"
  assert_line "$1/me/music-one:v2"
  run other pull -a -q "$1/me/music-one"
  assert_output "$1/me/music-one"
  run other pull -a "$1/me/music-one"
  assert_line "Status: Image is up to date for $1/me/music-one"
}
@test "coracle-registry: pull --all-tags" { check_all_tags "$OURS"; }
@test "docker-registry: pull --all-tags" { check_all_tags "$THEIRS"; }

@test "pull: what --all-tags and --disable-content-trust refuse" {
  run other pull -a "$THEIRS/me/music-one:v1"
  assert_exit 1
  assert_has "tag can't be used with --all-tags/-a"
  run other pull -a "$THEIRS/no/such"
  assert_exit 1
  assert_has "repository $THEIRS/no/such not found"
  run other pull --disable-content-trust=false "$THEIRS/me/music-one:v1"
  assert_exit 1
  run other pull --disable-content-trust -q "$THEIRS/me/music-one:v1"
  assert_exit 0
  assert_output "$THEIRS/me/music-one:v1"
  run other pull --progress bars "$THEIRS/me/music-one:v1"
  assert_exit 125
  assert_has 'invalid progress mode bars'
  run other pull "$THEIRS/me/music-one"
  assert_has 'Using default tag: latest'
}

check_search() {
  run coracle search "$1/music"
  assert_exit 0
  [[ ${lines[0]} =~ ^NAME\ +DESCRIPTION\ +STARS\ +OFFICIAL$ ]] || _mismatch "${lines[0]}"
  [ "${#lines[@]}" -eq 3 ] || _mismatch 'not two results'
  run coracle search --format '{{.Name}}|{{.StarCount}}|{{.IsOfficial}}' "$1/"
  assert_line "$1/me/music-one|0|"
  assert_line "$1/me/three|0|"
  run coracle search --limit 1 --format '{{.Name}}' "$1/MUSIC"
  assert_output "$1/me/music-one"
  run coracle search --filter stars=1 --format '{{.Name}}' "$1/music"
  assert_output ''
  run coracle search --format json "$1/three"
  assert_has "\"Name\":\"$1/me/three\""
  run coracle search --format '{{.Name}}' "$1/nothing"
  assert_exit 0
  assert_output ''
}
@test "coracle-registry: search" { check_search "$OURS"; }
@test "docker-registry: search" { check_search "$THEIRS"; }

@test "search: wrong options, and a registry that has no search" {
  run coracle search --limit 101 "$THEIRS/music"
  assert_exit 1
  assert_has 'limit 101 is outside the range of [1, 100]'
  run coracle search --filter color=red "$THEIRS/music"
  assert_has "invalid filter 'color'"
  run coracle search --filter is-official=perhaps "$THEIRS/music"
  assert_has "invalid filter 'is-official=[perhaps]'"
  background "$WORK/http.log" python3 -m http.server --bind 127.0.0.1 --directory "$WORK/context" 5009
  wait_until inside curl --silent -o /dev/null http://localhost:5009/
  run coracle search localhost:5009/music
  assert_exit 1
  assert_has 'localhost:5009 cannot be searched: it offers neither /v1/search nor a catalogue'
  run coracle search localhost:5999/music
  assert_exit 1
  assert_has 'cannot connect to localhost:5999'
}

@test "--progress json: an object a line, for success and failure" {
  run --separate-stderr other pull --progress json "$THEIRS/me/music-one:v1"
  assert_exit 0
  python3 - "$output" <<'PY'
import json, sys
events = [json.loads(line) for line in sys.argv[1].splitlines()]
layers = [e for e in events if "id" in e]
assert any(e["status"] == "Pull complete" for e in layers), events
assert all(isinstance(e.get("total", 0), int) for e in layers), events
assert any(e["status"].startswith("Digest: sha256:") for e in events), events
PY
  run --separate-stderr other pull --progress json "$THEIRS/me/music-one:none"
  assert_exit 1
  [[ ${lines[-1]} == '{"error":"'*'manifest unknown'*'"}' ]] || _mismatch "${lines[-1]}"
  run --separate-stderr coracle push --progress json "$THEIRS/me/music-one:v1"
  assert_exit 0
  assert_has '"status":"Layer already exists"'
  refuse_has 'Layer already exists"}}'
}

@test "run --pull: only newer and always ask the registry; newer says what it found" {
  name=$THEIRS/stale/app:v1
  publish first "$name"
  other pull -q "$name"
  run --separate-stderr other run --rm --pull newer "$name" cat /text
  assert_exit 0
  assert_output first
  [ -z "$stderr" ] || _mismatch "$stderr"
  publish second "$name"
  run --separate-stderr other run --rm "$name" cat /text
  assert_output first
  [ -z "$stderr" ] || _mismatch "$stderr"
  run --separate-stderr other run --rm --pull newer "$name" cat /text
  assert_exit 0
  assert_output second
  assert_stderr "The registry has a newer image for $name: sha256:"
  assert_stderr "Status: Downloaded newer image for $name"
  run --separate-stderr other create --pull newer --name made "$name" cat /text
  assert_exit 0
  [ -z "$stderr" ] || _mismatch "$stderr"
  other rm made
  # A registry that is gone leaves what is here.
  other tag "$name" localhost:5999/stale/app:v1
  run --separate-stderr other run --rm --pull newer localhost:5999/stale/app:v1 cat /text
  assert_exit 0
  assert_output second
  assert_stderr 'Using the local image of localhost:5999/stale/app:v1'
  run other run --rm --pull always localhost:5999/stale/app:v1 cat /text
  assert_exit 125
}

@test "another platform's image is refused, with what there is" {
  make_image "$WORK/s390x" v1 s390x text
  inside tar -C "$WORK/s390x" -cf "$WORK/s390x.tar" .
  id=$(coracle load --platform linux/s390x -q -i "$WORK/s390x.tar" | grep -o 'sha256:.*')
  name=$THEIRS/foreign/app:v1
  coracle tag "$id" "$name"
  coracle push -q "$name"
  run other pull "$name"
  assert_exit 1
  assert_has 'no matching manifest for linux/'
  assert_has 'the image exists for linux/s390x only'
  run other run --rm "$name"
  assert_exit 125
  assert_has 'the image exists for linux/s390x only'
  run other image ls -q
  assert_output ''
  other pull -q --platform linux/s390x "$name"
  run other run --rm --pull never --platform linux/arm64 "$name"
  assert_exit 125
  assert_has "image with reference $name was found but its platform (linux/s390x) does not match the specified platform (linux/arm64"
  run --separate-stderr other create --pull never "$name"
  assert_exit 0
  assert_stderr "WARNING: The requested image's platform (linux/s390x) does not match the detected host platform (linux/"
  other rm "$output"
  # --platform of what is here in another platform: the registry is asked.
  run other run --rm --platform linux/arm64 "$name"
  assert_exit 125
  assert_has 'Unable to find image'
  assert_has 'the image exists for linux/s390x only'
}
