# image build --build-context: folders, images, stages and URLs under names of their own.
load helper
load build_helper

setup() {
  new_context
  named=$WORK/named
  rm -rf "$named"
  mkdir -p "$named/sub"
  echo 'of the context' >"$context/file"
  echo 'of the name' >"$named/file"
  echo inner >"$named/sub/inner"
}

@test "build-context: a folder for COPY, with its own .dockerignore; content counts and times do not" {
  printf 'FROM probe:1\nCOPY --from=more / /all/\nCOPY --from=more file /added\nCOPY file /own\n' | dockerfile
  printf 'secret\n*.tmp\n' >"$named/.dockerignore"
  touch "$named/secret" "$named/sub/x.tmp" "$context/secret"
  chown 1234:1234 "$named/file"
  build --build-context "more=$named" -t more:1
  assert_exit 0
  run coracle run --rm more:1 cat /all/file /all/sub/inner /added /own
  assert_output $'of the name\ninner\nof the name\nof the context'
  run coracle run --rm more:1 ls /all
  refuse_match secret
  run coracle run --rm more:1 stat /all/file
  assert_match '0:0|uid=0'
  touch -d 2001-01-01 "$named/file"
  build --build-context "more=$named"
  [ "$(grep -c CACHED <<<"$output")" -eq 4 ] || _mismatch 'not all steps were cached'
  touch "$named/secret2" "$named/sub/y.tmp"
  echo changed >"$named/file"
  build --build-context "more=$named" -t more:2
  assert_exit 0
  run coracle run --rm more:2 cat /added
  assert_output changed
}

@test "build-context: FROM a folder, and its name goes before an image's and a stage's" {
  cat >"$context/Dockerfile" <<'FILE'
FROM probe:1 AS stage
RUN write /file of-the-stage
FROM probe
COPY --from=stage /file /from-stage
FILE
  # Without a tag it is the name with ":latest".
  cp -r "$WORK/probe.root/." "$named/"
  build --build-context "docker.io/library/probe:latest=$named" -t base:1
  assert_exit 0
  run coracle run --rm base:1 cat /file /from-stage
  assert_output $'of the name\nof-the-stage'
  sed -i 's/^FROM probe$/FROM probe:1/' "$context/Dockerfile"
  build --build-context "stage=$named" -t base:2
  assert_exit 0
  refuse_match 'of-the-stage'
  run coracle run --rm base:2 cat /from-stage
  assert_output 'of the name'
  # The stage itself is what its name stands for.
  build --build-context "stage=$named" --target stage -t base:3
  assert_exit 0
  run coracle run --rm base:3 cat /file
  assert_output 'of the name'
}

@test "build-context: an image, scratch, and a stage of the Dockerfile" {
  printf 'FROM probe:1\nRUN write /data/file of-the-other\n' | dockerfile
  coracle build -q -t other:1 "$context"
  cat >"$context/Dockerfile" <<'FILE'
FROM probe:1 AS first
RUN write /file of-the-first
FROM base
COPY --from=again /file /again
COPY --from=0 /file /zero
RUN --mount=from=base,source=/data,target=/mnt cat /mnt/file
FILE
  build --build-context base=docker-image://other:1 --build-context again=target:first --build-context 0=target:first -t image:1
  assert_exit 0
  run coracle run --rm image:1 cat /again /zero /data/file
  assert_output $'of-the-first\nof-the-first\nof-the-other'
  printf 'FROM base\nCOPY file /\n' | dockerfile
  build --build-context base=docker-image://scratch -t image:2
  assert_exit 0
  [ "$(coracle image inspect --format '{{len .RootFS.Layers}}' image:2)" -eq 1 ]
}

@test "build-context: an OCI image layout, by tag, digest and being alone, read once" {
  layout=$WORK/layout
  make_layout() { python3 "$TOP/tests/system/programs/oci_image.py" "$layout" "$1" "$(inside dpkg --print-architecture)" "$2"; }
  printf 'FROM lay AS it\nFROM probe:1\nCOPY --from=it /text /it\nCOPY --from=lay /text /too\n' | dockerfile
  make_layout 1 'of one' >/dev/null
  build --build-context "lay=oci-layout://$layout" -t layout:1
  assert_exit 0
  run coracle run --rm layout:1 cat /it /too
  assert_output 'of oneof one'
  one=$(jq -r '.manifests[0].digest' "$layout/index.json")
  make_layout 2 'of two' >/dev/null
  build --build-context "lay=oci-layout://$layout:2" -t layout:2
  run coracle run --rm layout:2 cat /it
  assert_output 'of two'
  build --build-context "lay=oci-layout://$layout@$one" -t layout:3
  run coracle run --rm layout:3 cat /it
  assert_output 'of one'
  # Its id is asked of no registry.
  printf 'FROM lay\n' | dockerfile
  build --pull --build-context "lay=oci-layout://$layout:2"
  assert_exit 0
  # Of several none is meant, and what is damaged is refused unless it is here already.
  build --build-context "lay=oci-layout://$layout"
  assert_exit 1
  assert_has 'no image in it has the tag "latest"'
  make_layout 3 'of three' >/dev/null
  layer=$(jq -r '.layers[0].digest' "$layout/blobs/sha256/$(jq -r '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == "3").digest' "$layout/index.json" | cut -d : -f 2)")
  printf X | dd of="$layout/blobs/sha256/${layer#*:}" bs=1 seek=30 conv=notrunc status=none
  before=$(coracle image ls -aq | sort)
  build --build-context "lay=oci-layout://$layout:3"
  assert_exit 1
  [ "$(coracle image ls -aq | sort)" = "$before" ] || _mismatch 'an image came of it'
  rm -rf "$layout/blobs/sha256/${layer#*:}"
  build --build-context "lay=oci-layout://$layout:3"
  assert_exit 1
}

@test "build-context: RUN --mount, of bind and cache" {
  cat >"$context/Dockerfile" <<'FILE'
FROM probe:1
RUN --mount=from=more,target=/mnt cat /mnt/file /mnt/sub/inner
RUN --mount=type=cache,from=more,source=/sub,target=/cache cat /cache/inner && write /cache/made here
RUN --mount=type=cache,from=more,source=/sub,target=/cache cat /cache/made
FILE
  build --build-context "more=$named" -t mounts:1
  assert_exit 0
  assert_match 'of the name'
  assert_match '[0-9.]+ inner$'
  assert_match '[0-9.]+ here$'
}

@test "build-context: stages side by side read one folder" {
  cat >"$context/Dockerfile" <<'FILE'
FROM probe:1 AS one
RUN write /one 1
COPY --from=more file /file
FROM more AS two
FROM probe:1
COPY --from=one /one /file /one/
COPY --from=two / /two/
FILE
  build --no-cache --build-context "more=$named" -t sides:1
  assert_exit 0
  run coracle run --rm sides:1 cat /one/file /two/file /two/sub/inner
  assert_output $'of the name\nof the name\ninner'
}

@test "build-context: an archive of the web and a git repository" {
  tar -C "$named" -cf "$WORK/named.tar" .
  git init -q -b main "$named"
  git -C "$named" add . && git -C "$named" -c user.name=t -c user.email=t@example.test commit -qm one
  mkdir -p "$WORK/web" && mv "$WORK/named.tar" "$WORK/web/" && echo text >"$WORK/web/text"
  rm -rf "$WORK/web/repo.git"
  git clone -q --bare "$named" "$WORK/web/repo.git" && git -C "$WORK/web/repo.git" update-server-info
  background "$WORK/web.log" python3 -m http.server --bind 127.0.0.1 --directory "$WORK/web" 8003
  wait_until inside bash -c '</dev/tcp/127.0.0.1/8003' 2>/dev/null
  printf 'FROM probe:1\nCOPY --from=tar /file /tar\nCOPY --from=git /inner /git\n' | dockerfile
  url=http://127.0.0.1:8003
  build --build-context "tar=$url/named.tar" --build-context "git=$url/repo.git#main:sub" -t remote:1
  assert_exit 0
  run coracle run --rm remote:1 cat /tar /git
  assert_output $'of the name\ninner'
  build --build-context "tar=$url/text" --build-context "git=$named"
  assert_exit 1
  assert_has "failed to get build context tar: $url/text is no archive"
  [ -z "$(ls "$WORK/root/layers/staging" 2>/dev/null)" ] || _mismatch 'something is left in the staging folder'
}

@test "build-context: what is wrong is told in buildx's words" {
  printf 'FROM probe:1\nCOPY --from=more /none /\n' | dockerfile
  build --build-context more
  assert_has 'invalid context value: more, expected key=value'
  build --build-context "UP per=$named"
  assert_has 'invalid context name UP per'
  build --build-context more=/no/such/folder
  assert_exit 1
  assert_has 'failed to get build context more: stat /no/such/folder: no such file or directory'
  build --build-context "more=$named/file"
  assert_has "failed to get build context path $named/file: not a directory"
  build --build-context "more=oci-layout://$named"
  assert_exit 1
  assert_has "oci-layout reference \"oci-layout://$named\" could not be resolved"
  build --build-context more=docker-image://:::
  assert_has 'failed to get build context more: invalid reference format'
  build --build-context more=target:nowhere
  assert_has 'failed to get build context more: target stage "nowhere" could not be found'
  build --build-context "more=$named"
  assert_exit 1
  assert_has '"/none": not found'
}
