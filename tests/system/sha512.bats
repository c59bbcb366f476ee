# Images that are named by sha512: loaded, inspected, verified, saved, pushed, copied and pulled.
load helper
load registries

setup_file() {
  sandbox_up && import_probe && registries_up || return 1
  make_image "$WORK/layout" tag amd64 'by sha512' sha512 >"$WORK/digest"
  tar -C "$WORK/layout" -cf "$WORK/layout.tar" .
}
teardown_file() { sandbox_down; }
teardown() { rm -rf "$WORK/other" "$WORK/out"*; }

@test "sha512: load, verify, save and load again: the id stays" {
  run coracle load -i "$WORK/layout.tar"
  assert_exit 0
  assert_match '^Loaded image ID: sha512:[0-9a-f]{128}$'
  id=${lines[-1]#Loaded image ID: }
  coracle tag "$id" long:1
  run coracle image inspect --format '{{.Id}}' long:1
  assert_output "$id"
  digits=${id#sha512:}
  run coracle image inspect --format '{{.Id}}' "${digits:0:12}"
  assert_output "$id"
  run coracle image verify
  assert_exit 0
  run coracle save -o "$WORK/out.tar" long:1
  assert_exit 0
  run other load -i "$WORK/out.tar"
  assert_exit 0
  run other image inspect --format '{{.Id}}' long:1
  assert_output "$id"
  run other rmi long:1
  assert_exit 0
}

@test "sha512: push, copy and pull" {
  id=$(coracle load -i "$WORK/layout.tar" | grep -o "sha512:.*")
  coracle tag "$id" "$THEIRS/me/long:1"
  run coracle push "$THEIRS/me/long:1"
  assert_exit 0
  run other pull "$THEIRS/me/long:1"
  assert_exit 0
  run other image inspect --format '{{.Id}}' "$THEIRS/me/long:1"
  assert_output "$id"
  run coracle image copy "$THEIRS/me/long:1" "oci:$WORK/out:long"
  assert_exit 0
  [ -n "$(find "$WORK/out/blobs/sha512" -type f)" ] || _mismatch 'no blob by sha512'
}

@test "sha512: a damaged layer is not loaded" {
  cp -r "$WORK/layout" "$WORK/out"
  layer=$(find "$WORK/out/blobs/sha512" -type f -exec sh -c 'head -c 2 "$1" | grep -q "$(printf "\037\213")" && echo "$1"' - {} \;)
  gzip -dc "$layer" | sed 's/sha512/SHA512/' | gzip -n >"$WORK/out.layer"
  mv "$WORK/out.layer" "$layer"
  tar -C "$WORK/out" -cf "$WORK/out.tar" .
  run other load -i "$WORK/out.tar"
  assert_exit 1
  run other image ls -q
  assert_output ''
}
