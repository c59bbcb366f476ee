# RUN --mount, with the tests' static programs.
load helper
load build_helper

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

@test "cache: id, from, source, ro, mode, uid, gid, and two of one cache in a step" {
  dockerfile <<'FILE'
FROM probe:1 AS base
RUN write /data/more x
FROM probe:1
RUN --mount=type=cache,target=/a,id=one,uid=7,gid=8,mode=0710 stat /a && mkdir /a/part && write /a/part/file of-the-cache
RUN --mount=type=cache,target=/b,id=one,source=part cat /b/file && ls /b
RUN --mount=type=cache,target=/c,id=one,ro ls /c
RUN --mount=type=cache,target=/d,id=two,from=base,source=/data ls /d && write /d/added x
RUN --mount=type=cache,target=/e,id=two,from=base,source=/data ls /e
RUN --mount=type=cache,target=/f,id=three,sharing=locked --mount=type=cache,target=/g,id=three,sharing=locked write /f/x both && cat /g/x
FILE
  build
  assert_exit 0
  assert_match ' 40710 7:8 '
  assert_match ' of-the-cache$'
  [ "$(grep -cE '^#[0-9]+ [0-9.]+ more$' <<<"$output")" -eq 2 ]
  [ "$(grep -cE '^#[0-9]+ [0-9.]+ added$' <<<"$output")" -eq 1 ]
  assert_match ' both$'
  printf 'FROM probe:1\nRUN --mount=type=cache,target=/c,id=one,ro write /c/x x\n' | dockerfile
  build
  assert_exit 1
  assert_has 'Read-only file system'
  printf 'FROM probe:1\nRUN --mount=type=cache,target=/c,id=one,source=absent ls /c\n' | dockerfile
  build
  assert_exit 1
  assert_has '"absent" is not in the cache one'
  printf 'FROM probe:1\nRUN --mount=type=cache,target=/c,id=one,sharing=lockd ls /c\n' | dockerfile
  build
  assert_has 'unsupported sharing value "lockd" (did you mean locked?)'
}

@test "cache,sharing: locked waits for the other build, private takes a second one, shared is shared; all outlive kill -9" {
  for sharing in locked private shared; do
    printf 'FROM probe:1\nRUN --mount=type=cache,target=/k,id=%s,sharing=%s write /k/first x && hold\n' "$sharing-id" "$sharing" | dockerfile
    held_build "$WORK/held.log"
    printf 'FROM probe:1\nRUN --mount=type=cache,target=/k,id=%s,sharing=%s say it-has && ls /k\n' "$sharing-id" "$sharing" | dockerfile
    background "$WORK/second.log" bash -c 'coracle build --progress plain "$1"; echo "code $?"' - "$context"
    if [ "$sharing" = locked ]; then
      waits() { inside bash -c 'for p in $(pgrep -x coracle); do grep -q "flock\|locks" /proc/$p/wchan /proc/$p/stack 2>/dev/null && exit 0; done; grep -q -- "-> FLOCK" /proc/locks'; }
      wait_until waits
      run file_has "$WORK/second.log" '[0-9.]+ it-has$'
      assert_exit 1
    else
      wait_until file_has "$WORK/second.log" '^code 0'
    fi
    inside pkill -KILL -o -x coracle
    wait_until file_has "$WORK/held.log" '^code 137'
    wait_until file_has "$WORK/second.log" '^code 0'
    output=$(cat "$WORK/second.log")
    case $sharing in
    private) refuse_match ' first$' ;;
    *) assert_match ' first$' ;;
    esac
    # What the killed one has written is there for the next.
    build --no-cache
    assert_exit 0
    assert_match ' first$'
  done
}

@test "cache: system df and builder prune know them; one that is in use stays" {
  coracle builder prune -af
  head -c 3000000 /dev/zero >"$context/large"
  printf 'FROM scratch AS base\nCOPY large /\nFROM probe:1\nRUN --mount=type=cache,target=/k,from=base true\nRUN --mount=type=cache,target=/other true\n' | dockerfile
  build
  assert_exit 0
  run coracle system df -v --format '{{range .BuildCache}}{{.CacheType}} {{.UsageCount}} {{.Size}}{{"\n"}}{{end}}'
  [ "$(grep -c '^exec.cachemount 1 ' <<<"$output")" -eq 2 ]
  assert_match '^exec.cachemount 1 [23](\.[0-9]+)?MB'
  assert_match '^regular '
  printf 'FROM probe:1\nRUN --mount=type=cache,target=/other hold\n' | dockerfile
  held_build "$WORK/held.log"
  run coracle builder prune -f --filter type=exec.cachemount
  assert_exit 0
  assert_match 'Total( reclaimed space)?:?.* [23](\.[0-9]+)?MB'
  run coracle system df -v --format '{{range .BuildCache}}{{.CacheType}} {{.UsageCount}} {{.Size}}{{"\n"}}{{end}}'
  [ "$(grep -c '^exec.cachemount ' <<<"$output")" -eq 1 ]
  assert_match '^exec.cachemount 2 '
  assert_match '^regular '
  end_build "$WORK/held.log"
  coracle builder prune -f --filter type=exec.cachemount
  run ls "$CORACLE_ROOT/cache/mounts"
  assert_output ''
  run coracle builder prune -f --filter kind=x
  assert_has "invalid filter 'kind'"
}

@test "ssh: the user's agent and keys, of an agent that we run, serve a step; it can ask and sign, and nothing else" {
  mkdir -p "$WORK/ssh"
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/key"
  ssh-keygen -q -t ed25519 -N '' -f "$WORK/ssh/other"
  chmod 0644 "$WORK/ssh/key"
  background "$WORK/agent.log" ssh-agent -D -a "$WORK/ssh/agent"
  wait_until test -S "$WORK/ssh/agent"
  dockerfile <<'FILE'
FROM probe:1
RUN --mount=type=ssh,required agent 11 && agent 19 && agent 17 && agent 22 && agent 27 && agent 11 && stat /run/buildkit/ssh_agent.0
RUN --mount=type=ssh,id=keys,target=/there,mode=0666,uid=5,gid=6,required=true --mount=type=ssh stat /there /run/buildkit/ssh_agent.1 && agent 11
USER user
RUN --mount=type=ssh,uid=1000,required agent 11
RUN ls /
FILE
  run inside env SSH_AUTH_SOCK="$WORK/ssh/agent" coracle build --progress plain --ssh default \
    --ssh "keys=$WORK/ssh/key,$WORK/ssh/other" -t agents:1 "$context"
  assert_exit 0
  # The agent of the user holds none, ours two; what changes an agent is a failure (5).
  [ "$(grep -cE ' answer 12 keys 0$' <<<"$output")" -eq 3 ]
  [ "$(grep -cE ' answer 12 keys 2$' <<<"$output")" -eq 1 ]
  [ "$(grep -cE ' answer 5$' <<<"$output")" -eq 4 ]
  assert_match ' 140600 0:0 0 /run/buildkit/ssh_agent.0$'
  assert_match ' 140666 5:6 0 /there$'
  refuse_match ' run$'
  [ "$(inside pgrep -xc ssh-agent)" -eq 1 ]
  run find "$CORACLE_RUN_ROOT" -name 'build-*'
  assert_output ''
  # In nothing that stays.
  run coracle inspect agents:1
  refuse_has SSH_AUTH_SOCK
  key=$(sed -n 3p "$WORK/ssh/key")
  run grep -rlF "$key" "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_output ''
  # One that is killed leaves no process, and its folder to the next build.
  printf 'FROM probe:1\nRUN --mount=type=ssh,id=keys hold\n' | dockerfile
  held_build "$WORK/held.log" --ssh "keys=$WORK/ssh/key"
  inside pkill -KILL -x coracle
  wait_until file_has "$WORK/held.log" '^code 137'
  one_agent() { [ "$(inside pgrep -xc ssh-agent)" -eq 1 ] && ! inside pgrep -x coracle; }
  wait_until one_agent
  inside pkill ssh-agent
  printf 'FROM probe:1\n' | dockerfile
  build
  run find "$CORACLE_RUN_ROOT" -name 'build-*'
  assert_output ''
}

@test "ssh: what is missing or wrong is told as BuildKit tells it" {
  printf 'FROM probe:1\nRUN --mount=type=ssh,required agent 11\n' | dockerfile
  build
  assert_exit 1
  assert_has 'no SSH key "default" forwarded from the client'
  echo nonsense >"$WORK/not-a-key"
  build --ssh "other=$WORK/not-a-key"
  assert_exit 1
  assert_has 'unset ssh forward key default'
  build --ssh "default=$WORK/not-a-key"
  assert_exit 1
  assert_has "failed to parse $WORK/not-a-key"
  run inside env -u SSH_AUTH_SOCK coracle build --ssh default "$context"
  assert_exit 1
  assert_has 'invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set'
  build --ssh default=/absent
  assert_has 'failed to convert agent config for ID: "default": stat /absent'
  build --ssh "a=$WORK/not-a-key" --ssh "a=$WORK/not-a-key"
  assert_has 'duplicate agent ID "a"'
  printf 'FROM probe:1\nRUN --mount=type=ssh agent 11\n' | dockerfile
  build
  assert_exit 1
  assert_has 'agent: /run/buildkit/ssh_agent.0: No such file'
  run find "$CORACLE_RUN_ROOT" -name 'build-*'
  assert_output ''
}

@test "secret: src, env, a target, the environment, mode and owner; in nothing that stays or is printed" {
  secret=canary-$RANDOM-$RANDOM-x
  printf '%s' "$secret" >"$WORK/secret-file"
  dockerfile <<'FILE'
FROM probe:1
RUN --mount=type=secret,id=file,target=/a/b,mode=0444,uid=3,gid=4,required stat /a/b
RUN --mount=type=secret,id=file,env=FROM_FILE --mount=type=secret,id=VARIABLE,env=RENAMED --mount=type=secret,id=VARIABLE \
  stat /run/secrets/VARIABLE && say $ABSENT
RUN --mount=type=secret,id=VARIABLE,env=RENAMED,target=/both stat /both
RUN --mount=type=secret,id=file,required cat /run/secrets/absent
FILE
  run inside env VARIABLE="$secret" coracle build --progress plain --secret "id=file,src=$WORK/secret-file" \
    --secret id=VARIABLE -t secrets:1 "$context"
  assert_exit 1
  rm "$WORK/secret-file"
  assert_match " 100444 3:4 ${#secret} /a/b"
  assert_match " 100400 0:0 ${#secret} /run/secrets/VARIABLE"
  assert_match " 100400 0:0 ${#secret} /both"
  refuse_has "$secret"
  # The whole store, and compressed layers besides.
  run grep -rlaF "$secret" "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_output ''
  while read -r blob; do
    ! zcat -f "$blob" 2>/dev/null | grep -qaF "$secret" || _mismatch "$blob has the secret"
    ! zcat -f "$blob" 2>/dev/null | tar -t 2>/dev/null | grep -qE 'run/secrets|a/b|both' || _mismatch "$blob has a mount point"
  done < <(find "$CORACLE_ROOT/blobs" -type f)
  # A secret is the step's, seen in its environment alone.
  printf 'FROM probe:1\nRUN --mount=type=secret,id=VARIABLE,env=RENAMED env\n' | dockerfile
  run inside env VARIABLE=seen-by-the-step coracle build --progress plain --secret id=VARIABLE -t secrets:1 "$context"
  assert_match ' RENAMED=seen-by-the-step$'
  run coracle inspect secrets:1
  refuse_has RENAMED
  run grep -rlaF seen-by-the-step "$CORACLE_ROOT" "$CORACLE_RUN_ROOT"
  assert_output ''
  build --secret id=x,src=/absent
  assert_has 'failed to stat /absent'
  head -c 600000 /dev/zero >"$WORK/large"
  build --secret "id=x,src=$WORK/large"
  assert_has 'secret x too big. max size 500KB'
  rm "$WORK/large"
}
