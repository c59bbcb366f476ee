# image build: Dockerfiles of every kind, with the tests' static programs and, for one test, with Debian's shell.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  context=$WORK/context
  rm -rf "$context"
  mkdir "$context"
}
teardown() { remove_containers; }

# The Dockerfile of the context from standard input.
dockerfile() { cat >"$context/Dockerfile"; }
build() { run coracle build "$@" "$context"; }

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
