# image build: the same inputs give the same bytes on any machine, and an unchanged context is not read.
load helper
load build_helper

setup_file() { sandbox_up && import_probe && coracle save -o "$WORK/probe.tar" probe:1; }
setup() { rm -rf "$WORK/one" "$WORK/two" "$WORK/out"; mkdir "$WORK/out"; }
other() { coracle --root "$WORK/other/root" --run-root "$WORK/other/run" "$@"; }

# make_context FOLDER DATE NAME…: the same files, made in the order of the names.
make_context() {
  local folder=$1 date=$2 name
  shift 2
  mkdir -p "$folder/tree/inner"
  for name; do
    echo "text of $name" >"$folder/tree/$name"
    echo "inner $name" >"$folder/tree/inner/$name"
    ln -s "$name" "$folder/tree/link-$name"
  done
  tar -C "$folder/tree" --sort=name --mtime=@1000000000 --owner=0 --group=0 -cf "$folder/archive.tar" inner
  cat >"$folder/Dockerfile" <<'END'
FROM probe:1 AS made
RUN write /made made
FROM probe:1
WORKDIR /work
COPY tree ./tree
COPY --chown=7:8 --chmod=640 tree/[ab] /owned/
COPY --link tree/inner /linked
ADD archive.tar /unpacked
COPY --from=made /made .
COPY <<EOF /heredoc
text
EOF
RUN write /last x
LABEL made=twice
END
  find "$folder" -exec touch -h -d "$date" {} +
}

@test "build: another folder, umask, order, other times and another store: the same archive to the bit" {
  make_context "$WORK/one/here" 2001-02-03 a b c d
  make_context "$WORK/two/there/deeper" 2020-11-12T13:14:15 d c b a
  other load -qi "$WORK/probe.tar"
  (umask 077 && SOURCE_DATE_EPOCH=1600000000 coracle build -q -t same:1 -o "type=oci,dest=$WORK/out/one" \
    -o "type=tar,dest=$WORK/out/one.tar" "$WORK/one/here")
  (umask 002 && cd "$WORK/two/there/deeper" && other build -q -t same:1 --build-arg SOURCE_DATE_EPOCH=1600000000 \
    -o "type=oci,dest=$WORK/out/two,rewrite-timestamp=true" -o "type=tar,dest=$WORK/out/two.tar" .)
  cmp "$WORK/out/one" "$WORK/out/two"
  cmp "$WORK/out/one.tar" "$WORK/out/two.tar"
  # No time that the build gave is another than the epoch; what ADD unpacks keeps its own.
  run tar -tvf "$WORK/out/one.tar" --full-time --utc work/tree/a linked/a owned/b work/made heredoc last unpacked/inner/a
  [ "$(grep -c '2020-09-13 12:26:40' <<<"$output")" -eq 6 ] || _mismatch times
  assert_match '2001-09-09 01:46:40 unpacked/inner/a'
  run bash -c 'tar -xOf "$1" index.json | jq -r ".manifests[0].digest"' - "$WORK/out/one"
  assert_match '^sha256:'
}

@test "build: the same twice without the cache, compressed as asked, and one bit of difference is one" {
  make_context "$WORK/one" 2001-02-03 a b
  for turn in 1 2; do
    SOURCE_DATE_EPOCH=1600000000 coracle build -q --no-cache -o "type=oci,dest=$WORK/out/$turn,compression=zstd" "$WORK/one"
  done
  cmp "$WORK/out/1" "$WORK/out/2"
  chmod 600 "$WORK/one/tree/a"
  SOURCE_DATE_EPOCH=1600000000 coracle build -q -o "type=oci,dest=$WORK/out/3,compression=zstd" "$WORK/one"
  ! cmp -s "$WORK/out/1" "$WORK/out/3"
  SOURCE_DATE_EPOCH=1600000001 coracle build -q -o "type=oci,dest=$WORK/out/4,compression=zstd" "$WORK/one"
  ! cmp -s "$WORK/out/3" "$WORK/out/4"
}

@test "build: rewrite-timestamp without an epoch is told" {
  make_context "$WORK/one" 2001-02-03 a b
  run coracle build -o "type=oci,dest=$WORK/out/1,rewrite-timestamp=true" "$WORK/one"
  assert_exit 0
  assert_has 'WARNING: rewrite-timestamp is specified, but no source-date-epoch was found'
}

@test "build: an unchanged context is not read: none of its files is opened" {
  make_context "$WORK/one" 2001-02-03 first second
  # Hashed by now would not be remembered: the kernel's clock for files ticks in milliseconds.
  sleep 0.1
  coracle build -q "$WORK/one"
  run inside strace -f -qq -e trace=open,openat,openat2 -o "$WORK/trace" coracle build -q "$WORK/one"
  assert_exit 0
  file_has "$WORK/trace" 'Dockerfile'
  ! grep -E '"([^"]*/)?(first|second|archive\.tar)"' "$WORK/trace"
  echo changed >"$WORK/one/tree/first"
  run inside strace -f -qq -e trace=open,openat,openat2 -o "$WORK/trace" coracle build -q "$WORK/one"
  file_has "$WORK/trace" '"([^"]*/)?first"'
}
