# What the tests in the guest share. They run as root on a machine that is theirs alone (tools/guest), so they need no
# sandbox: the image "box" is the guest's busybox.
bats_require_minimum_version 1.5.0

make_box() {
  local folder=$BATS_FILE_TMPDIR/box name
  mkdir -p "$folder"/{bin,etc,proc,sys,dev,tmp,www}
  cp /bin/busybox "$folder/bin/"
  for name in sh cat echo sleep true id head tail mknod httpd wget ls mkdir touch ip grep; do
    ln -s busybox "$folder/bin/$name"
  done
  echo 'from the container' >"$folder/www/index.html"
  echo 'root:x:0:0:root:/:/bin/sh' >"$folder/etc/passwd"
  tar -C "$folder" --numeric-owner --owner=0 --group=0 -cf /var/tmp/box.tar .
}
import_box() {
  [ -e /var/tmp/box.tar ] || make_box
  coracle import --change 'CMD ["/bin/true"]' /var/tmp/box.tar box:1 >/dev/null
}
remove_containers() {
  local ids
  ids=$(coracle ps -aq)
  [ -z "$ids" ] || coracle rm -f $ids >/dev/null
}
# wait_until COMMAND…: until it succeeds, for at most a minute: the guest is slow.
wait_until() {
  local tries
  for ((tries = 0; tries < 600; tries++)); do
    ! "$@" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  echo "this did not come true within a minute: $*" >&2
  return 1
}
is_running() { [ "$(coracle inspect --format '{{.State.Status}}' "$1")" = running ]; }
