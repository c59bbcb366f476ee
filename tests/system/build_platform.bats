# image build --platform: what the arguments, the base images and the image say of it.
load helper
load build_helper
load registries

setup_file() {
  sandbox_up && import_probe && registries_up || return 1
  mkdir "$WORK/parts"
  local machine
  # An image of two machines, made as the refusal of several platforms says.
  for machine in amd64 arm64; do
    echo "of $machine" >"$WORK/parts/file"
    printf 'FROM scratch\nCOPY file /\n' >"$WORK/parts/Dockerfile"
    coracle build -q --platform "linux/$machine" -t "$OURS/me/$machine:1" "$WORK/parts" >/dev/null &&
      coracle push -q "$OURS/me/$machine:1" >/dev/null || return 1
  done
  coracle manifest create "$OURS/me/two:1" "$OURS/me/amd64:1" "$OURS/me/arm64:1" >/dev/null &&
    coracle manifest push "$OURS/me/two:1" >/dev/null
}

platform_of() { coracle image inspect "$1" | jq -r '.[0] | [.Os, .Architecture, .Variant // empty] | join("/")'; }
label_of() { coracle image inspect --format "{{index .Config.Labels \"$2\"}}" "$1"; }
host() { inside dpkg --print-architecture; }
foreign() { [ "$(host)" = arm64 ] && echo amd64 || echo arm64; }

@test "platform: the arguments follow it, and those of the build's own machine do not" {
  dockerfile <<'FILE'
ARG TARGETOS
FROM scratch
ARG TARGETPLATFORM TARGETOS TARGETARCH TARGETVARIANT BUILDPLATFORM
LABEL target=$TARGETPLATFORM words=$TARGETOS,$TARGETARCH,$TARGETVARIANT build=$BUILDPLATFORM
FILE
  build --platform linux/arm/v6 -t arguments:1
  assert_exit 0
  [ "$(label_of arguments:1 target)" = linux/arm/v6 ]
  [ "$(label_of arguments:1 words)" = linux,arm,v6 ]
  [ "$(label_of arguments:1 build)" = "linux/$(host)" ]
  [ "$(platform_of arguments:1)" = linux/arm/v6 ]
  # Docker's own forms: arm is v7, and arm64 has no variant.
  build --platform linux/armhf -t arguments:2
  [ "$(label_of arguments:2 target)" = linux/arm/v7 ]
  build --platform linux/arm64/v8 --platform aarch64 -t arguments:3
  [ "$(label_of arguments:3 target)" = linux/arm64 ]
  DOCKER_DEFAULT_PLATFORM=linux/riscv64 build -t arguments:5
  [ "$(label_of arguments:5 target)" = linux/riscv64 ]
  build --platform local -t arguments:4
  [ "$(label_of arguments:4 target)" = "linux/$(host)" ]
}

@test "platform: FROM takes it from an index, --platform=\$BUILDPLATFORM the machine's own, and COPY --from what its stage has" {
  dockerfile <<FILE
FROM --platform=\$BUILDPLATFORM $OURS/me/two:1 AS build
FROM $OURS/me/two:1 AS target
COPY --from=build /file /host
COPY --from=$OURS/me/two:1 /file /again
FILE
  build --platform "linux/$(foreign)" -t index:1
  assert_exit 0
  [ "$(platform_of index:1)" = "linux/$(foreign)" ]
  printf 'FROM index:1 AS it\nFROM probe:1\nCOPY --from=it / /its/\n' >"$WORK/parts/Dockerfile"
  coracle build -q -t shown:1 "$WORK/parts"
  run coracle run --rm shown:1 cat /its/host /its/file /its/again
  assert_output "of $(host)"$'\n'"of $(foreign)"$'\n'"of $(foreign)"
  # The other one is a build of its own, whatever the tag meant last.
  build -t index:2
  assert_exit 0
  refuse_match InvalidBaseImagePlatform
  [ "$(platform_of index:2)" = "linux/$(host)" ]
  build --platform "linux/$(foreign)" -t index:3
  [ "$(coracle image inspect --format '{{.Id}}' index:3)" = "$(coracle image inspect --format '{{.Id}}' index:1)" ]
}

@test "platform: it is in the cache's keys, of scratch too" {
  echo x >"$context/file"
  printf 'FROM scratch\nCOPY file /\n' | dockerfile
  build --platform linux/s390x -t keys:1
  build --platform linux/ppc64le -t keys:2
  refute_cached
  [ "$(platform_of keys:2)" = linux/ppc64le ]
  build --platform linux/s390x -t keys:3
  assert_has CACHED
  [ "$(platform_of keys:3)" = linux/s390x ]
}
refute_cached() { ! grep -q CACHED <<<"$output" || _mismatch 'a step was cached'; }

@test "platform: a local image of another one does not do, and what the registry says is told" {
  coracle import --platform linux/s390x "$WORK/probe.tar" "$OURS/me/strange:1"
  printf 'FROM %s\n' "$OURS/me/strange:1" | dockerfile
  build --platform linux/ppc64le
  assert_exit 1
  assert_has "image with reference $OURS/me/strange:1 was found but its platform (linux/s390x) does not match the specified platform (linux/ppc64le)"
  # One of one machine, in the registry.
  printf 'FROM %s\n' "$OURS/me/amd64:1" | dockerfile
  build --platform linux/ppc64le
  assert_exit 1
  assert_has 'no matching manifest for linux/ppc64le'
  build --platform linux/amd64
  assert_exit 0
}

# Where the program that speaks to registries is not to be had.
build_alone() { CORACLE_LIBEXEC=$WORK/nothing build "$@"; }

@test "platform: a registry is not asked again for what is here, nor for what its index has not" {
  printf 'FROM %s\n' "$OURS/me/two:1" | dockerfile
  build_alone --platform linux/riscv64
  assert_exit 1
  # The tag means one of the two; the other is known by the index.
  build --platform "linux/$(foreign)"
  build
  build_alone --platform "linux/$(foreign)" -t again:1
  assert_exit 0
  [ "$(platform_of again:1)" = "linux/$(foreign)" ]
  build_alone -t again:2
  assert_exit 0
  [ "$(platform_of again:2)" = "linux/$(host)" ]
  refuse_match InvalidBaseImagePlatform
  # An index without this machine.
  coracle manifest create "$OURS/me/one:1" "$OURS/me/$(foreign):1" >/dev/null
  coracle manifest push "$OURS/me/one:1" >/dev/null
  printf 'FROM %s\n' "$OURS/me/one:1" | dockerfile
  build --platform "linux/$(foreign)"
  build_alone -t again:3
  assert_exit 0
  assert_has InvalidBaseImagePlatform
  [ "$(platform_of again:3)" = "linux/$(foreign)" ]
  # One manifest, and a name that came from nowhere.
  coracle pull -q --platform "linux/$(foreign)" "$OURS/me/$(foreign):1" >/dev/null
  coracle import --platform linux/s390x "$WORK/probe.tar" nowhere:1 >/dev/null
  for name in "$OURS/me/$(foreign):1" nowhere:1; do
    printf 'FROM %s\n' "$name" | dockerfile
    build_alone
    assert_exit 0
    assert_has InvalidBaseImagePlatform
  done
  # --pull asks in any case, and another platform that was asked for may have come since.
  build_alone --pull
  assert_exit 1
  build_alone --platform linux/riscv64
  assert_exit 1
}

@test "platform: RUN of another machine's program" {
  python3 - "$WORK/probe" "$context/program" <<'END'
import sys
program = bytearray(open(sys.argv[1], "rb").read())
program[18:20] = b"\x34\x12"  # a machine that there is not
open(sys.argv[2], "wb").write(program)
END
  printf 'FROM probe:1\nCOPY --chmod=755 program /program\nRUN ["/program"]\n' | dockerfile
  build
  assert_exit 1
  assert_match '[0-9.]+ exec: "/program": exec format error$'
  assert_has 'process "/program" did not complete successfully: exit code: 255'
}

@test "platform: several are refused with the way to go; nonsense is refused" {
  printf 'FROM scratch\n' | dockerfile
  build --platform linux/amd64,linux/arm64
  assert_exit 1
  assert_has 'multi-platform build is not supported: build for linux/amd64 and linux/arm64 in turn'
  assert_has 'coracle manifest create'
  build --platform linux/amd64 --platform linux/arm64
  assert_exit 1
  build --platform a/b/c/d
  assert_exit 1
  assert_has 'invalid platform'
  build --platform linux/amd64,linux/amd64
  assert_exit 0
}

@test "check: InvalidBaseImagePlatform" {
  coracle import --platform linux/s390x "$WORK/probe.tar" far:1
  printf 'FROM far:1\nRUN true\n' | dockerfile
  run coracle build --check --platform linux/arm64 "$context"
  assert_exit 1
  assert_has 'WARNING: InvalidBaseImagePlatform - https://docs.docker.com/go/dockerfile/rule/invalid-base-image-platform/'
  assert_has 'Base image far:1 was pulled with platform "linux/s390x", expected "linux/arm64" for current build'
  run coracle build --check "$context"
  assert_has "Base image far:1 was pulled with platform \"linux/s390x\", expected \"linux/$(host)\" for current build"
  run coracle build --check --platform linux/s390x "$context"
  assert_exit 0
  # A build says it too, of what it took.
  build
  assert_exit 0
  assert_has 'InvalidBaseImagePlatform: Base image far:1 was pulled'
}
