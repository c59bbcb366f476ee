# image build: stages side by side. What proves it needs no clock: steps that wait for each other end only where both run.
load helper
load build_helper

# One processor: stages one after the other, in one process.
build_alone() { run inside taskset --cpu-list "$(first_processor)" coracle build "$@" "$context"; }
first_processor() { taskset --cpu-list --pid $$ | sed -E 's/.*: *([0-9]+).*/\1/'; }
needs_two_processors() { [ "$(nproc)" -ge 2 ] || skip "one processor"; }

# Two stages that meet: each makes a file in a folder that both share, and waits for the other's.
meeting() {
  cat <<FILE
FROM probe:1 AS one
RUN --mount=type=cache,id=$1,target=/meet write /meet/one x && await /meet/two && write /one 1
FROM probe:1 AS two
RUN --mount=type=cache,id=$1,target=/meet write /meet/two x && await /meet/one && write /two 2
FROM probe:1
COPY --from=one /one /
COPY --from=two /two /
FILE
}

@test "stages: those that do not need each other are built at the same time" {
  needs_two_processors
  meeting first | dockerfile
  build --no-cache -t met:1
  assert_exit 0
  run coracle run --rm met:1 cat /one /two
  assert_line 1
  assert_line 2
}

@test "stages: one that takes from another is at work until it does" {
  needs_two_processors
  dockerfile <<'FILE'
FROM probe:1 AS one
RUN --mount=type=cache,id=early,target=/meet write /meet/one x && await /meet/last && write /one 1
FROM probe:1
RUN --mount=type=cache,id=early,target=/meet write /meet/last x && await /meet/one && write /last 2
COPY --from=one /one /
RUN cat /one /last
FILE
  build --no-cache -t early:1
  assert_exit 0
  run coracle run --rm early:1 cat /one /last
  assert_line 1
  assert_line 2
}

@test "stages: each output is labelled, and a step that gives way is told by its name again" {
  needs_two_processors
  dockerfile <<'FILE'
FROM probe:1 AS one
RUN --mount=type=cache,id=labels,target=/meet say of-one && write /meet/one x && await /meet/two && write /one 1
FROM probe:1 AS two
RUN --mount=type=cache,id=labels,target=/meet await /meet/one && say of-two && write /two 2
RUN --mount=type=cache,id=labels,target=/meet write /meet/two x
FROM scratch
COPY --from=one /one /
COPY --from=two /two /
FILE
  build --no-cache
  assert_exit 0
  one=$(grep -oE '^#[0-9]+ \[one 2/2\]' <<<"$output" | head -n 1 | cut -d ' ' -f 1)
  two=$(grep -oE '^#[0-9]+ \[two 2/3\]' <<<"$output" | head -n 1 | cut -d ' ' -f 1)
  assert_match "^$one [0-9.]+ of-one\$"
  assert_match "^$two [0-9.]+ of-two\$"
  assert_line "$one ..."
  assert_match "^$one DONE [0-9.]+s\$"
  # Whatever is said stands below its own step's name.
  awk '
    /^#[0-9]+ (\[|exporting)/ { step = $1; next }
    /^#/ && $1 != step { print "out of place: " $0; bad = 1 }
    END { exit bad }' <<<"$output"
}

# Two stages that hold until they are killed.
endless() {
  needs_two_processors
  printf 'FROM probe:1 AS one\nRUN ["hold"]\nFROM probe:1 AS two\nRUN write /early x\nRUN ["hold"]\nFROM scratch\n%s\n%s\n' \
    'COPY --from=one / /' 'COPY --from=two / /' | dockerfile
  background "$WORK/endless.log" bash -c 'coracle build --no-cache -t endless:1 "$1"; echo "code $?"' - "$context"
  both_hold() { [ "$(inside pgrep -xc hold)" -eq 2 ]; }
  wait_until both_hold
}
nothing_runs() { ! inside pgrep -x 'hold|probe|coracle'; }

@test "stages: Ctrl-C ends all of them with 130, and nothing is left" {
  endless
  inside pkill -INT -x coracle
  wait_until file_has "$WORK/endless.log" '^code '
  run cat "$WORK/endless.log"
  assert_line 'code 130'
  [ "$(grep -c 'CANCELED$' <<<"$output")" -eq 2 ]
  nothing_runs
  run leftovers
  assert_output ''
  run coracle images endless
  [ "${#lines[@]}" -eq 1 ]
}

@test "stages: a signal to the first process alone ends all of them" {
  endless
  inside pkill -TERM -o -x coracle
  wait_until file_has "$WORK/endless.log" '^code '
  nothing_runs
  run leftovers
  assert_output ''
}

@test "stages: kill -9 of the first process ends all of them, and the next build takes the rest away" {
  endless
  inside pkill -KILL -o -x coracle
  wait_until file_has "$WORK/endless.log" '^code 137'
  wait_until nothing_runs
  printf 'FROM probe:1\nRUN write /x y\n' | dockerfile
  build -t endless:1
  assert_exit 0
  coracle system prune -f
  run leftovers
  assert_output ''
}

@test "stages: one whose process is killed fails the build, and says so" {
  endless
  inside bash -c 'kill -KILL "$(pgrep -P "$(pgrep -o -x coracle)" -x coracle | tail -n 1)"'
  wait_until file_has "$WORK/endless.log" '^code 1$'
  run cat "$WORK/endless.log"
  assert_match '^ERROR: failed to solve: .*the process that built the stage was killed: Killed'
  wait_until nothing_runs
  printf 'FROM probe:1\n' | dockerfile
  build
  coracle system prune -f
  run leftovers
  assert_output ''
}

@test "stages: one that fails stops the others, and is the one that is told" {
  needs_two_processors
  dockerfile <<'FILE'
FROM probe:1 AS one
RUN --mount=type=cache,id=fails,target=/meet write /meet/one x && hold
FROM probe:1 AS two
RUN --mount=type=cache,id=fails,target=/meet await /meet/one && say the-reason && exit 3
FROM scratch
COPY --from=one / /
COPY --from=two / /
FILE
  build --no-cache -t failed:1
  assert_exit 1
  assert_match '^#[0-9]+ CANCELED$'
  assert_match '^#[0-9]+ ERROR: process ".*the-reason.*" did not complete successfully: exit code: 3$'
  assert_match '^ERROR: failed to solve: process ".*the-reason.*" did not complete successfully: exit code: 3$'
  assert_match '^ +4 \| >>> RUN .*the-reason'
  # Once as it came, and once in the end.
  [ "$(grep -cE '[0-9.]+ the-reason$' <<<"$output")" -eq 2 ]
  nothing_runs
  run leftovers
  assert_output ''
  run coracle images failed
  [ "${#lines[@]}" -eq 1 ]
}

@test "stages: a base image that does not exist is told while others are built" {
  needs_two_processors
  printf 'FROM probe:1 AS one\nRUN ["hold"]\nFROM 127.0.0.1:9/none:1\nCOPY --from=one / /\n' | dockerfile
  build --no-cache
  assert_exit 1
  assert_match '^ERROR: failed to solve: 127.0.0.1:9/none:1'
  nothing_runs
}

@test "stages: equal steps are done once, also with --no-cache" {
  dockerfile <<'FILE'
FROM probe:1 AS one
RUN say at-work && write /f x
RUN write /one 1
FROM probe:1 AS two
RUN say at-work && write /f x
RUN write /two 2
FROM scratch
COPY --from=one /f /one /1/
COPY --from=two /f /two /2/
FILE
  build --no-cache -t equal:1
  assert_exit 0
  [ "$(grep -cE '[0-9.]+ at-work$' <<<"$output")" -eq 1 ]
  build_alone --no-cache -t equal:1
  assert_exit 0
  [ "$(grep -cE '[0-9.]+ at-work$' <<<"$output")" -eq 1 ]
}

@test "stages: side by side or one after the other, the image is the same to the bit" {
  mkdir "$context/files"
  for number in 1 2 3 4 5; do echo "$number" >"$context/files/$number"; done
  dockerfile <<'FILE'
ARG WHAT=all
FROM probe:1 AS base
ARG WHAT
ENV KIND=$WHAT
COPY files /files
FROM base AS one
RUN write /one $KIND
FROM base AS two
COPY files/2 /
RUN --mount=type=bind,from=base,source=/files,target=/mnt cat /mnt/3 && write /two 2
HEALTHCHECK --interval=3s CMD true
LABEL b=2 a=1
FROM probe:1 AS unneeded
RUN exit 1
FROM two
COPY --from=one --chown=7:8 /one /files/ /all/
COPY --from=0 /files/4 /
WORKDIR /all
CMD ["x"]
FILE
  export SOURCE_DATE_EPOCH=1700000000
  build --no-cache -q
  assert_exit 0
  side_by_side=$output
  build_alone --no-cache -q
  assert_output "$side_by_side"
  build -q
  assert_output "$side_by_side"
  coracle builder prune -af
  build_alone -q
  assert_output "$side_by_side"
  build -q
  assert_output "$side_by_side"
}

@test "stages: what ONBUILD takes from a stage is built for it" {
  printf 'FROM probe:1\nONBUILD COPY --from=made /made /taken\nONBUILD RUN cat /taken\n' | dockerfile
  build -t trigger:1
  assert_exit 0
  dockerfile <<'FILE'
FROM probe:1 AS made
RUN write /made by-run
FROM probe:1 AS other
RUN write /other x
FROM trigger:1
COPY --from=other /other /
FILE
  build --no-cache -t taken:1
  assert_exit 0
  run coracle run --rm taken:1 cat /taken
  assert_output by-run
  build_alone --no-cache
  assert_exit 0
}

@test "build --progress json: a document a line, in BuildKit's form" {
  meeting json | dockerfile
  [ "$(nproc)" -ge 2 ] || printf 'FROM probe:1\nRUN say hello\n' | dockerfile
  run --separate-stderr coracle build --no-cache --progress rawjson "$context"
  assert_exit 0
  python3 -c '
import base64, json, sys
vertexes, text = {}, b""
for line in sys.stdin:
    status = json.loads(line)
    for vertex in status.get("vertexes", []):
        vertexes.setdefault(vertex["digest"], {}).update(vertex)
    for log in status.get("logs", []):
        assert log["vertex"] in vertexes and log["stream"] == 1
        text += base64.b64decode(log["data"])
    for item in status.get("statuses", []):
        assert item["vertex"] in vertexes and item["id"]
assert all(vertex["completed"] >= vertex["started"] for vertex in vertexes.values()), vertexes
assert any(vertex.get("cached") for vertex in vertexes.values())
assert any(vertex["name"].endswith("exporting to image") for vertex in vertexes.values())
' <<<"$stderr"
  printf 'FROM probe:1\nRUN exit 4\n' | dockerfile
  run --separate-stderr coracle build --no-cache --progress json "$context"
  assert_exit 1
  grep -qE '"error":"process .* exit code: 4"' <<<"$stderr"
  [ "$(tail -n 1 <<<"$stderr" | cut -c -24)" = 'ERROR: failed to solve: ' ]
}

@test "build: after more than a second it tells where the time went" {
  dockerfile <<'FILE'
FROM probe:1
RUN sleep 1 && write /slept 1
RUN sleep 2 && write /slept 2
FILE
  build --no-cache -t slow:1
  assert_exit 0
  assert_match '^Built in [0-9.]+s, [0-9]+ of [0-9]+ steps from the cache. The longest:$'
  assert_match '^ +[0-9.]+s  \[3/3\] RUN sleep 2 && write /slept 2$'
  build --no-cache -q -t slow:1
  refuse_match 'The longest'
}
