# Commands about local images and the room they take: history, filters, trees, prunes, df, export.
load helper

setup_file() { sandbox_up && import_probe && make_family; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

# "parent:1" with two steps above probe:1, labelled; "child:1" on it.
make_family() {
  mkdir -p "$WORK/parent" "$WORK/child"
  head -c 30000 /dev/zero >"$WORK/parent/zeroes"
  printf 'FROM probe:1\nLABEL kind=music place=here\nCOPY zeroes /zeroes\nENV A="a\tvery long text that is longer than a table may be"\n' \
    >"$WORK/parent/Dockerfile"
  printf 'FROM parent:1\nCOPY Dockerfile /child\n' >"$WORK/child/Dockerfile"
  coracle build -q -t parent:1 "$WORK/parent" >/dev/null && coracle build -q -t child:1 "$WORK/child" >/dev/null
}

names() { coracle images --format '{{.Repository}}:{{.Tag}}' "$@"; }

@test "history: a step a line, newest first, with sizes and comments" {
  run coracle history parent:1
  assert_exit 0
  [[ ${lines[0]} =~ ^IMAGE\ +CREATED\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
  [ "${#lines[@]}" -eq 5 ]
  id=$(coracle images -q parent:1)
  [[ ${lines[1]} == "$id "*" ago "* ]]
  for line in "${lines[@]:2}"; do [[ $line == '<missing> '* ]]; done
  assert_match '^<missing> .*COPY zeroes /zeroes.* +30kB '
  assert_match ' +Imported from -$'
  run coracle history --format '{{.CreatedBy}}' parent:1
  # 45 characters: the last has three bytes.
  ! LC_ALL=C grep -qE '^.{48}' <<<"$output"
  assert_match '^[^…]{44}…$'
  refuse_has $'\t'
  run coracle image history --no-trunc --format '{{.CreatedBy}}' parent:1
  assert_has 'very long text that is longer than a table may be'
}

@test "history: -q, -H=false, --no-trunc, json, what is wrong" {
  id=$(coracle images -q --no-trunc child:1)
  run coracle history -q --no-trunc child:1
  [ "${lines[0]}" = "$id" ]
  [ "${lines[1]}" = '<missing>' ]
  run coracle history -H=false child:1
  [[ ${lines[0]} =~ ^IMAGE\ +CREATED\ AT\ +CREATED\ BY\ +SIZE\ +COMMENT$ ]]
  assert_match '^[0-9a-f]{12} +20[0-9-]{8}T[0-9:]{8}Z .* [0-9]+ '
  assert_match ' 30000 '
  run coracle history --format json parent:1
  assert_match '^\{"Comment":".*","CreatedAt":"20.*Z","CreatedBy":".*","CreatedSince":".* ago","ID":"[0-9a-f]{12}","Size":"0B"\}$'
  run coracle history nosuch
  assert_exit 1
  assert_output 'Error: No such image: nosuch:latest'
  run coracle history --format '{{.Foo}}' parent:1
  assert_exit 1
  assert_has "can't evaluate field Foo in type *formatter.historyContext"
  run coracle history
  assert_exit 125
  assert_has "'coracle history' requires 1 argument"
}

@test "images --filter: reference, label, before, since, until, and several" {
  coracle tag parent:1 ghcr.io/me/parent:v1
  run names --filter 'reference=p*'
  assert_output $'parent:1\nprobe:1'
  run names 'ghcr.io/*/parent'
  assert_output 'ghcr.io/me/parent:v1'
  run names --filter reference='*:1' --filter reference=ghcr.io/me/parent --filter label=place=here
  assert_output $'child:1\nparent:1\nghcr.io/me/parent:v1'
  run names docker.io/library/parent:1
  assert_output parent:1
  run names docker.io/library/parent:2
  assert_output ''
  run names --filter label=kind=music --filter reference=child
  assert_output 'child:1'
  run names --filter label!=kind
  assert_output probe:1
  run names --filter label=kind --filter label=kind=text
  assert_output ''
  run names --filter before=child:1 --filter reference='*'
  assert_output $'parent:1\nprobe:1'
  run names --filter since=probe:1 --filter before=child:1
  assert_output $'parent:1\nghcr.io/me/parent:v1'
  run names --filter since="$(coracle images -q parent:1)"
  assert_output child:1
  run names --filter until=1h
  assert_output ''
  run names --filter until=2200-01-01 child
  assert_output child:1
  coracle rmi ghcr.io/me/parent:v1
}

@test "images --filter: Docker's words for what is wrong" {
  run coracle images --filter nonsense=1
  assert_exit 1
  assert_output "Error: invalid filter 'nonsense'"
  run coracle images --filter dangling=maybe
  assert_output "Error: invalid filter 'dangling=[maybe]'"
  run coracle images --filter dangling
  assert_exit 125
  assert_has 'invalid argument "dangling" for "-f, --filter" flag: bad format of filter (expected name=value)'
  run coracle images --filter before=nosuch
  assert_exit 1
  assert_output 'Error: No such image: nosuch:latest'
  run coracle images --filter until=tomorrow
  assert_output 'Error: failed to parse value as time or duration: "tomorrow"'
  run coracle images --filter reference='[x'
  assert_exit 1
  assert_has 'syntax error in pattern'
}

@test "images --tree: names, platform, sizes, use" {
  coracle tag child:1 child:two
  coracle create --name user child:1 true
  run coracle images --tree child
  assert_exit 0
  [[ ${lines[0]} =~ ^IMAGE\ +ID\ +DISK\ USAGE\ +CONTENT\ SIZE\ +USED$ ]]
  [[ ${lines[1]} =~ ^child:1\ *$ ]]
  assert_match "^child:two +$(coracle images -q child:two) +[0-9.]+kB +[0-9.]+kB +✔ "
  assert_match '^└─ linux/[a-z0-9/]+ +[0-9a-f]{12} +[0-9.]+kB +[0-9.]+kB '
  [ "${#lines[@]}" -eq 4 ]
  run coracle images --tree -q
  assert_exit 1
  assert_output 'Error: --quiet is not yet supported with --tree'
  run on_terminal 24 40 -- "$TOP/build/bin/coracle" images --tree child
  refuse_has 'CONTENT SIZE'
  coracle rmi child:two
}

@test "image prune: dangling ones, and with -a all that no container was made of" {
  coracle tag probe:1 first:1
  tar -C "$WORK/probe.root" -cf "$WORK/one.tar" etc
  tar -C "$WORK/probe.root" -cf "$WORK/two.tar" etc data
  old=$(coracle import "$WORK/one.tar" moving:1)
  coracle import "$WORK/two.tar" moving:1
  coracle tag moving:1 moved:1
  run coracle images -q --no-trunc --filter dangling=true
  assert_output "$old"
  run inside bash -c 'echo no | coracle image prune'
  assert_exit 0
  assert_output $'WARNING! This will remove all dangling images.\nAre you sure you want to continue? [y/N] '
  run coracle image prune -f --filter until=1h
  assert_output 'Total reclaimed space: 0B'
  run inside bash -c 'echo " Y " | coracle image prune'
  assert_line "deleted: $old"
  assert_match '^Total reclaimed space: [1-9][0-9.]*k?B$'
  coracle create --name user moved:1 true
  run coracle image prune -af --filter label=kind=text
  assert_output 'Total reclaimed space: 0B'
  # Used under one name, kept under all.
  run coracle image prune -af --filter label!=kind
  assert_line 'untagged: first:1'
  assert_line 'untagged: probe:1'
  refuse_has 'untagged: mov'
  run coracle image prune -f --filter nonsense=1
  assert_exit 1
  assert_output "Error: invalid filter 'nonsense'"
  coracle rm user
  coracle rmi moving:1 moved:1
  import_probe
}

@test "export: one tree, with hard links, attributes, devices and long names; what was removed is gone" {
  folder=$WORK/rich
  mkdir -p "$folder/dir"
  cp "$WORK/probe.root/bin/probe" "$folder/probe"
  ln "$folder/probe" "$folder/dir/probe"
  ln -s ../probe "$folder/dir/link"
  mknod "$folder/null" c 1 3
  mkfifo "$folder/fifo"
  setfattr -n user.note -v hello "$folder/dir"
  echo old >"$folder/gone"
  mkdir "$folder/hidden"
  echo old >"$folder/hidden/old"
  touch -d 2020-01-02T03:04:05Z "$folder/$(printf 'n%.0s' {1..200})"
  chown 7:8 "$folder/gone"
  tar -C "$folder" --xattrs --xattrs-include='user.*' -cf "$WORK/rich.tar" .
  coracle import "$WORK/rich.tar" rich:1
  # Never started: what the image has.
  coracle create --name fresh rich:1 /probe
  coracle export fresh >"$WORK/fresh.tar"
  run tar -tf "$WORK/fresh.tar"
  assert_line gone
  assert_line hidden/old
  coracle run -d --name used -v /volume rich:1 /probe hold
  coracle exec used /probe rm /gone
  coracle exec used /probe write /new text
  coracle exec used /probe write /volume/inside text
  coracle kill used
  run coracle export -o "$WORK/used.tar" used
  assert_exit 0
  assert_output ''
  [ "$(stat -c %a "$WORK/used.tar")" = 600 ]
  run tar --numeric-owner -tvf "$WORK/used.tar"
  refuse_has ' gone'
  refuse_has '.wh.'
  refuse_has volume/inside
  assert_match ' new$'
  assert_match '^crw.* 0/0 +1,3 .* null$'
  assert_match '^prw.* fifo$'
  assert_match '^hr.* probe link to dir/probe$'
  assert_match '^-rw.* 2020-01-02 .* n{200}$'
  assert_match '^drwx.* volume/$'
  mkdir "$WORK/unpacked"
  tar -C "$WORK/unpacked" --xattrs --xattrs-include='user.*' -xf "$WORK/used.tar"
  run getfattr --absolute-names --only-values -n user.note "$WORK/unpacked/dir"
  assert_output hello
  # The way back.
  coracle import --change 'CMD ["/probe","true"]' "$WORK/used.tar" again:1
  coracle run --rm again:1 /probe true
  coracle rm fresh used
  coracle rmi rich:1 again:1
}

@test "export: of a running container; to a pipe, a full disk, a terminal, a wrong place" {
  coracle run -d --name runner probe:1 hold
  coracle exec runner write /fresh text
  run inside bash -c 'coracle export runner | tar -xO fresh'
  assert_output text
  run coracle export nosuch
  assert_exit 1
  assert_output 'Error: No such container: nosuch'
  run inside bash -c 'coracle export runner >/dev/full'
  assert_exit 1
  assert_has 'No space left on device'
  run coracle export -o "$WORK/no/where.tar" runner
  assert_exit 1
  assert_output "Error: open $WORK/no/where.tar: No such file or directory"
  run coracle export -o "$WORK" runner
  assert_exit 1
  assert_has 'is a folder'
  run on_terminal 24 80 -- "$TOP/build/bin/coracle" export runner
  assert_has 'cowardly refusing to save to a terminal. Use the -o flag or redirect'
  # What cannot be written whole leaves the older file.
  mkdir "$WORK/small"
  inside mount -t tmpfs -o size=100k tmpfs "$WORK/small"
  inside bash -c 'echo older >"$WORK/small/out.tar"'
  run coracle export -o "$WORK/small/out.tar" runner
  assert_exit 1
  assert_has 'No space left on device'
  run inside ls -A "$WORK/small"
  assert_output out.tar
  run inside cat "$WORK/small/out.tar"
  assert_output older
  run coracle save -o "$WORK/small/out.tar" probe:1
  assert_exit 1
  run inside ls -A "$WORK/small"
  assert_output out.tar
  inside umount "$WORK/small"
}

@test "rmi and prune: images that are known by digest, by tag and digest, by nothing else" {
  local registry=localhost:5002
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/registry-data" "$registry" >"$WORK/registry.yml"
  background "$WORK/registry.log" docker-registry serve "$WORK/registry.yml"
  wait_until inside curl --silent -o /dev/null "http://$registry/v2/"
  tar -C "$WORK/probe.root" -cf "$WORK/other.tar" etc data bin
  coracle import "$WORK/other.tar" "$registry/me/other:1"
  coracle push -q "$registry/me/other:1"
  coracle rmi "$registry/me/other:1"
  coracle pull -q "$registry/me/other:1"
  digest=$(coracle images --format '{{.Digest}}' "$registry/me/other")
  [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]
  id=$(coracle images -q --no-trunc "$registry/me/other@$digest")
  # By digest while there is a tag: the digest alone goes.
  run coracle rmi "$registry/me/other@$digest"
  assert_exit 0
  assert_output "Untagged: $registry/me/other@$digest"
  coracle pull -q "$registry/me/other:1"
  # The tag takes the digest with it.
  run coracle rmi "$registry/me/other:1"
  [ "${lines[0]}" = "Untagged: $registry/me/other:1" ]
  [ "${lines[1]}" = "Untagged: $registry/me/other@$digest" ]
  [ "${lines[2]}" = "Deleted: $id" ]
  # Known by digest alone.
  coracle pull -q "$registry/me/other@$digest"
  run coracle images --digests --format '{{.Repository}} {{.Tag}} {{.Digest}}' --filter dangling=true
  assert_output "$registry/me/other <none> $digest"
  coracle create --name user "$registry/me/other@$digest" true
  run coracle rmi "$registry/me/other@$digest"
  assert_exit 1
  assert_match 'conflict: unable to remove repository reference ".*@sha256:.*" \(must force\) - container [0-9a-f]{12} is using its referenced image [0-9a-f]{12}'
  run coracle image prune -f
  assert_output 'Total reclaimed space: 0B'
  coracle rm user
  # A tag elsewhere: it does not dangle.
  coracle tag "$registry/me/other@$digest" local:1
  run coracle image prune -f
  assert_output 'Total reclaimed space: 0B'
  run coracle rmi "$id"
  assert_exit 1
  assert_has "conflict: unable to delete ${id:7:12} (must be forced) - image is referenced in multiple repositories"
  coracle rmi local:1
  run coracle image prune -f
  [ "${lines[0]}" = 'Deleted Images:' ]
  [ "${lines[1]}" = "untagged: $registry/me/other@$digest" ]
  [ "${lines[2]}" = "deleted: $id" ]
  run coracle rmi "$registry/me/other@$digest"
  assert_exit 1
  assert_output "Error: No such image: $registry/me/other@$digest"
}

@test "export: killed in the middle, it leaves nothing in the folder" {
  mkdir "$WORK/out"
  head -c 200000000 /dev/zero >"$WORK/parent/zeroes"
  tar -C "$WORK/parent" -cf "$WORK/big.tar" zeroes
  coracle import "$WORK/big.tar" big:1
  coracle create --name big big:1 true
  rm "$WORK/parent/zeroes" "$WORK/big.tar"
  for command in 'export -o out/export.tar big'; do
    # The limit of a file's size: first as an error of write(2), then as the signal that kills it there.
    run inside bash -c "cd '$WORK' && (ulimit -f 20000; trap '' XFSZ; exec coracle $command)"
    [ "$status" -ne 0 ]
    run inside bash -c "cd '$WORK' && (ulimit -f 20000; exec coracle $command)"
    [ "$status" -ne 0 ]
    run ls -A "$WORK/out"
    assert_output ''
  done
  coracle rm big
  coracle rmi big:1
}
