# cp: files between a container and the host, running or not, by Docker's rules.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
setup() {
  HERE=$(mktemp -d "$WORK/here.XXXXXX")
  cd "$HERE"
}
teardown() { remove_containers; }

box() { coracle run -d --name box "$@" >/dev/null; }
read_box() { coracle exec box cat "$1"; }
# The tree in an archive of a folder of box: names and kinds.
names_in() { coracle cp "box:$1" - | tar -tf - | sort; }

# Docker's table of sources and destinations; $1 says what it is tried on.
try_rules() {
  mkdir -p src/sub
  echo one >file
  echo two >src/sub/inner
  coracle cp file box:/data/absent
  coracle cp file box:/data/absent
  [ "$(names_in /data/absent)" = absent ]
  run coracle cp file box:/data/none/
  assert_exit 1
  assert_output 'Error: no such directory'
  run coracle cp file box:/data/file/
  assert_exit 1
  assert_output 'Error: not a directory'
  run coracle cp file box:/no/where
  assert_exit 1
  assert_output 'Error: Could not find the file /no/where in container box'
  coracle cp file box:/home
  coracle cp src box:/data/new
  coracle cp src box:/home
  coracle cp src/. box:/root
  run names_in /data/new
  assert_output $'new/\nnew/sub/\nnew/sub/inner'
  run names_in /home
  assert_output $'home/\nhome/file\nhome/src/\nhome/src/sub/\nhome/src/sub/inner\nhome/user/'
  run names_in /root
  assert_output $'root/\nroot/sub/\nroot/sub/inner'
  run coracle cp src box:/data/file
  assert_exit 1
  assert_output 'Error: cannot copy directory'
  # A folder and a file never take each other's place.
  coracle cp file box:/home/src/sub/inner
  mkdir -p other/sub/inner
  run coracle cp other/. box:/home/src
  assert_exit 1
  assert_has 'cannot overwrite non-directory "sub/inner" with directory "inner"'
  mkdir -p third
  echo x >third/sub
  run coracle cp third/. box:/home/src
  assert_exit 1
  assert_has 'cannot overwrite directory "sub" with non-directory "sub"'

  coracle cp box:/data/file got
  [ "$(cat got)" = 'text of the image' ]
  mkdir place
  coracle cp box:/data/file place
  coracle cp box:/data/new place
  coracle cp box:/data/new/. place
  coracle cp box:/data/new fresh
  [ "$(cat place/file)" = 'text of the image' ]
  [ "$(cat place/new/sub/inner)" = two ]
  [ "$(cat place/sub/inner)" = two ]
  [ "$(cat fresh/sub/inner)" = two ]
  run coracle cp box:/nothing .
  assert_exit 1
  assert_output 'Error: Could not find the file /nothing in container box'
  run coracle cp box:/data/file nowhere/x
  assert_exit 1
  assert_output "Error: invalid output path: directory \"$HERE/nowhere\" does not exist"
  run coracle cp box:/data/file none/
  assert_exit 1
  run coracle cp box:/data/new got
  assert_exit 1
  assert_output 'Error: cannot copy directory'
}

@test "cp: each of Docker's rules, with a running container" {
  box probe:1 sleep
  try_rules
  run read_box /data/absent
  assert_output one
  # It goes by the beginning of an id too.
  coracle cp file "$(coracle ps -q | cut -c1-5):/data/byid"
  run read_box /data/byid
  assert_output one
}

@test "cp: each of Docker's rules, with one that was never started, and a start sees what came" {
  coracle create --name box probe:1 cat /data/absent >/dev/null
  try_rules
  run coracle start -a box
  assert_output one
  coracle cp box:/home after
  [ -e after/user ]
}

@test "cp: what is said, and to whom" {
  box probe:1 sleep
  echo text >file
  run --separate-stderr coracle cp file box:/data/file
  assert_exit 0
  assert_output ''
  [ -z "$stderr" ]
  run --separate-stderr coracle cp -q=false file box:/data/file
  [ "$stderr" = 'Successfully copied 2.05kB to box:/data/file' ]
  run --separate-stderr coracle cp -q=false box:/data/file .
  [ "$stderr" = "Successfully copied 2.05kB to $HERE" ]
  run on_terminal 24 80 -- "$TOP/build/bin/coracle" cp file box:/data/file
  assert_has 'Successfully copied 2.05kB to box:/data/file'
  run on_terminal 24 80 -- "$TOP/build/bin/coracle" cp -q file box:/data/file
  refuse_has Successfully
  run coracle cp file other
  assert_exit 1
  assert_output 'Error: must specify at least one container source'
  run coracle cp box:/a box:/b
  assert_exit 1
  assert_output 'Error: copying between containers is not supported'
  run coracle cp '' box:/b
  assert_output 'Error: source can not be empty'
  run coracle cp file ''
  assert_output 'Error: destination can not be empty'
  run coracle cp none box:/data
  assert_exit 1
  assert_output "Error: lstat $HERE/none: no such file or directory"
  run coracle cp file nobody:/data
  assert_exit 1
  assert_output 'Error: No such container: nobody'
  run coracle cp ./box:file box:/data
  assert_output "Error: lstat $HERE/box:file: no such file or directory"
  run coracle cp file box:/dev/null
  assert_output 'Error: destination "box:/dev/null" must be a directory or regular file'
  run coracle cp box:/data/file /dev/null
  assert_output 'Error: invalid output path: "/dev/null" must be a directory or a regular file: got a device'
  run coracle cp box:/proc/meminfo .
  assert_output 'Error: Could not find the file /proc/meminfo in container box'
}

@test "cp -: archives out and in, compressed ones too" {
  box probe:1 sleep
  mkdir -p tree/deep
  echo one >tree/deep/one
  tar -cf tree.tar tree
  inside bash -c 'coracle cp - box:/data <tree.tar'
  gzip tree.tar
  inside bash -c 'coracle cp - box:/home <tree.tar.gz'
  run read_box /data/tree/deep/one
  assert_output one
  run read_box /home/tree/deep/one
  assert_output one
  run inside bash -c 'coracle cp box:/data/tree - | tar -xOf - tree/deep/one'
  assert_output one
  run inside bash -c 'coracle cp - box:/data/file <tree.tar.gz'
  assert_exit 1
  assert_output 'Error: destination "box:/data/file" must be a directory'
  run inside bash -c 'coracle cp - box:/none <tree.tar.gz'
  assert_output 'Error: Could not find the file /none in container box'
  run inside bash -c 'echo rubbish | coracle cp - box:/data'
  assert_exit 1
  assert_has archive
}

@test "cp: links are copied as links, followed with -L, a slash, and as a destination" {
  box probe:1 sleep
  coracle exec box ln -s file /data/link 2>/dev/null || coracle exec box link file /data/link
  coracle exec box link /home /data/folder
  coracle cp box:/data/link .
  [ "$(readlink link)" = file ]
  coracle cp -L box:/data/link followed
  [ ! -L followed ]
  [ "$(cat followed)" = 'text of the image' ]
  mkdir into
  coracle cp -L box:/data/link into
  [ "$(cat into/link)" = 'text of the image' ]
  coracle cp box:/data/folder/ under
  [ -d under/user ]
  echo new >new
  coracle cp new box:/data/link
  run read_box /data/file
  assert_output new
  coracle cp new box:/data/folder
  run read_box /home/new
  assert_output new
  ln -s new there
  coracle cp -L there box:/data
  run read_box /data/there
  assert_output new
}

@test "cp: owners, modes and times" {
  coracle run -d --name box --user user probe:1 sleep >/dev/null
  echo text >file
  chown 1234:2345 file
  chmod 640 file
  touch -d 2001-02-03T04:05:06Z file
  coracle cp file box:/data/kept
  coracle cp -a file box:/data/owned
  run coracle exec box stat /data/kept
  kept=$output
  coracle cp -a box:/data/kept kept
  coracle cp -a box:/data/owned owned
  coracle cp box:/data/kept mine
  [ "$(stat -c '%u:%g %a %Y' kept)" = '1234:2345 640 981173106' ]
  [ "$(stat -c '%u:%g %a %Y' owned)" = '1000:1000 640 981173106' ]
  [ "$(stat -c '%u:%g %a %Y' mine)" = '0:0 640 981173106' ]
  # What is made in a container is no setuid program and no device here.
  coracle exec -u 0 box cat /bin/probe >/dev/null
  cp "$WORK/probe" setuid
  chmod 4755 setuid
  coracle cp setuid box:/data/setuid
  coracle cp -a box:/data/setuid back
  [ "$(stat -c %a back)" = 755 ]
  coracle cp box:/dev dev
  [ -d dev ]
  [ -z "$(find dev -type c -o -type b)" ]
}

@test "cp: volumes and folders of the host; read-only ones and a read-only root are refused" {
  mkdir host readonly
  echo host >host/file
  coracle run -d --name box -v data:/vol -v "$HERE/host:/host" -v "$HERE/readonly:/ro:ro" --read-only probe:1 sleep \
    >/dev/null
  echo new >new
  for state in running stopped; do
    coracle cp new box:/vol/new
    coracle cp new box:/host/new
    [ "$(cat host/new)" = new ]
    rm host/new
    rm -rf got
    coracle cp box:/vol/new got
    [ "$(cat got)" = new ]
    run coracle cp new box:/data/new
    assert_exit 1
    assert_output 'Error: container rootfs is marked read-only'
    run coracle cp new box:/ro/new
    assert_exit 1
    assert_output 'Error: mounted volume is marked read-only'
    coracle kill box >/dev/null 2>&1 || true
    coracle wait box >/dev/null
  done
  coracle rm box >/dev/null
  run coracle run --rm -v data:/vol probe:1 cat /vol/new
  assert_output new
  coracle volume rm data
}

@test "cp: a volume that is new is filled from the image first, as a start would" {
  coracle create --name box -v fresh:/data probe:1 cat /data/file >/dev/null
  echo new >new
  coracle cp new box:/data/new
  run coracle start -a box
  assert_output 'text of the image'
  coracle rm box >/dev/null
  coracle volume rm fresh
}

@test "cp: a paused container, and one of which nothing is left but what it wrote" {
  box probe:1 sleep
  coracle pause box >/dev/null
  echo text >file
  coracle cp file box:/data/paused
  coracle cp box:/data/paused back
  [ "$(cat back)" = text ]
  coracle rm -f box >/dev/null
  coracle run --name box probe:1 write /data/made made
  coracle cp box:/data/made .
  coracle cp box:/ root
  [ -e root/bin/probe ]
  [ -e root/data/made ]
}

@test "cp: a sparse and a large file, names with blanks and control characters" {
  box probe:1 sleep
  truncate -s 40M sparse
  printf end >>sparse
  coracle cp sparse box:/data/sparse
  coracle cp box:/data/sparse back
  cmp sparse back
  name=$'a b\n\tc'
  echo odd >"$name"
  coracle cp . box:/data
  coracle cp "box:/data/$name" odd
  [ "$(cat odd)" = odd ]
}

@test "cp: a killed one leaves no process and no mount, and the container can go on" {
  box probe:1 sleep
  coracle create --name stopped probe:1 true >/dev/null
  mkfifo pipe
  for target in box stopped; do
    # The archive never ends, so that the kill comes in the middle.
    background log bash -c "echo \$\$ >pid; exec '$TOP/build/bin/coracle' cp - $target:/data <pipe"
    exec 6>pipe
    tar -cf - -C "$WORK/probe.root" . | head -c 20000 >&6
    wait_until test -s pid
    inside kill -KILL "$(cat pid)"
    exec 6>&-
    rm pid
  done
  run coracle start -a stopped
  assert_exit 0
  coracle cp box:/data/file .
}
