# The build cache is exact: what changes nothing in the result is a hit, everything else a miss.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  context=$WORK/context
  rm -rf "$context"
  mkdir -p "$context/folder"
  echo content >"$context/file"
  echo inside >"$context/folder/inside"
  ln -s file "$context/link"
  printf 'Dockerfile\nignored\n' >"$context/.dockerignore"
}

dockerfile() { cat >"$context/Dockerfile"; }
build() {
  run coracle build --progress plain "$@" "$context"
  assert_exit 0
}
# hits WORD… : of the steps that have run or been found, those whose text begins with a WORD were CACHED; misses: were not.
_is_cached() {
  local number
  number=$(grep -oE "^#[0-9]+ \[[^]]*\] $1" <<<"$output" | tail -n 1 | cut -d' ' -f1)
  [ -n "$number" ] || { _mismatch "there is no step $1"; return 2; }
  grep -qxF "$number CACHED" <<<"$output"
}
hits() {
  local word
  for word; do _is_cached "$word" || _mismatch "$word was not found in the cache"; done
}
misses() {
  local word
  for word; do
    local code=0
    _is_cached "$word" || code=$?
    [ "$code" -eq 1 ] || _mismatch "$word was found in the cache"
  done
}

@test "cache: of the context, times and what is ignored are no change; contents, modes, targets and names are" {
  dockerfile <<<$'FROM probe:1\nCOPY . /all/\nRUN write /made x'
  build
  misses COPY RUN
  build
  hits COPY RUN
  touch -d 2001-01-01 "$context/file" "$context/folder/inside" "$context/folder"
  touch -h -d 2001-01-01 "$context/link"
  echo new >"$context/ignored"
  # A file of anybody's is root's in the image.
  chown 1000:1000 "$context/file" "$context/folder"
  # The same bytes in another file.
  cp "$context/file" "$context/copy" && mv "$context/copy" "$context/file"
  build
  hits COPY RUN
  # Of the same size, and with the old time.
  echo CONTENT >"$context/file"
  touch -d 2001-01-01 "$context/file"
  build
  misses COPY RUN
  echo content >"$context/file"
  build
  hits COPY RUN
  chmod 600 "$context/folder/inside"
  build
  misses COPY RUN
  chmod 700 "$context/folder"
  build
  misses COPY RUN
  ln -sfn folder/inside "$context/link"
  build
  misses COPY RUN
  mv "$context/folder/inside" "$context/folder/renamed"
  build
  misses COPY RUN
  mkdir "$context/empty"
  build
  misses COPY RUN
  rm "$context/link"
  build
  misses COPY
}

@test "cache: a COPY knows of the files that it names, and of no others" {
  dockerfile <<<$'FROM probe:1\nCOPY file /file\nCOPY fol*/ins* /dir/'
  build
  echo other >"$context/folder/outside"
  build
  hits 'COPY file' 'COPY fol'
  echo more >"$context/folder/inside-too"
  build
  hits 'COPY file'
  misses 'COPY fol'
}

@test "cache: of a stage, owners count, too; and the same files from another way are a hit" {
  dockerfile <<'FILE'
FROM probe:1 AS one
ARG OWNER=1 TEXT=same
COPY --chown=$OWNER file /out/file
RUN write /elsewhere $TEXT
FROM probe:1
COPY --from=one /out /out/
RUN write /made x
FILE
  build
  misses 'COPY --from' 'RUN write /made'
  build --build-arg OWNER=2
  misses 'COPY --chown' 'COPY --from' 'RUN write /made'
  build
  hits 'COPY --chown' 'COPY --from' 'RUN write /made'
  build --build-arg TEXT=other
  misses 'RUN write /elsewhere'
  hits 'COPY --chown' 'COPY --from' 'RUN write /made'
}

@test "cache: an argument counts for the RUNs behind its line, and where a word has it" {
  dockerfile <<'FILE'
FROM probe:1
RUN write /before x
ARG USED=a
RUN write /after x
ARG NAME=file
COPY $NAME /copied
ARG LATE=a
LABEL late=$LATE
FILE
  build
  build --build-arg NOBODY=b --build-arg HTTP_PROXY=http://x
  hits 'RUN write /before' 'RUN write /after' COPY
  build --build-arg LATE=b
  hits 'RUN write /before' 'RUN write /after' COPY
  # (What COPY finds below it depends on the second in which the RUN wrote its file again.)
  build --build-arg USED=b
  hits 'RUN write /before'
  misses 'RUN write /after'
  build --build-arg NAME=folder/inside
  hits 'RUN write /before' 'RUN write /after'
  misses COPY
  # Nothing runs behind it, and no word has it.
  dockerfile <<<$'FROM probe:1\nARG UNUSED=a\nCOPY file /unused'
  build
  build --build-arg UNUSED=b
  hits COPY
}

@test "cache: ENV, USER, WORKDIR and SHELL count for RUN; comments, blanks and labels behind it do not" {
  dockerfile <<<$'FROM probe:1\nENV A=1\nRUN write /made y'
  build
  dockerfile <<<$'# comment\n\nfrom   probe:1\n\nENV A="1"\nrun write /made y\nLABEL a=b'
  build
  hits RUN
  for line in 'ENV A=2' 'USER 0:0' 'WORKDIR /bin' 'SHELL ["/bin/sh", "-c", ""]' 'ENV A=1 B=2'; do
    dockerfile <<<$'FROM probe:1\nENV A=1\n'"$line"$'\nRUN write /made y'
    coracle build -q "$context" >/dev/null || true
    build
    hits RUN
    coracle builder prune -af >/dev/null
    dockerfile <<<$'FROM probe:1\nENV A=1\nRUN write /made y'
    build
    misses RUN
    dockerfile <<<$'FROM probe:1\nENV A=1\n'"$line"$'\nRUN write /made y'
    build
    misses RUN
  done
}

@test "cache: another base image under the same name is another build" {
  coracle build -q -t base:1 - >/dev/null <<<$'FROM probe:1\nRUN write /base one'
  dockerfile <<<$'FROM base:1\nCOPY file /file\nRUN cat /base\nCOPY --from=base:1 /base /again'
  build
  build
  hits 'COPY file' RUN 'COPY --from'
  coracle build -q -t base:1 - >/dev/null <<<$'FROM probe:1\nRUN write /base two'
  build
  misses 'COPY file' RUN 'COPY --from'
  assert_match '^#[0-9]+ [0-9.]+ two$'
}
