# image build: Dockerfiles of every kind, with the tests' static programs and, for one test, with Debian's shell.
load helper
load build_helper

@test "build: RUN, COPY, ENV, WORKDIR, USER, CMD make an image that does as it says" {
  echo 'from the context' >"$context/text"
  dockerfile <<'FILE'
FROM probe:1
ENV GREETING="hello there" NAME=x
WORKDIR /work/here
COPY text .
RUN cat text && write made by-run
COPY --chown=1000:1000 text owned
USER user
EXPOSE 80
VOLUME /data
LABEL purpose=test
CMD ["sh", "-c", "id && pwd && cat text made && stat owned && env"]
FILE
  build -t built:1
  assert_exit 0
  assert_has 'from the context'
  assert_match '^#[0-9]+ \[[0-9]/[0-9]\] RUN cat text'
  assert_match 'naming to docker.io/library/built:1 done'
  run coracle run --rm built:1
  assert_match '^uid=1000 gid=1000'
  assert_line /work/here
  assert_line 'from the context'
  assert_line by-run
  assert_match '^100644 1000:1000 17 owned'
  assert_line 'GREETING=hello there'
  run coracle run --rm -d built:1 sleep
  run coracle ps
  assert_has '80/tcp'
}

@test "build: the second time everything is CACHED, and the image the same" {
  echo one >"$context/text"
  dockerfile <<'FILE'
FROM probe:1
COPY text /text
RUN write /made x
CMD ["cat", "/text"]
FILE
  run coracle build -q "$context"
  assert_exit 0
  assert_match '^sha256:[0-9a-f]{64}$'
  first=$output
  build
  assert_exit 0
  [ "$(grep -c CACHED <<<"$output")" -eq 3 ]
  run coracle build -q "$context"
  assert_output "$first"
  # A file's time is no reason to build again; its bytes are.
  touch -d 2001-01-01 "$context/text"
  run coracle build -q "$context"
  assert_output "$first"
  echo two >"$context/text"
  build -t cached:2
  # The base alone.
  [ "$(grep -c CACHED <<<"$output")" -le 1 ]
  run coracle run --rm cached:2
  assert_output two
  build --no-cache -t cached:2
  [ "$(grep -c CACHED <<<"$output")" -le 1 ]
  assert_exit 0
}

@test "build --build-arg: in RUN, in FROM, and what nobody consumed" {
  dockerfile <<'FILE'
ARG BASE=nosuch:1
FROM ${BASE}
ARG WHO=nobody
ENV KEPT=${WHO}
RUN words $WHO
FILE
  build --build-arg BASE=probe:1 --build-arg WHO=me --build-arg NEVER=x -t argued:1
  assert_exit 0
  assert_has '[me]'
  assert_has '[Warning] One or more build-args [NEVER] were not consumed'
  run coracle run --rm argued:1 env
  assert_line KEPT=me
  refuse_has WHO=
  build --build-arg BASE=probe:1
  assert_has '[nobody]'
}

@test "build: stages, --target, COPY --from, FROM scratch: the form of the music service" {
  dockerfile <<'FILE'
FROM probe:1 AS build
RUN mkdir /out && write /out/product made-in-the-first-stage
FROM probe:1 AS test
RUN false
FROM scratch
COPY --from=build /out/ /
COPY --from=build /bin/probe /bin/probe
COPY --from=probe:1 /data/file /file
USER 10001
VOLUME /data
ENTRYPOINT ["/bin/probe"]
CMD ["cat", "/product", "/file"]
FILE
  build -t staged:1
  assert_exit 0
  assert_match '\[build 2/2\] RUN mkdir /out'
  refuse_has '[test 2/2]'
  run coracle run --rm staged:1
  assert_output $'made-in-the-first-stage\ntext of the image'
  run coracle run --rm staged:1 id
  assert_match '^uid=10001 gid=0 '
  build --target build -t staged:build
  assert_exit 0
  run coracle run --rm staged:build cat /out/product
  assert_output made-in-the-first-stage
  build --target nosuch
  assert_exit 1
  assert_has 'target stage "nosuch" could not be found'
}

@test "build: .dockerignore, and -f outside of it" {
  mkdir "$context/sub"
  echo secret >"$context/secret.key"
  echo kept >"$context/sub/kept.txt"
  echo dropped >"$context/sub/dropped.log"
  printf '*.key\n**/*.log\n!important.key\n' >"$context/.dockerignore"
  echo yes >"$context/important.key"
  mkdir "$WORK/elsewhere"
  printf 'FROM probe:1\nCOPY . /all/\nRUN ls /all && ls /all/sub\n' >"$WORK/elsewhere/My.file"
  build -f "$WORK/elsewhere/My.file" --progress plain
  assert_exit 0
  assert_match ' kept\.txt$'
  assert_match ' important\.key$'
  refuse_has secret.key
  refuse_has dropped.log
  printf 'FROM probe:1\nCOPY secret.key /\n' | dockerfile
  build
  assert_exit 1
  assert_match '"?/?secret\.key"?.*not found'
}

@test "build: a failing RUN" {
  printf 'FROM probe:1\nRUN say something-before && exit 7\nRUN write /never x\n' | dockerfile
  build -t failed:1
  assert_exit 1
  assert_has 'something-before'
  assert_has 'failed to solve: process "/bin/sh -c say something-before && exit 7" did not complete successfully: exit code: 7'
  assert_match '>>> RUN say something-before'
  run coracle images failed
  [ "${#lines[@]}" -eq 1 ]
  run leftovers
  assert_output ''
}

@test "build: clear errors for what cannot be built" {
  build
  assert_exit 1
  assert_match 'failed to read dockerfile: open Dockerfile: [Nn]o such file or directory'
  run coracle build "$WORK/not-there"
  assert_exit 1
  assert_has "unable to prepare context: path \"$WORK/not-there\" not found"
  printf 'FROM probe:1\nNONSENSE x\n' | dockerfile
  build
  assert_exit 1
  assert_has 'unknown instruction: NONSENSE'
  : | dockerfile
  build
  assert_exit 1
  assert_match 'file with no instructions|cannot be empty'
  printf 'FROM probe:1\nCOPY ../../etc/passwd /\n' | dockerfile
  build
  assert_exit 1
  printf 'FROM probe:1\nCOPY nothing-here /\n' | dockerfile
  build
  assert_exit 1
  assert_has 'nothing-here'
  build -t Upper:1
  assert_exit 1
  assert_has 'must be lowercase'
}

@test "build: a link in the context does not lead out of it" {
  echo host-secret >"$WORK/secret-of-the-host"
  ln -s "$WORK/secret-of-the-host" "$context/link"
  ln -s / "$context/root"
  printf 'FROM probe:1\nCOPY root%s/secret-of-the-host /taken\n' "$WORK" | dockerfile
  build -t link:1
  [ "$status" -ne 0 ]
  refuse_has host-secret
  printf 'FROM probe:1\nCOPY link /taken\nRUN cat /taken\n' | dockerfile
  build
  refuse_has host-secret
}

@test "build: RUN has a network, our privileges and none of our environment" {
  printf 'FROM probe:1\nRUN interfaces && env && cat /proc/self/status\n' | dockerfile
  run inside env SECRET=leaked "$TOP/build/bin/coracle" build "$context"
  assert_exit 0
  assert_match 'eth0 [0-9]'
  assert_match 'CapEff:[[:space:]]+00000000a80425fb'
  assert_match 'CapInh:[[:space:]]+0000000000000000'
  refuse_has SECRET
  run leftovers
  assert_output ''
}

@test "build -q, --iidfile, --label" {
  printf 'FROM probe:1\nLABEL a=1\n' | dockerfile
  run --separate-stderr coracle build -q --iidfile "$WORK/iid" --label b=2 "$context"
  assert_exit 0
  assert_output "$(cat "$WORK/iid")"
  [ -z "$stderr" ]
}

# A build with a step that goes on until it is stopped; waits until the step runs.
start_endless() {
  printf 'FROM probe:1\nRUN write /started x\nRUN hold\n' | dockerfile
  background "$WORK/endless.log" bash -c 'coracle build -t endless:1 --progress plain "$1"; echo "code $?"' - "$context"
  wait_until file_has "$WORK/endless.log" 'ready'
}

@test "build: Ctrl-C ends it with 130, and nothing is left" {
  start_endless
  inside pkill -INT -x coracle
  wait_until file_has "$WORK/endless.log" '^code '
  run cat "$WORK/endless.log"
  assert_line 'code 130'
  run leftovers
  assert_output ''
  run coracle images endless
  [ "${#lines[@]}" -eq 1 ]
}

@test "build: kill -9 leaves no process, and the next build works and takes the rest away" {
  start_endless
  inside pkill -KILL -x coracle
  wait_until file_has "$WORK/endless.log" '^code 137'
  # The step's process died with it.
  nothing_holds() { ! inside pgrep -x hold && ! inside pgrep -x probe; }
  wait_until nothing_holds
  printf 'FROM probe:1\nRUN write /started x\nRUN write /second x\n' | dockerfile
  build -t endless:1
  assert_exit 0
  # The step that was done before the kill counts.
  assert_has CACHED
  coracle system prune -f
  run leftovers
  assert_output ''
}

@test "build: system prune -a takes what builds have kept" {
  head -c 8000000 /dev/urandom >"$context/random"
  printf 'FROM probe:1\nCOPY random /random\n' | dockerfile
  build -t kept:1
  coracle rmi kept:1
  coracle system prune -af
  run bash -c 'find "$CORACLE_ROOT" -size +7M | wc -l'
  import_probe
  assert_output 0
}

@test "build: two at once of the same" {
  printf 'FROM probe:1\nRUN fill 100000\nRUN write /x y\n' | dockerfile
  run inside bash -c 'coracle build -q -t twin:1 "$1" & one=$!; coracle build -q -t twin:2 "$1"; a=$?; wait $one; echo "$a $?"' \
    - "$context"
  assert_line '0 0'
  run coracle run --rm twin:1 cat /x
  assert_output y
  run coracle run --rm twin:2 cat /x
  assert_output y
}

@test "build: on a terminal the live view" {
  printf 'FROM probe:1\nRUN words live\n' | dockerfile
  run on_terminal 30 120 -- coracle build --no-cache -t live:1 "$context"
  assert_exit 0
  assert_match '\[\+\] Building [0-9.]+s \([0-9]+/[0-9]+\) FINISHED'
}

@test "build: the live view on a screen that is lower than it, and with characters of two columns" {
  wide=$(printf '漢%.0s' {1..50})
  { echo 'FROM probe:1 AS slow'; echo "RUN words one two $wide && say ready && hold"; printf 'FROM probe:1\nCOPY Dockerfile /c/\n'
    for number in {1..9}; do echo "WORKDIR /$number"; done; echo 'COPY --from=slow / /x/'; } | dockerfile
  # With a second processor steps end that began after the one that runs.
  later=()
  [ "$(nproc)" -lt 2 ] || later=('expect:WORKDIR /9')
  on_terminal 6 60 "${later[@]}" $'expect:ready\r' 'send:\x03' -- coracle build --no-cache "$context" >"$WORK/screen.out" || true
  run python3 "$TOP/tests/system/programs/screen.py" 6 60 <"$WORK/screen.out"
  assert_exit 0
  refuse_match '^lost: '
  # What runs is there to the last, whatever has ended after it began.
  assert_match '^shown:  => \[slow 2/2\] RUN words one two'
  assert_match '^shown:  => => # [0-9.]+ ready$'
  assert_match '^shown:  => => # [0-9.]+ \[one\]\[two\]\[漢+$'
  # Lines that were too long wrap again when nothing is drawn over them.
  [ "$(grep -c $'\x1b\\[?7l' "$WORK/screen.out")" -eq "$(grep -c $'\x1b\\[?7h' "$WORK/screen.out")" ]
}

@test "build: Debian's shell and package database, as the service's build stage" {
  import_debian minimal || skip "the Debian base cannot be made here"
  dockerfile <<'FILE'
FROM debian-minimal:bookworm AS build
ARG ASSIGN=a1
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN mkdir -p /out/etc && printf 'root:x:0:0:root:/:/sh\n' > /out/etc/passwd \
    && echo "$ASSIGN" | tee /out/assign
RUN <<END
set -e
dpkg -l | grep -c '^ii' > /out/packages
ln -s assign /out/link
END
FROM debian-minimal:bookworm
COPY --from=build /out/ /product/
RUN rm /etc/motd && ls -l /product
CMD ["sh", "-c", "cat /product/link; test ! -e /etc/motd && echo removed"]
FILE
  build --build-arg ASSIGN=a3 -t debian-built:1
  assert_exit 0
  run coracle run --rm debian-built:1
  assert_output $'a3\nremoved'
}

@test "build: RUN --mount=type=bind, of the context and of a stage, leaves nothing in the layer" {
  mkdir "$context/sub"
  echo 'of the context' >"$context/sub/text"
  echo hidden >"$context/sub/hidden"
  echo 'sub/hidden' >"$context/.dockerignore"
  dockerfile <<'FILE'
FROM probe:1 AS source
RUN write /made of-the-stage
FROM probe:1
RUN --mount=type=bind,source=sub,target=/mnt/new/context \
    --mount=from=source,source=/made,target=/stage-file cat /mnt/new/context/text /stage-file && ls /mnt/new/context
RUN --mount=target=/all,rw write /all/written gone
CMD ["ls", "/"]
FILE
  build -t bound:1
  assert_exit 0
  assert_match 'of the context$'
  assert_match 'of-the-stage$'
  refuse_match '^#[0-9]+ [0-9.]+ hidden$'
  run coracle run --rm bound:1
  refuse_line stage-file
  refuse_line all
  [ ! -e "$context/written" ]
  # The files count: what a step saw and did not see.
  build -t bound:1
  [ "$(grep -c 'CACHED' <<<"$output")" -ge 3 ]
  echo other >"$context/sub/text"
  build -t bound:1
  assert_match ' other$'
  # Read-only unless rw says otherwise.
  printf 'FROM probe:1\nRUN --mount=target=/all write /all/written x\n' | dockerfile
  build
  assert_exit 1
}

@test "build: RUN --mount=type=cache stays from build to build, and out of the image; tmpfs does not stay" {
  for round in first second; do
    dockerfile <<FILE
FROM probe:1
RUN --mount=type=cache,target=/kept write /kept/$round x && ls /kept
RUN --mount=type=tmpfs,target=/scratch,size=1m write /scratch/file x
CMD ["ls", "/"]
FILE
    build -t cachemount:1
    assert_exit 0
  done
  assert_match '^#[0-9]+ [0-9.]+ first$'
  assert_match '^#[0-9]+ [0-9.]+ second$'
  run coracle run --rm cachemount:1
  refuse_line kept
  refuse_line scratch
}

@test "build: a secret is seen by its step and is in no layer, history, key or log of ours" {
  secret=canary-$RANDOM-$RANDOM
  echo "$secret" >"$WORK/secret-file"
  dockerfile <<'FILE'
FROM probe:1
RUN --mount=type=secret,id=key,required=true stat /run/secrets/key
RUN --mount=type=secret,id=absent ls /
FILE
  build --secret "id=key,src=$WORK/secret-file" -t secret:1
  assert_exit 0
  assert_match "100400 0:0 $((${#secret} + 1)) "
  rm "$WORK/secret-file"
  refuse_has "$secret"
  run grep -rl "$secret" "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_output ''
  # Another value is no reason to build again, as with BuildKit.
  echo other >"$WORK/secret-file"
  build --secret "id=key,src=$WORK/secret-file"
  [ "$(grep -c CACHED <<<"$output")" -ge 2 ]
  rm "$WORK/secret-file"
  build --no-cache
  assert_exit 1
  assert_has 'secret key: not found'
  build --secret nonsense
  assert_has "invalid field 'nonsense' must be a key=value pair"
}

@test "build: the next build removes the secret of one that was killed, whether its step had a network or not" {
  echo canary-of-the-killed >"$WORK/secret-file"
  for network in default none; do
    printf 'FROM probe:1\nRUN --network=%s --mount=type=secret,id=key hold\n' "$network" | dockerfile
    background "$WORK/endless.log" bash -c 'coracle build --progress plain --secret "id=key,src=$2" "$1"; echo "code $?"' \
      - "$context" "$WORK/secret-file"
    wait_until file_has "$WORK/endless.log" 'ready'
    secret_is_there() { grep -rqs canary-of-the-killed "$CORACLE_RUN_ROOT"; }
    secret_is_there
    inside pkill -KILL -x coracle
    wait_until file_has "$WORK/endless.log" '^code 137'
    secret_is_there # it stays: the process that would have removed it is dead
    printf 'FROM probe:1\n' | dockerfile
    build
    assert_exit 0
    run secret_is_there
    assert_exit 1
    run find "$CORACLE_RUN_ROOT" -maxdepth 1 -name 'build-*'
    assert_output ''
  done
  rm "$WORK/secret-file"
}

@test "build: RUN --network=none has no interface but its own; host and --security=insecure are refused" {
  printf 'FROM probe:1\nRUN --network=none ls /sys/class/net\n' | dockerfile
  build
  assert_exit 0
  refuse_match ' eth0$'
  printf 'FROM probe:1\nRUN --network=host true\n' | dockerfile
  build
  assert_exit 1
  assert_has 'network.host is not allowed'
  printf 'FROM probe:1\nRUN --security=insecure true\n' | dockerfile
  build
  assert_exit 1
  assert_has 'security.insecure is not allowed'
}

@test "build: COPY --exclude leaves files out, and they do not count for the cache" {
  mkdir "$context/sub"
  touch "$context/a.txt" "$context/b.md" "$context/sub/c.txt" "$context/sub/d.md"
  printf 'FROM probe:1\nCOPY --exclude=*.md --exclude=sub/c.txt . /all/\nRUN ls /all && ls /all/sub\n' | dockerfile
  build
  assert_exit 0
  assert_match ' a\.txt$'
  refuse_match ' b\.md$'
  assert_match ' d\.md$'
  refuse_match ' c\.txt$'
  echo changed >"$context/b.md"
  build
  [ "$(grep -c CACHED <<<"$output")" -ge 2 ]
}

@test "build: a mount point that was made for a step is gone after it" {
  printf 'FROM probe:1\nRUN --mount=type=tmpfs,target=/stub/inner true\nRUN ls /\n' | dockerfile
  build
  assert_exit 0
  refuse_match '^#[0-9]+ [0-9.]+ stub$'
}

# CVE-2024-1753, 2024-9407, 2024-9675
@test "build: mounts that lead out of their place are refused or stay inside" {
  ln -s / "$context/out"
  echo canary >"$WORK/canary-file"
  printf 'FROM probe:1\nRUN --mount=type=bind,source=out,target=/host ls /host\n' | dockerfile
  build
  refuse_match ' etc$'
  printf 'FROM probe:1\nRUN --mount=type=bind,source=../..,target=/host ls /host\n' | dockerfile
  build
  refuse_match ' (etc|proc|canary-file)$'
  printf 'FROM probe:1\nRUN --mount=type=bind,target=/x,bind-propagation=shared true\n' | dockerfile
  build
  assert_exit 1
  assert_has "unexpected key 'bind-propagation'"
  printf 'FROM probe:1\nRUN --mount=type=cache,id=../../..,target=/x ls /x && write /x/mine x\n' | dockerfile
  build
  assert_exit 0
  refuse_match ' (blobs|layers|cache)$'
  run find "$CORACLE_ROOT" -name mine -path '*/cache/mounts/*'
  [ -n "$output" ]
}

@test "build -: an archive from standard input, plain or packed, and -f in it" {
  echo 'in the archive' >"$context/text"
  printf 'FROM probe:1\nCOPY text /text\nRUN cat text\n' >"$context/Dockerfile"
  printf 'FROM probe:1\nCOPY . /all/\nRUN ls /all\n' >"$context/Other"
  echo text >"$context/.dockerignore"
  tar -C "$context" -cf "$WORK/context.tar" Dockerfile text
  run coracle build --no-cache - <"$WORK/context.tar"
  assert_exit 0
  assert_has 'in the archive'
  for packer in gzip xz bzip2; do
    run bash -c '"$2" -c "$1" | coracle build -q -t archived:1 -' - "$WORK/context.tar" $packer
    assert_exit 0
  done
  run coracle build -q "$WORK/context.tar"
  assert_exit 0
  tar -C "$context" -cf "$WORK/context.tar" .
  run coracle build --no-cache -f Other - <"$WORK/context.tar"
  assert_exit 0
  refuse_line 'text'
  run coracle build - <<<''
  assert_exit 1
  run coracle build "$context/Dockerfile"
  assert_exit 1
  assert_has 'context must be a directory'
  # Nothing of a context stays.
  coracle system prune -f
  run find "$CORACLE_ROOT/layers/staging" -mindepth 1
  assert_output ''
}

@test "build -: links of an archive stay in it" {
  ln -s /etc/passwd "$context/Dockerfile"
  tar -C "$context" -cf "$WORK/context.tar" Dockerfile
  run coracle build - <"$WORK/context.tar"
  assert_exit 1
  refuse_has root:
  assert_has 'failed to read dockerfile'
}

@test "build -: a Dockerfile from standard input, with no context and with one" {
  run coracle build -t typed:1 - <<<$'FROM probe:1\nRUN write /made typed'
  assert_exit 0
  assert_has 'load build definition from Dockerfile'
  run coracle run --rm typed:1 cat /made
  assert_output typed
  run coracle build - <<<$'FROM probe:1\nCOPY text /'
  assert_exit 1
  assert_has '"/text": not found'
  echo given >"$context/text"
  run coracle build --no-cache -f - "$context" <<<$'FROM probe:1\nCOPY text /\nRUN cat /text'
  assert_exit 0
  assert_has given
  run coracle build -f - - <<<'FROM probe:1'
  assert_exit 1
  assert_has "can't use stdin for both build context and dockerfile"
  run coracle build -f Other - <<<'FROM probe:1'
  assert_exit 1
  assert_has 'ambiguous Dockerfile source'
}

@test "build --metadata-file, --iidfile after a failure, --no-cache-filter" {
  printf 'FROM probe:1 AS one\nRUN write /one x\nFROM probe:1 AS two\nCOPY --from=one /one /one\nRUN write /two x\n' | dockerfile
  build -t meta:1 -t meta:2 --metadata-file "$WORK/meta.json" --iidfile "$WORK/iid"
  assert_exit 0
  run jq -r '."image.name", ."containerimage.config.digest", ."containerimage.descriptor".mediaType' "$WORK/meta.json"
  assert_line 'docker.io/library/meta:1,docker.io/library/meta:2'
  assert_line "$(cat "$WORK/iid")"
  assert_line 'application/vnd.oci.image.manifest.v1+json'
  cached() { grep -B1 CACHED <<<"$output" | grep -o '\[.*'; }
  build
  [ "$(cached | grep -c 'RUN')" -eq 2 ]
  build --no-cache-filter ONE,unknown
  run cached
  assert_has '[two 3/3] RUN'
  refuse_has '[one 2/2] RUN'
  build --no-cache-filter two
  run cached
  assert_has '[one 2/2] RUN'
  refuse_has '[two 3/3] RUN'
  printf 'FROM probe:1\nRUN fail\n' | dockerfile
  build --metadata-file "$WORK/meta.json" --iidfile "$WORK/iid"
  assert_exit 1
  [ ! -e "$WORK/iid" ] && [ ! -e "$WORK/meta.json" ]
}

@test "build --output: the final stage's files in a folder or an archive, and no image" {
  printf 'FROM probe:1 AS made\nRUN write /bin-file made\nFROM scratch\nCOPY --from=made --chown=7:7 --chmod=640 /bin-file /out/file\n' | dockerfile
  count=$(coracle images -q | wc -l)
  build -o "$WORK/out/there"
  assert_exit 0
  run stat -c '%a %u:%g' "$WORK/out/there/out/file"
  assert_output '640 0:0'
  [ "$(cat "$WORK/out/there/out/file")" = made ]
  run bash -c 'coracle build -q -o - "$1" | tar -tv' - "$context"
  assert_match '^-rw-r----- 7/7 .* out/file$'
  build --output "type=tar,dest=$WORK/out.tar"
  assert_exit 0
  [ "$(tar -xOf "$WORK/out.tar" out/file)" = made ]
  [ "$(coracle images -q | wc -l)" -eq "$count" ]
  for bad in type=local type=nonsense,dest=x dest=x,name=y type=oci,what=x; do
    build -o "$bad"
    assert_exit 1
  done
}

@test "build --output twice with SOURCE_DATE_EPOCH: the same archives to the bit" {
  echo text >"$context/text"
  printf 'FROM probe:1\nCOPY text /a/text\nRUN write /b x\n' | dockerfile
  for kind in oci docker tar; do
    for turn in 1 2; do
      touch "$context/text"
      build --no-cache --build-arg SOURCE_DATE_EPOCH=1700000000 -t repeat:1 -o "type=$kind,dest=$WORK/$kind.$turn"
      assert_exit 0
    done
    cmp "$WORK/$kind.1" "$WORK/$kind.2"
  done
  coracle rmi -f repeat:1
  run coracle load -i "$WORK/oci.1"
  assert_has 'repeat:1'
  run coracle run --rm repeat:1 cat /b
  assert_output x
}
