# build --check and the warnings of a build: BuildKit's rules, as docker prints them.
load helper
load build_helper

# Standard output alone, for what it holds to the letter.
check() { run --separate-stderr coracle build --check "$@" "$context"; }
images() { coracle image ls -aq; }

@test "check: a good Dockerfile" {
  dockerfile <<<$'FROM probe:1\nCMD ["sh"]'
  check
  assert_exit 0
  [ "$output" = 'Check complete, no warnings found.' ]
}

@test "check: warnings are on standard output with their lines, the exit code is 1, and nothing is built" {
  before=$(images)
  dockerfile <<'DOCKERFILE'
FROM probe:1 as base
RUN write /made here
COPY $SORUCE /
FROM scratch
CMD sh
DOCKERFILE
  check -t checked:1 --iidfile "$WORK/iid" -o "$WORK/out"
  assert_exit 1
  diff - <(printf '%s\n' "$output") <<'EXPECTED'
Check complete, 3 warnings have been found!

WARNING: FromAsCasing - https://docs.docker.com/go/dockerfile/rule/from-as-casing/
'as' and 'FROM' keywords' casing do not match
Dockerfile:1
--------------------
   1 | >>> FROM probe:1 as base
   2 |     RUN write /made here
--------------------

WARNING: UndefinedVar - https://docs.docker.com/go/dockerfile/rule/undefined-var/
Usage of undefined variable '$SORUCE'
Dockerfile:3
--------------------
   2 |     RUN write /made here
   3 | >>> COPY $SORUCE /
   4 |     FROM scratch
--------------------

WARNING: JSONArgsRecommended - https://docs.docker.com/go/dockerfile/rule/json-args-recommended/
JSON arguments recommended for CMD to prevent unintended behavior related to OS signals
Dockerfile:5
--------------------
   4 |     FROM scratch
   5 | >>> CMD sh
   6 |     
--------------------
EXPECTED
  [ "$(images)" = "$before" ]
  [ ! -e "$WORK/iid" ] && [ ! -e "$WORK/out" ]
  run coracle build --call=check --target base "$context"
  assert_exit 1
  assert_has 'Check complete, 2 warnings have been found!'
}

@test "check: a base image that is not here is not pulled" {
  dockerfile <<<$'FROM nowhere.invalid/image:1\nCOPY $WHAT /\nWORKDIR relative'
  check
  assert_exit 1
  assert_has 'Check complete, 1 warning has been found!'
  assert_has 'Relative workdir "relative" can have unexpected results if the base image changes'
}

@test "check: .dockerignore, a Dockerfile of another name, and one from standard input" {
  printf 'secret\n' >"$context/.dockerignore"
  printf 'FROM scratch\nCOPY secret /\n' >"$context/other"
  check -f "$context/other"
  assert_exit 1
  assert_has 'Attempting to Copy file "secret" that is excluded by .dockerignore'
  assert_line 'other:2'
  run bash -c 'printf "FROM scratch\nCMD x\n" | coracle build --check -'
  assert_exit 1
  assert_has 'JSON arguments recommended for CMD'
}

@test "check: errors are told as a build tells them" {
  dockerfile <<<$'FROM scratch\nFORM x'
  run coracle build --check "$context"
  assert_exit 1
  assert_has 'unknown instruction: FORM (did you mean FROM?)'
  assert_match '^ +2 \| >>> FORM x'
  dockerfile <<<$'FROM scratch\nMAINTAINER me\nSTOPSIGNAL SIGNOPE'
  run coracle build --check "$context"
  assert_exit 1
  assert_has 'Check complete, 1 warning has been found!'
  assert_has 'ERROR: failed to solve: invalid signal: SIGNOPE'
  assert_match '^ +3 \| >>> STOPSIGNAL SIGNOPE'
  run coracle build --call=outline "$context"
  assert_exit 1
  assert_has '--call outline is not supported: build and check are known'
}

@test "check: the directive skips rules, or makes errors of them, before anything runs" {
  dockerfile <<<$'# check=skip=JSONArgsRecommended\nFROM probe:1\nCMD x'
  check
  assert_exit 0
  dockerfile <<<$'# check=error=true\nFROM probe:1\nRUN write /run ran\nCMD x'
  check
  assert_exit 1
  assert_has 'Check complete, 1 warning has been found!'
  assert_stderr 'ERROR: failed to solve: lint violation found for rules: JSONArgsRecommended'
  before=$(images)
  run coracle build -t refused:1 "$context"
  assert_exit 1
  assert_has 'ERROR: failed to solve: lint violation found for rules: JSONArgsRecommended'
  refuse_has 'RUN write'
  [ "$(images)" = "$before" ]
  run coracle build -q --build-arg BUILDKIT_DOCKERFILE_CHECK=skip=all "$context"
  assert_exit 0
}

@test "build: warnings are below everything, and quiet where quiet was asked" {
  dockerfile <<<$'FROM probe:1 as x\nCMD sh'
  run coracle build --build-arg LOST=1 "$context"
  assert_exit 0
  assert_line ' 2 warnings found (use --check to expand):'
  assert_line " - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)"
  assert_line ' - JSONArgsRecommended: JSON arguments recommended for CMD to prevent unintended behavior related to OS signals (line 2)'
  assert_has '[Warning] One or more build-args [LOST] were not consumed'
  run coracle build -q "$context"
  assert_match '^sha256:[0-9a-f]{64}$'
  [ "${#lines[@]}" = 1 ]
  dockerfile <<<$'FROM probe:1\nRUN exit 3\nCMD sh'
  run coracle build "$context"
  assert_exit 1
  assert_line ' 1 warning found (use --check to expand):'
}

@test "build: STOPSIGNAL takes what docker takes" {
  dockerfile <<<$'FROM probe:1\nARG S=RTMIN+3\nSTOPSIGNAL SIG$S\nEXPOSE 127.0.0.1:8080:80/TCP'
  run coracle build -q -t signal:1 "$context"
  assert_exit 0
  run coracle image inspect -f '{{.Config.StopSignal}} {{json .Config.ExposedPorts}}' signal:1
  assert_line 'SIGRTMIN+3 {"80/tcp":{}}'
  run coracle build --build-arg S=NOPE "$context"
  assert_exit 1
  assert_has 'failed to solve: invalid signal: SIGNOPE'
}
