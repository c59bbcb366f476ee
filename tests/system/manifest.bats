# manifest create, annotate, inspect, push, rm: lists of images, made here and pushed with what they name.
load helper
load registries

setup_file() {
  sandbox_up && import_probe && registries_up || return 1
  local registry machine
  for machine in amd64 arm64; do
    make_image "$WORK/$machine" x "$machine" "of $machine" >/dev/null
    for registry in "$OURS" "$THEIRS"; do
      coracle image copy -q "oci:$WORK/$machine" "$registry/me/$machine:1" >"$WORK/$machine.digest" || return 1
    done
  done
}
teardown_file() { sandbox_down; }
teardown() { rm -rf "$WORK/other" "$WORK/root/manifests"; }

check_list() {
  local list=$1/me/web:1
  run coracle manifest create "$list" "$1/me/amd64:1" "$1/me/arm64:1"
  assert_exit 0
  assert_output "Created manifest list $list"
  run coracle manifest create "$list" "$1/me/amd64:1"
  assert_exit 1
  assert_has 'refusing to amend an existing manifest list with no --amend flag'
  run coracle manifest create --amend "$list" "$1/me/amd64:1"
  assert_exit 0
  run coracle manifest annotate --variant v8 --os-features a,b "$list" "$1/me/arm64:1"
  assert_exit 0
  run coracle manifest inspect "$list"
  assert_line '   "manifests": ['
  assert_line '            "variant": "v8",'
  [ "$(grep -c '"digest"' <<<"$output")" -eq 2 ] || _mismatch 'not two images'
  run coracle manifest push -p "$list"
  assert_exit 0
  assert_has "Pushed ref $1/me/web@$(cat "$WORK/arm64.digest") with digest: $(cat "$WORK/arm64.digest")"
  digest=${lines[-1]}
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || _mismatch "$digest"
  # Both machines' images are to be had from the list's own repository now.
  other pull -q --platform linux/arm64 "$list"
  run other manifest inspect "$list"
  assert_line '   "mediaType": "application/vnd.oci.image.index.v1+json",'
  assert_has '"variant": "v8"'
  run other manifest inspect -v "$list"
  assert_line "		\"Ref\": \"$list@$(cat "$WORK/amd64.digest")\","
  assert_has '"OCIManifest": {'
  assert_has '"Raw": "'
  # Purged here.
  run coracle manifest rm "$list"
  assert_exit 1
  assert_has "No such manifest: $list"
}
@test "coracle-registry: a manifest list is made, annotated, pushed and pulled" { check_list "$OURS"; }
@test "docker-registry: a manifest list is made, annotated, pushed and pulled" { check_list "$THEIRS"; }

@test "images of another registry come along" {
  coracle manifest create "$THEIRS/me/mixed:1" "$OURS/me/arm64:1" "$THEIRS/me/amd64:1"
  run coracle manifest push "$THEIRS/me/mixed:1"
  assert_exit 0
  other pull -q --platform linux/arm64 "$THEIRS/me/mixed:1"
  run coracle manifest rm "$THEIRS/me/mixed:1"
  assert_exit 0
}

@test "manifest inspect: one image, and what a list has of it" {
  run coracle manifest inspect "$THEIRS/me/amd64:1"
  assert_exit 0
  assert_line '	"schemaVersion": 2,'
  assert_line '	"layers": ['
  run coracle manifest inspect -v "$THEIRS/me/amd64:1"
  assert_line "	\"Ref\": \"$THEIRS/me/amd64:1\","
  assert_line '			"architecture": "amd64",'
  run coracle manifest inspect --insecure "$THEIRS/me/amd64:1"
  assert_exit 0
  run coracle manifest inspect "$THEIRS/me/none:1"
  assert_exit 1
  assert_has 'manifest unknown'
  coracle manifest create "$THEIRS/me/web:2" "$THEIRS/me/amd64:1"
  coracle manifest annotate --os-version 1.2 "$THEIRS/me/web:2" "$THEIRS/me/amd64:1"
  run coracle manifest inspect -v "$THEIRS/me/web:2" "$THEIRS/me/amd64:1"
  assert_exit 0
  assert_has '"os.version": "1.2"'
  run coracle manifest inspect "$THEIRS/me/web:2" "$THEIRS/me/arm64:1"
  assert_exit 1
  assert_has "No such manifest: $THEIRS/me/arm64:1"
}

@test "manifest: what is refused" {
  run coracle manifest create "$THEIRS/me/web:3" "$THEIRS/me/none:1"
  assert_exit 1
  run coracle manifest inspect "$THEIRS/me/web:3"
  assert_exit 1
  run coracle manifest create "$THEIRS/me/web:3"
  assert_exit 125
  coracle manifest create "$THEIRS/me/web:3" "$THEIRS/me/amd64:1"
  run coracle manifest annotate --arch vax "$THEIRS/me/web:3" "$THEIRS/me/amd64:1"
  assert_exit 1
  assert_has 'manifest entry for image has unsupported os/arch combination: linux/vax'
  run coracle manifest annotate --arch arm "$THEIRS/me/web:3" "$THEIRS/me/arm64:1"
  assert_exit 1
  assert_has "manifest for image $THEIRS/me/arm64:1 does not exist in $THEIRS/me/web:3"
  coracle manifest push "$THEIRS/me/web:3" >/dev/null
  run coracle manifest create "$THEIRS/me/web:4" "$THEIRS/me/web:3"
  assert_exit 1
  assert_has "$THEIRS/me/web:3 is a manifest list"
  run coracle manifest push "$THEIRS/me/web:4"
  assert_exit 1
  assert_has "No such manifest: $THEIRS/me/web:4"
  # What another hand made of the file is said, not believed.
  for text in '{' '[]' '{"manifests":[{}]}' '{"manifests":[{"reference":"a","source":"b","document":"{","descriptor":{"mediaType":"x","digest":"../../x"}}]}'; do
    echo "$text" >"$(echo "$WORK"/root/manifests/*.json)"
    run coracle manifest push "$THEIRS/me/web:3"
    assert_exit 1
    assert_has 'the manifest list in manifests/'
  done
}

@test "manifest create: killed, and many at a time, a list is whole" {
  for image in amd64 arm64; do
    for try in 1 2 3; do
      coracle image copy -q "$THEIRS/me/$image:1" "$THEIRS/me/$image:$try" >/dev/null
      inside bash -c 'coracle manifest create -a "$1" "$2" >/dev/null 2>&1 &' - "$THEIRS/me/many:1" "$THEIRS/me/$image:$try"
    done
  done
  list_has_all() { [ "$(coracle manifest inspect -v "$THEIRS/me/many:1" | grep -c '"Ref"')" -eq 6 ]; }
  wait_until list_has_all
  for pause in 0.005 0.01 0.02 0.03; do
    inside bash -c 'coracle manifest create -a "$1" "$2" >/dev/null 2>&1 & pid=$!; sleep "$3"; kill -KILL $pid; wait $pid' - \
      "$THEIRS/me/many:1" "$THEIRS/me/arm64:1" "$pause" || true
    list_has_all
  done
}
