# diff and commit: what a container changed of its image's files, and an image made of it.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  HERE=$(mktemp -d "$WORK/here.XXXXXX")
  cd "$HERE"
}
teardown() { remove_containers; }
diff_has() { coracle diff box | grep -qxF -- "$1"; }

@test "diff: nothing was changed by a start alone" {
  coracle create --name never probe:1 true >/dev/null
  run coracle diff never
  assert_exit 0
  assert_output ''
  coracle run --name box -v data:/vol probe:1 true
  run coracle diff box
  assert_exit 0
  # Docker tells of the place of a volume that the image does not have.
  assert_output 'A /vol'
  run coracle diff nobody
  assert_exit 1
  assert_output 'Error: No such container: nobody'
  coracle rm box >/dev/null
  coracle volume rm data
}

@test "diff: added, changed, deleted, in Docker's order, running and stopped" {
  coracle run -d --name box probe:1 sh -c 'write /data/file changed && mkdir /data/new && write /data/new/inner x && write /etc/added x && rm /bin/text && rm /home/user && write /root/dot x && rm /root/dot && sleep' >/dev/null
  wait_until diff_has 'C /root'
  want=$'C /bin\nD /bin/text\nC /data\nC /data/file\nA /data/new\nA /data/new/inner\nC /etc\nA /etc/added\nC /home\nD /home/user\nC /root'
  run coracle diff box
  assert_output "$want"
  coracle kill box >/dev/null
  coracle wait box >/dev/null
  run coracle diff box
  assert_output "$want"
}

@test "diff: a folder that was deleted and made again tells what is missing in it" {
  printf 'FROM probe:1\nRUN mkdir /work && mkdir /work/old && write /work/old/file x && write /work/kept x\n' >Dockerfile
  coracle build -q -t diffed:1 . >/dev/null
  coracle run --name box diffed:1 sh -c 'rm /work/old/file && rm /work/old && rm /work/kept && rm /work && mkdir /work && write /work/kept y && write /work/new z'
  run coracle diff box
  assert_output $'C /work\nC /work/kept\nA /work/new\nD /work/old'
}

@test "commit: files, settings, history, event; save, load and run treat it as any image" {
  coracle run -d --name box -e ONE=1 -w /data -l a=b -v data:/vol probe:1 sh -c \
    'write /data/file changed && write /data/new x && rm /bin/text && write /vol/secret x && say ready && sleep' >/dev/null
  wait_until logs_have box ready
  run coracle commit -a 'Me <me@here>' -m 'a message' -c 'CMD ["cat", "/data/file"]' -c 'ENV TWO=2' -c 'EXPOSE 80' box kept:1
  assert_exit 0
  assert_match '^sha256:[0-9a-f]{64}$'
  [ "$output" = "$(coracle images -q --no-trunc kept:1)" ]
  run coracle ps --format '{{.State}}'
  assert_output running
  run coracle run --rm kept:1
  assert_output changed
  run coracle run --rm kept:1 cat /bin/text
  assert_exit 1
  run coracle run --rm kept:1 ls /vol
  assert_output ''
  run coracle image inspect -f \
    '{{.Author}} {{.Config.Env}} {{.Config.WorkingDir}} {{.Config.Labels}} {{json .Config.ExposedPorts}} {{.Config.Cmd}}' kept:1
  assert_has 'Me <me@here>'
  assert_has 'ONE=1 TWO=2'
  assert_has '/data map[a:b]'
  assert_has '80/tcp'
  assert_has '[cat /data/file]'
  run coracle history --no-trunc --format '{{.CreatedBy}}|{{.Comment}}' kept:1
  assert_match '^write /data/file changed.*\|a message$|^-c write.*\|a message$|\|a message$'
  # Places to mount on are no change.
  coracle save kept:1 -o kept.tar
  layer=$(tar -xOf kept.tar manifest.json | jq -r '.[0].Layers[-1]')
  run bash -c "tar -xOf kept.tar '$layer' | gzip -dc | tar -tf -"
  assert_line data/new
  assert_line bin/.wh.text
  refuse_has etc/hosts
  refuse_has secret
  id=$(coracle images -q --no-trunc kept:1)
  coracle rm -f box >/dev/null
  coracle rmi -f kept:1 >/dev/null
  coracle load -qi kept.tar >/dev/null
  [ "$(coracle images -q --no-trunc kept:1)" = "$id" ]
  run coracle events --since 10m --until 0s --filter event=commit --format '{{.Actor.Attributes.name}} {{.Actor.Attributes.imageRef}}'
  assert_match '^box .*kept:1$'
  coracle volume rm data
}

@test "commit: without a change, of a container that never ran, without a name; what cannot be done" {
  coracle create --name box probe:1 say one '' >/dev/null
  layers=$(coracle image inspect -f '{{len .RootFS.Layers}}' probe:1)
  id=$(coracle commit box)
  run coracle image inspect -f '{{len .RootFS.Layers}}' "$id"
  assert_output "$layers"
  run coracle run --rm "$id"
  assert_has one
  run coracle commit -c 'RUN true' box
  assert_exit 1
  assert_has 'RUN is not a valid change command'
  run coracle commit nobody
  assert_exit 1
  assert_output 'Error: commit nobody: No such container: nobody' || assert_output 'Error: No such container: nobody'
  run coracle commit box 'Bad Name'
  assert_exit 1
  # Another layer of nothing but the same image, and again.
  coracle commit box again:1 >/dev/null
  coracle run --name next again:1 write /data/x y
  coracle commit next again:2 >/dev/null
  run coracle run --rm again:2 cat /data/x
  assert_output y
  coracle rm next >/dev/null
}

is_frozen() { coracle ps --format '{{.State}}' | grep -qx paused; }
is_running() { coracle ps --format '{{.State}}' | grep -qx running; }

@test "commit: the container stands still meanwhile, and goes on when the command is killed" {
  coracle run -d --name box probe:1 sleep >/dev/null
  # What does not compress takes long enough to look at.
  head -c 80M /dev/urandom >big
  coracle cp big box:/data/big
  background log bash -c "echo \$\$ >pid; exec '$TOP/build/bin/coracle' commit box slow:1"
  wait_until is_frozen
  inside kill -KILL "$(cat pid)"
  wait_until is_running
  run coracle exec box say alive ''
  assert_has alive
  # The same of all its processes at once, the guard's among them, where they can be reached as a group.
  background log bash -c "echo \$\$ >pid; exec '$TOP/build/bin/coracle' commit box slow:1"
  wait_until is_frozen
  inside bash -c 'kill -KILL -- -$(cat pid)' || true
  wait_until is_running
  # And without --pause it never does.
  background log "$TOP/build/bin/coracle" commit --pause=false box slow:2
  while ! coracle images -q slow:2 | grep -q .; do
    run coracle ps --format '{{.State}}'
    assert_output running
  done
  # One that was paused before stays so.
  coracle pause box >/dev/null
  coracle commit box slow:3 >/dev/null
  is_frozen
  run coracle diff box
  assert_line 'A /data/big'
}
