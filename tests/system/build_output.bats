# image build --output, --load, --push, --annotation, and the flags that scripts pass to buildx.
load helper
load build_helper
load registries

setup_file() { sandbox_up && import_probe && registries_up; }
setup() {
  new_context
  rm -rf "$WORK/out"
  mkdir "$WORK/out"
  printf 'FROM probe:1 AS made\nRUN write /made made\nFROM scratch\nCOPY --from=made --chown=7:7 --chmod=640 /made /out/file\n' \
    >"$context/Dockerfile"
}
blob() { tar -xOf "$1" "blobs/sha256/${2#sha256:}"; }
manifest_of() { blob "$1" "$(tar -xOf "$1" index.json | jq -r '.manifests[0].digest')"; }

@test "build --output: several at once, each whole, and the store's image only where it is asked for" {
  count=$(coracle images -q | wc -l)
  build -t several:1 -o "$WORK/out/folder" -o "type=tar,dest=$WORK/out/tar" -o "type=oci,dest=$WORK/out/oci" \
    -o "type=docker,dest=$WORK/out/docker" -o "type=oci,tar=false,dest=$WORK/out/layout" -o type=cacheonly
  assert_exit 0
  [ "$(cat "$WORK/out/folder/out/file")" = made ]
  [ "$(tar -xOf "$WORK/out/tar" out/file)" = made ]
  cmp "$WORK/out/oci" "$WORK/out/docker"
  [ "$(coracle images -q | wc -l)" -eq "$count" ]
  run tar -xOf "$WORK/out/docker" manifest.json
  assert_has '"RepoTags":["several:1"]'
  run jq -r '.manifests[0].annotations."org.opencontainers.image.ref.name"' "$WORK/out/layout/index.json"
  assert_output 1
  run skopeo inspect "oci:$WORK/out/layout:1" --format '{{len .Layers}}'
  assert_output 1
  # Nothing lies about.
  [ -z "$(find "$WORK/out" -name '.*.*')" ]
  build -t several:1 -o "type=oci,dest=$WORK/out/oci" --load
  assert_exit 0
  run coracle images -q several:1
  [ -n "$output" ]
  coracle rmi several:1
}

@test "build --output: name= names what has no tag, and -t wins" {
  build -o "type=docker,dest=$WORK/out/a,name=named:1" -o 'type=image,"name=named:2,named:3"' 
  assert_exit 0
  run tar -xOf "$WORK/out/a" manifest.json
  assert_has '"RepoTags":["named:1"]'
  run coracle images --format '{{.Tag}}' named
  assert_line 2
  assert_line 3
  coracle rmi named:2 named:3
  build -t wins:1 -o "type=docker,dest=$WORK/out/a,name=named:1"
  run tar -xOf "$WORK/out/a" manifest.json
  assert_has '"RepoTags":["wins:1"]'
}

@test "build --output=type=local: an existing folder keeps what else is in it, and a failure changes nothing" {
  mkdir -p "$WORK/out/there/out" "$WORK/out/taken"
  echo old >"$WORK/out/there/out/file"
  echo kept >"$WORK/out/there/out/other"
  build -o "$WORK/out/there/"
  assert_exit 0
  [ "$(cat "$WORK/out/there/out/file")" = made ]
  [ "$(cat "$WORK/out/there/out/other")" = kept ]
  echo text >"$WORK/out/taken/out"
  build -o "$WORK/out/taken"
  assert_exit 1
  assert_has 'out is no folder there, and a folder in the build'
  [ "$(cat "$WORK/out/taken/out")" = text ]
  [ "$(ls -A "$WORK/out")" = $'taken\nthere' ]
  (cd "$WORK/out" && coracle build -q -o new/er "$context")
  [ "$(cat "$WORK/out/new/er/out/file")" = made ]
}

@test "build --output: buildx's words for what is wrong" {
  mkdir "$WORK/out/folder"
  echo >"$WORK/out/file"
  while IFS='|' read -r value words; do
    build -o "$value"
    assert_exit 1
    assert_has "$words"
  done <<END
type=local|dest is required for local exporter
type=local,dest=-|dest cannot be stdout for local exporter
type=oci,tar=false|dest is required for oci exporter
type=local,dest=$WORK/out/file|destination directory $WORK/out/file is a file
type=tar,dest=$WORK/out/folder|destination file $WORK/out/folder is a directory
type=nonsense,dest=x|exporter "nonsense" could not be found
dest=x,name=y|type is required for output
type=oci,what|invalid value what
type=oci,what=x|"what" is not supported for type=oci
type=image,push=perhaps|non-bool value specified for push: "perhaps"
type=image,push=true|tag is needed when pushing to registry
type=image,dest=x|dest is not supported for image exporter
type=oci,compression=estargz|unsupported layer compression type: estargz
type=oci,compression=zstd,compression-level=99|invalid compression level "99"
type=oci,oci-mediatypes=false|oci-mediatypes=false is not supported
type=oci,"dest=x|extraneous or missing "
END
  build -o - -o type=tar
  assert_has 'multiple outputs configured to write to stdout'
  run on_terminal 24 80 'expect:refusing to write to console' -- coracle build -o - "$context"
  assert_has 'dest file is required for tar exporter. refusing to write to console'
}

@test "build --output: compression of all layers, and the same image" {
  for kind in uncompressed gzip zstd; do
    build -o "type=oci,dest=$WORK/out/$kind,compression=$kind"
    assert_exit 0
  done
  build -o "type=oci,dest=$WORK/out/nine,compression=gzip,compression-level=9"
  run jq -r '.layers[].mediaType' <<<"$(manifest_of "$WORK/out/uncompressed")"
  assert_output application/vnd.oci.image.layer.v1.tar
  run jq -r '.layers[].mediaType' <<<"$(manifest_of "$WORK/out/zstd")"
  assert_output application/vnd.oci.image.layer.v1.tar+zstd
  [ "$(for kind in uncompressed gzip zstd nine; do manifest_of "$WORK/out/$kind" | jq -r .config.digest; done | sort -u | wc -l)" -eq 1 ]
  blob "$WORK/out/zstd" "$(manifest_of "$WORK/out/zstd" | jq -r '.layers[0].digest')" | zstd -dq | tar -t | grep -x out/file
  run coracle load -i "$WORK/out/zstd"
  assert_exit 0
}

@test "build --annotation: of the manifest, in the store and in archives" {
  build -t annotated:1 --annotation a=1 --annotation 'manifest-descriptor:b=2' --load -o "type=oci,dest=$WORK/out/oci,annotation.c=3"
  assert_exit 0
  run jq -r '.annotations | to_entries[] | "\(.key)=\(.value)"' <<<"$(manifest_of "$WORK/out/oci")"
  assert_line a=1
  assert_line c=3
  run jq -r '.manifests[0].annotations.b' <<<"$(tar -xOf "$WORK/out/oci" index.json)"
  assert_output 2
  # The same image under another manifest: the newer words count.
  build -t annotated:1 --annotation a=other
  assert_exit 0
  coracle save -o "$WORK/out/saved" annotated:1
  run jq -r '.annotations.a' <<<"$(manifest_of "$WORK/out/saved")"
  assert_output other
  build --annotation index:a=1
  assert_exit 1
  assert_has 'annotation type "index" is not supported'
  build --annotation nothing
  assert_has 'invalid annotation "nothing", expected key=value'
  coracle rmi annotated:1
}

@test "build --push, type=registry: what was built arrives, compressed as asked" {
  build --push -t "$OURS/me/pushed:1"
  assert_exit 0
  build -o "type=registry,name=$OURS/me/pushed:2,compression=zstd"
  assert_exit 0
  run coracle manifest inspect "$OURS/me/pushed:2"
  assert_has 'tar+zstd'
  run coracle manifest inspect "$OURS/me/pushed:1"
  assert_has 'tar+gzip'
  build --push
  assert_exit 1
  assert_has 'tag is needed when pushing to registry'
}

@test "build: flags that scripts pass to buildx, and the words buildx build" {
  for words in "buildx build" "builder build" "image build" build; do
    # shellcheck disable=SC2086
    run coracle $words --builder default --rm --force-rm --compress --provenance=false --sbom=false \
      --attest type=provenance,disabled=true --disable-content-trust -q --load "$context"
    assert_exit 0
    assert_match '^sha256:[0-9a-f]{64}$'
  done
  for flag in --provenance=true --provenance=mode=max --sbom=true --attest=type=sbom; do
    build "$flag"
    assert_exit 1
    assert_has 'attestations are not supported'
  done
  build --squash
  assert_exit 1
  assert_has 'squash is removed with BuildKit'
}
