# RUN --mount, with the tests' static programs.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  context=$WORK/context
  rm -rf "$context"
  mkdir "$context"
}
teardown() { remove_containers; }

dockerfile() { cat >"$context/Dockerfile"; }
build() { run coracle build --progress plain "$@" "$context"; }
refuse_match() { ! grep -qE -- "$1" <<<"$output" || _mismatch "something in the output matches: $1"; }

# held_build LOG OPTION…: a build whose last step prints "ready" and holds, and what it is ended by.
held_build() {
  local log=$1
  shift
  background "$log" bash -c 'coracle build --progress plain "$@"; echo "code $?"' - "$@" "$context"
  wait_until file_has "$log" ' ready'
}
end_build() {
  inside pkill -INT -x coracle
  wait_until file_has "$1" '^code 130'
}
staged() { du -sk "$CORACLE_ROOT/layers/staging" | cut -f 1; }

@test "bind: the context itself is mounted, not a copy; read-only, with .dockerignore, of owner 0, without sockets" {
  mkdir -p "$context/sub/folder" "$context/hidden"
  head -c 8M /dev/zero >"$context/sub/large"
  echo text >"$context/sub/folder/text"
  echo kept >"$context/sub/folder/kept.log"
  touch "$context/hidden/file" "$context/sub/gone.log" "$context/sub/folder/gone.log"
  printf 'hidden\n**/*.log\n!sub/folder/kept.log\n' >"$context/.dockerignore"
  python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$context/sub/socket"
  touch -d @1000000000 "$context/sub/folder"
  chmod 2750 "$context/sub/folder"
  dockerfile <<'FILE'
FROM probe:1
RUN --mount=target=/all ls /all && say = && ls /all/sub && say = && ls /all/sub/folder && \
    cat /all/sub/folder/kept.log && stat /all/sub/folder && stat /all/sub/folder/text
RUN --mount=source=sub/folder/text,target=/one cat /one && stat /one && hold
FILE
  names='.dockerignore = = Dockerfile folder kept kept.log large sub text '
  for owner in 0:0 1234:77; do
    chown -R "$owner" "$context"
    held_build "$WORK/held.log" --no-cache
    [ "$(staged)" -lt 2000 ]
    end_build "$WORK/held.log"
    output=$(sed -En 's/^#[0-9]+ [0-9.]+ //p' "$WORK/held.log")
    [ "$(head -n 10 <<<"$output" | LC_ALL=C sort | tr '\n' ' ')" = "$names" ] || _mismatch "other names than $names"
    assert_match '^42750 0:0 '
    assert_match '^100[0-7]+ 0:0 5 '
    [ "$(grep -cx text <<<"$output")" -eq 2 ]
  done
  # Of several owners, or with a named pipe in it: the same to the eye, by a copy.
  chown 5:5 "$context/sub/folder/text"
  held_build "$WORK/held.log" --no-cache
  end_build "$WORK/held.log"
  output=$(sed -En 's/^#[0-9]+ [0-9.]+ //p' "$WORK/held.log")
  [ "$(head -n 10 <<<"$output" | LC_ALL=C sort | tr '\n' ' ')" = "$names" ] || _mismatch "other names than $names"
  assert_match '^100[0-7]+ 0:0 5 '
  # Nothing can be written there, whatever the step is.
  chown -R 0:0 "$context"
  for target in /all/new /all/sub/folder/text /all/sub/gone.log; do
    printf 'FROM probe:1\nRUN --mount=target=/all write %s x\n' "$target" | dockerfile
    build
    assert_exit 1
    assert_has 'Read-only file system'
  done
}

@test "bind,rw: what is written is seen by the step alone and thrown away" {
  mkdir "$context/sub"
  echo old >"$context/sub/text"
  echo log >"$context/sub/log"
  echo 'sub/log' >"$context/.dockerignore"
  chown -R 1000:1000 "$context"
  dockerfile <<'FILE'
FROM probe:1 AS other
RUN write /made old-of-the-stage
FROM probe:1
RUN --mount=source=sub,target=/sub,rw write /sub/text new && write /sub/log other && write /sub/more x && cat /sub/text && ls /sub
RUN --mount=source=sub/text,target=/one,rw write /one newer && cat /one
RUN --mount=from=other,target=/stage,rw write /stage/made new-of-the-stage && rm /stage/data/file && cat /stage/made
RUN --mount=from=other,target=/stage cat /stage/made && cat /stage/data/file
RUN ls /
FILE
  build
  assert_exit 0
  assert_match ' new$'
  assert_match ' newer$'
  assert_match ' new-of-the-stage$'
  assert_match ' old-of-the-stage$'
  assert_match ' text of the image$'
  refuse_match '[0-9] (sub|one|stage)$'
  run ls "$context/sub"
  assert_output $'log\ntext'
  run cat "$context/sub/text" "$context/sub/log"
  assert_output $'old\nlog'
}

@test "bind,from=: a program of a stage runs where it is mounted, and of an image a folder, a file, a link to one" {
  ln -s data/file "$WORK/probe.root/link"
  tar -C "$WORK/probe.root" --numeric-owner --owner=0 --group=0 -cf "$WORK/linked.tar" .
  rm "$WORK/probe.root/link"
  coracle import "$WORK/linked.tar" linked:1
  dockerfile <<'FILE'
FROM probe:1 AS tools
RUN write /made x
FROM probe:1
RUN --mount=from=tools,source=/bin,target=/tools ["/tools/say", "runs"]
RUN --mount=from=linked:1,source=/data,target=/x ls /x
RUN --mount=from=linked:1,source=/link,target=/y cat /y
RUN --mount=from=linked:1,source=/link,target=/y write /y no
FILE
  build
  assert_exit 1
  assert_match ' runs$'
  assert_match ' file$'
  assert_match ' text of the image$'
  assert_has 'Read-only file system'
  printf 'FROM probe:1\nRUN --mount=from=linked:1,source=/absent,target=/y cat /y\n' | dockerfile
  build
  assert_exit 1
  assert_has '"/absent": not found'
  printf 'FROM scratch AS nothing\nFROM probe:1\nRUN --mount=from=nothing,target=/empty ls /empty && say done\n' | dockerfile
  build
  assert_exit 0
  assert_match ' done$'
}
