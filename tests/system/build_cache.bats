# image build --cache-to and --cache-from: a store that has nothing builds all steps as CACHED, and nothing is believed.
load helper
load build_helper
load registries

setup_file() { sandbox_up && import_probe && registries_up && coracle save -o "$WORK/probe.tar" probe:1; }
setup() {
  new_context
  rm -rf "$WORK/cache"
  echo text >"$context/text"
  fresh
}

# The other engine, with the base alone.
fresh() { rm -rf "$WORK/other"; other load -qi "$WORK/probe.tar" >/dev/null; }
several_stages() {
  printf 'FROM probe:1 AS made\nRUN write /made made\nFROM probe:1\nWORKDIR /work\nCOPY text .\nCOPY --from=made /made .\nRUN write /last x\n' \
    >"$context/Dockerfile"
}
one_stage() { printf 'FROM probe:1\nWORKDIR /data\nCOPY text .\nRUN write /last x\n' >"$context/Dockerfile"; }
build() { run coracle build -t cached:1 --progress plain "$@" "$context"; }
build_there() { run other build -t cached:1 --progress plain "$@" "$context"; }
all_cached() {
  assert_exit 0
  [ "$(grep -cE '^#[0-9]+ CACHED' <<<"$output")" -eq "$1" ] || _mismatch "not $1 steps are CACHED"
}
same_image() { [ "$(coracle images -q --no-trunc cached:1)" = "$(other images -q --no-trunc cached:1)" ]; }

@test "build --cache-to type=local,mode=max: a fresh store builds all as CACHED, and the same image" {
  several_stages
  build --cache-to "type=local,dest=$WORK/cache,mode=max"
  assert_exit 0
  run jq -r '.manifests[].annotations."org.opencontainers.image.ref.name"' "$WORK/cache/index.json"
  assert_output latest
  build_there --cache-from "type=local,src=$WORK/cache"
  all_cached 7
  same_image
  # Nothing of it is left behind in the store, and the next build needs no cache from elsewhere.
  [ -z "$(ls -A "$WORK/root/layers/staging")$(ls -A "$WORK/other/root/layers/staging")" ]
  build_there
  all_cached 7
  # Unchanged, the cache is the same to the bit.
  before=$(cat "$WORK/cache/index.json")
  build --cache-to "type=local,dest=$WORK/cache,mode=max"
  [ "$(cat "$WORK/cache/index.json")" = "$before" ]
}

@test "build --cache-to mode=min holds the steps of the result alone" {
  several_stages
  build --cache-to "type=local,dest=$WORK/cache"
  assert_exit 0
  build_there --cache-from "type=local,src=$WORK/cache"
  assert_exit 0
  refuse_cached() { grep -A1 "$1" <<<"$output" | grep -q CACHED && _mismatch "$1 is CACHED" || true; }
  refuse_cached '\[made 2/2\] RUN'
  grep -A1 'RUN write /last' <<<"$output" | grep CACHED
}

@test "build --cache-to type=registry, in our registry and another one; --cache-from with a name alone" {
  several_stages
  for registry in "$OURS/me" "$THEIRS"; do
    build --cache-to "type=registry,ref=$registry/cache:1,mode=max"
    assert_exit 0
    fresh
    build_there --cache-from "$registry/cache:1"
    all_cached 7
    same_image
  done
}

@test "build --cache-to type=inline: the image is its own cache" {
  one_stage
  run coracle build -t "$OURS/me/inline:1" --push --cache-to type=inline "$context"
  assert_exit 0
  build
  [ "$(coracle images -q --no-trunc cached:1)" = "$(coracle images -q --no-trunc "$OURS/me/inline:1")" ]
  build_there --cache-from "$OURS/me/inline:1"
  all_cached 4
  same_image
  fresh
  run coracle build -t "$OURS/me/inline:2" --push --build-arg BUILDKIT_INLINE_CACHE=1 "$context"
  assert_exit 0
  build_there --cache-from "type=registry,ref=$OURS/me/inline:2"
  all_cached 4
}

@test "build --cache-from: what is missing or broken is a warning, and the steps are done" {
  one_stage
  build --cache-to "type=local,dest=$WORK/cache"
  for source in "type=local,src=$WORK/absent" "$OURS/me/absent:1" "$THEIRS/absent"; do
    fresh
    build_there --cache-from "$source"
    assert_exit 0
    assert_match 'WARNING: importing cache from '
    all_cached 1
  done
  # An image that is no cache.
  coracle tag probe:1 "$OURS/me/probe:1" && coracle push -q "$OURS/me/probe:1"
  fresh
  build_there --cache-from "$OURS/me/probe:1"
  assert_has 'it holds no build cache'
  all_cached 1
}

@test "build --cache-from: a layer that is not what the cache says is not taken (CVE-2014-8178)" {
  one_stage
  build --cache-to "type=local,dest=$WORK/cache"
  python3 - "$WORK/cache" <<'END'
# The layers change places: each is whole, and none is what its record says.
import hashlib, json, sys
root = sys.argv[1]
blob = lambda digest: f"{root}/blobs/sha256/{digest[7:]}"
def put(document):
    text = json.dumps(document).encode()
    digest = "sha256:" + hashlib.sha256(text).hexdigest()
    open(blob(digest), "wb").write(text)
    return digest, len(text)
index = json.load(open(f"{root}/index.json"))
manifest = json.load(open(blob(index["manifests"][0]["digest"])))
config = json.load(open(blob(manifest["config"]["digest"])))
layers = config["layers"]
for name in "digest", "size":
    layers[0][name], layers[1][name] = layers[1][name], layers[0][name]
manifest["config"]["digest"], manifest["config"]["size"] = put(config)
index["manifests"][0]["digest"], index["manifests"][0]["size"] = put(manifest)
json.dump(index, open(f"{root}/index.json", "w"))
END
  build_there --cache-from "type=local,src=$WORK/cache"
  assert_exit 0
  assert_match 'unpacks to sha256:'
  all_cached 2
  run other run --rm cached:1 cat /last
  assert_output x
  # Bytes that are not those of the digest, and a document that is none.
  build --cache-to "type=local,dest=$WORK/cache"
  for file in "$WORK"/cache/blobs/sha256/*; do printf X | dd of="$file" bs=1 seek=30 conv=notrunc status=none; done
  fresh
  build_there --cache-from "type=local,src=$WORK/cache"
  assert_match 'WARNING: importing cache from '
  all_cached 1
}

@test "build --cache-from: a change is a miss, and a pulled image is no cache" {
  one_stage
  build --cache-to "type=local,dest=$WORK/cache"
  echo other >"$context/text"
  build_there --cache-from "type=local,src=$WORK/cache"
  all_cached 2
  fresh
  echo text >"$context/text"
  coracle tag cached:1 "$OURS/me/pulled:1" && coracle push -q "$OURS/me/pulled:1"
  other pull -q "$OURS/me/pulled:1"
  build_there
  all_cached 1
}

@test "build --cache-to: BuildKit's words for what is wrong, and an export that fails" {
  one_stage
  while IFS='|' read -r option value words; do
    build "$option" "$value"
    assert_exit 1
    assert_has "$words"
  done <<END
--cache-to|type=gha|unknown cache exporter: "gha"
--cache-from|type=inline|unknown cache importer: "inline"
--cache-to|type=local|local cache exporter requires dest
--cache-from|type=local|local cache importer requires src
--cache-to|type=registry|registry cache exporter requires ref
--cache-to|dest=x|type required form> "dest=x"
--cache-to|type=inline,mode=most|invalid cache export mode: most
--cache-to|type=local,dest=x,what=y|"what" is not supported for type=local
--cache-to|type=registry,ref=$OURS/other/cache:1|exporting cache to $OURS/other/cache:1
END
  build --cache-to "type=registry,ref=$OURS/other/cache:1,ignore-error=true"
  assert_exit 0
  assert_match '^WARNING: exporting cache to'
}

@test "builder du, and the limits that builds keep themselves" {
  coracle builder prune -af >/dev/null
  rm -f "$WORK/root/cache/build-gc"
  printf 'FROM probe:1\nCOPY big /big\n' >"$context/Dockerfile"
  head -c 100000 /dev/urandom >"$context/big"
  build -q
  coracle rmi cached:1
  run coracle buildx du
  assert_exit 0
  assert_match '^ID +RECLAIMABLE +SIZE +LAST ACCESSED'
  assert_match '^[0-9a-f]{25} +true +2.*kB +.* ago'
  assert_match '^Total: +2.*kB$'
  # Looked at within the hour: nothing happens. Then there is too much, and it goes by itself.
  printf 'FROM probe:1\nRUN write /small x\n' >"$context/Dockerfile"
  CORACLE_BUILD_CACHE_MAX=50k build -q
  assert_exit 0
  [ "$(coracle builder du | grep -c ' true ')" -eq 2 ]
  rm "$WORK/root/cache/build-gc"
  CORACLE_BUILD_CACHE_MAX=50k build -q
  wait_until big_is_gone
  # What was used last is still there.
  build
  grep -A1 'RUN write /small' <<<"$output" | grep CACHED
  run env CORACLE_BUILD_CACHE_AGE=soon "$TOP/build/bin/coracle" --root "$WORK/root" --run-root "$WORK/run" builder prune -f --policy
  assert_exit 1
  assert_has 'CORACLE_BUILD_CACHE_AGE is no span such as 720h: "soon"'
  run coracle builder prune -af --max-used-space 1g --reserved-space 2g
  assert_has 'Total reclaimed space: 0B'
  CORACLE_BUILD_CACHE_AGE=1ns run coracle builder prune -f --policy
  [ "$(coracle builder du | grep -c ' true ')" -eq 0 ]
}
big_is_gone() { ! coracle builder du | grep -q 'kB .*ago'; }
