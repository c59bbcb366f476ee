# image copy: between registries, OCI layouts and archives. Digests stay, what is there is not sent, and nothing half made
# is left.
load helper
load registries

setup_file() {
  sandbox_up && import_probe && registries_up || return 1
  make_image "$WORK/two" amd64 amd64 'of amd64' >/dev/null
  make_image "$WORK/two" s390x s390x 'of s390x' >/dev/null
  # An image of two platforms, as an index.
  python3 - "$WORK/two" <<'PY' >"$WORK/index.digest" || return 1
import hashlib, json, os, sys
folder = sys.argv[1]
index = json.load(open(folder + "/index.json"))
for item in index["manifests"]:
    tag = item.pop("annotations")["org.opencontainers.image.ref.name"]
    item["platform"] = {"os": "linux", "architecture": tag}
text = json.dumps(index).encode()
digest = hashlib.sha256(text).hexdigest()
open(os.path.join(folder, "blobs/sha256", digest), "wb").write(text)
entry = {"mediaType": index["mediaType"], "digest": "sha256:" + digest, "size": len(text),
         "annotations": {"org.opencontainers.image.ref.name": "both"}}
json.dump({"schemaVersion": 2, "manifests": [entry]}, open(folder + "/index.json", "w"))
print("sha256:" + digest)
PY
  coracle image copy -q -a "oci:$WORK/two" "$THEIRS/me/two:1" >"$WORK/copied" || return 1
  printf 'FROM probe:1\nCMD ["true"]\n' | coracle build -q -t "$THEIRS/me/web:1" - >/dev/null && coracle push -q "$THEIRS/me/web:1" >/dev/null
}
teardown_file() { sandbox_down; }
teardown() { rm -rf "$WORK/other" "$WORK"/out*; }

digest_of() { # registry path
  inside curl --silent --fail -I -u "me:$(cat "$WORK/token")" -H 'Accept: application/vnd.oci.image.index.v1+json' \
    -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$1/v2/$2" | tr -d '\r' |
    sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p'
}
# Every blob of a layout is what its name says.
check_layout() {
  (cd "$1/blobs/sha256" && for file in *; do echo "$file  $file"; done | sha256sum --quiet --check) ||
    _mismatch "a blob of $1 is damaged"
  [ -z "$(find "$1" -name '.*')" ] || _mismatch "left: $(find "$1" -name '.*')"
}

@test "an index as a whole, from a layout to a registry and on to another: the digest stays" {
  [ "$(cat "$WORK/copied")" = "$(cat "$WORK/index.digest")" ] || _mismatch "$(cat "$WORK/copied")"
  run coracle image copy -a "$THEIRS/me/two:1" "$OURS/me/two:1"
  assert_exit 0
  assert_line "Digest: $(cat "$WORK/index.digest")"
  assert_has ': Pushed'
  [ "$(digest_of "$OURS" me/two/manifests/1)" = "$(cat "$WORK/index.digest")" ] || _mismatch 'another digest'
  # Unchanged: nothing is sent.
  run coracle image copy -a "$THEIRS/me/two:1" "docker://$OURS/me/two:1"
  assert_exit 0
  refuse_has Pushed
  # In one registry blobs are mounted.
  run coracle image copy -a "$OURS/me/two:1" "$OURS/me/three:1"
  assert_exit 0
  assert_has 'Mounted from me/two'
  # Pulled as any other.
  other pull -q --platform linux/s390x "$OURS/me/three:1"
}

@test "one platform of an index" {
  run coracle image copy "$THEIRS/me/two:1" "$OURS/me/one:1"
  assert_exit 0
  [ "$(digest_of "$OURS" me/one/manifests/1)" != "$(cat "$WORK/index.digest")" ] || _mismatch 'the whole index'
  run coracle image copy --platform linux/s390x "$THEIRS/me/two:1" "oci:$WORK/out:s390x"
  assert_exit 0
  check_layout "$WORK/out"
  [ "$(find "$WORK/out/blobs" -type f | wc -l)" -eq 3 ] || _mismatch 'not three blobs'
  run coracle image copy --platform linux/arm64 "$THEIRS/me/two:1" "oci:$WORK/out2:x"
  assert_exit 1
  assert_has 'no matching manifest for linux/arm64 in the manifest list entries (there is: linux/amd64, linux/s390x)'
  [ ! -e "$WORK/out2" ] || _mismatch 'a folder is left'
  run coracle image copy --all --platform linux/arm64 "$THEIRS/me/two:1" "oci:$WORK/out2:x"
  assert_has 'conflicting options'
}

@test "a layout: several images in it, each name once" {
  run coracle image copy -a "$THEIRS/me/two:1" "oci:$WORK/out:two"
  assert_exit 0
  run coracle image copy "$THEIRS/me/web:1" "oci:$WORK/out:web"
  assert_exit 0
  check_layout "$WORK/out"
  digest=$(coracle image copy -q "$THEIRS/me/web:1" "oci:$WORK/out:web")
  [ "$(grep -o '"web"' "$WORK/out/index.json" | wc -l)" -eq 1 ] || _mismatch "$(cat "$WORK/out/index.json")"
  run coracle image copy "oci:$WORK/out" "$THEIRS/me/any:1"
  assert_exit 1
  assert_has 'it holds 2 images; name one of them: two, web'
  run coracle image copy "oci:$WORK/out:none" "$THEIRS/me/any:1"
  assert_has 'no image is named none; there is: two, web'
  run coracle image copy -q "oci:$WORK/out:web" "$THEIRS/me/any:1"
  assert_output "$digest"
  # Loaded and read by others.
  if inside bash -c 'command -v skopeo' >/dev/null; then
    run inside skopeo inspect "oci:$WORK/out:web"
    assert_exit 0
    assert_has "\"Digest\": \"$digest\""
  fi
  # A damaged blob is found, and replaced where it is the target's.
  blob=$(find "$WORK/out/blobs/sha256" -type f -size +10k | head -n 1)
  printf X | dd of="$blob" bs=1 seek=100 conv=notrunc status=none
  run coracle image copy "oci:$WORK/out:web" "oci:$WORK/out2:web"
  assert_exit 1
  assert_has 'is damaged'
  [ ! -e "$WORK/out2" ] || _mismatch 'a folder is left'
  run coracle image copy "$THEIRS/me/web:1" "oci:$WORK/out:web"
  assert_exit 0
  check_layout "$WORK/out"
}

@test "archives: docker-archive and oci-archive, both ways, loaded by load" {
  digest=$(coracle image copy -q "$THEIRS/me/web:1" "docker-archive:$WORK/out.tar")
  run other load -i "$WORK/out.tar"
  assert_exit 0
  assert_line "Loaded image: $THEIRS/me/web:1"
  run coracle image copy -q "docker-archive:$WORK/out.tar" "$OURS/me/back:1"
  assert_output "$digest"
  run coracle image copy -q "docker-archive:$WORK/out.tar:$THEIRS/me/web:1" "$OURS/me/back:2"
  assert_output "$digest"
  run coracle image copy -q "docker-archive:$WORK/out.tar:none:1" "$OURS/me/back:2"
  assert_exit 1
  assert_has "no image is named none:1; there is: $THEIRS/me/web:1"
  coracle image copy -q "$THEIRS/me/web:1" "docker-archive:$WORK/out.tar:renamed:v2"
  run other load -i "$WORK/out.tar"
  assert_line 'Loaded image: renamed:v2'
  run coracle image copy -q -a "$THEIRS/me/two:1" "oci-archive:$WORK/out.oci:two"
  assert_output "$(cat "$WORK/index.digest")"
  gzip "$WORK/out.oci"
  run coracle image copy -q -a "oci-archive:$WORK/out.oci.gz:two" "$OURS/me/again:1"
  assert_output "$(cat "$WORK/index.digest")"
  run coracle image copy -a "$THEIRS/me/two:1" "docker-archive:$WORK/out2.tar"
  assert_exit 1
  assert_has 'a docker-archive holds an image of one platform'
  [ ! -e "$WORK/out2.tar" ] || _mismatch 'an archive is left'
  # What save writes, and what docker save wrote before it knew OCI.
  coracle save -o "$WORK/out3.tar" "$THEIRS/me/web:1"
  run coracle image copy -q "docker-archive:$WORK/out3.tar" "$OURS/me/saved:1"
  assert_output "$digest"
}

@test "what cannot be copied" {
  run coracle image copy "$THEIRS/me/none:1" "oci:$WORK/out:x"
  assert_exit 1
  assert_has 'manifest unknown'
  [ ! -e "$WORK/out" ] || _mismatch 'a folder is left'
  mkdir "$WORK/out" && touch "$WORK/out/precious"
  run coracle image copy "$THEIRS/me/web:1" "oci:$WORK/out:x"
  assert_exit 1
  assert_has 'the folder has something else in it'
  [ "$(ls -A "$WORK/out")" = precious ] || _mismatch "$(ls -A "$WORK/out")"
  run coracle image copy "oci:$WORK/out" "$THEIRS/me/any:1"
  assert_exit 1
  assert_has 'is no OCI image layout'
  run coracle image copy "docker-archive:$WORK/probe.tar" "$THEIRS/me/any:1"
  assert_exit 1
  assert_has 'it is no docker-archive: it has no manifest.json'
  run coracle image copy "oci:" "$THEIRS/me/any:1"
  assert_exit 1
  run coracle image copy "$THEIRS/me/web:1" "$THEIRS/me/any@sha256:$(printf '%064d' 0)"
  assert_exit 1
  assert_has 'a digest cannot be chosen'
  run coracle image copy "$THEIRS/me/web:1" "oci-archive:$WORK/no/such/folder.tar"
  assert_exit 1
  run coracle image copy "$THEIRS/me/web:1" "localhost:5999/me/any:1"
  assert_exit 1
}

@test "a copy that is killed leaves no archive and no layout, and is repeated" {
  mkdir -p "$WORK/context"
  head -c 20000000 /dev/urandom >"$WORK/context/large"
  printf 'FROM probe:1\nCOPY large /large\n' >"$WORK/context/Dockerfile"
  coracle build -q -t "$THEIRS/me/large:1" "$WORK/context" >/dev/null
  coracle push -q "$THEIRS/me/large:1" >/dev/null
  rm -r "$WORK/context"
  kill_after() { inside bash -c 'coracle image copy "$1" "$2" >/dev/null 2>&1 & pid=$!; sleep "$3"; kill -KILL $pid; wait $pid' - "$@" || true; }
  for pause in 0.02 0.05 0.1; do
    kill_after "$THEIRS/me/large:1" "oci:$WORK/out:large" "$pause"
    kill_after "$THEIRS/me/large:1" "oci-archive:$WORK/out.tar" "$pause"
    [ ! -e "$WORK/out/index.json" ] || check_layout "$WORK/out"
  done
  run coracle image copy "$THEIRS/me/large:1" "oci:$WORK/out:large"
  assert_exit 0
  check_layout "$WORK/out"
  run coracle image copy "$THEIRS/me/large:1" "oci-archive:$WORK/out.tar"
  assert_exit 0
  [ -z "$(find "$WORK" -maxdepth 1 -name '.coracle*')" ] || _mismatch 'a half-made archive is left'
  run coracle image copy "oci-archive:$WORK/out.tar" "$OURS/me/large:1"
  assert_exit 0
}
