# Attacks on cp by what runs in the container. A test is named after the CVE; each asserts that a canary on the host is
# untouched, and that its contents never come out.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir -p "$WORK/programs"
  cp -r "$TOP/build/bin" "$TOP/build/libexec" "$WORK/programs/"
  (cd "$WORK/programs" && find . -type f -exec sha256sum {} +) >"$WORK/programs.sums"
}
teardown_file() { sandbox_down; }
setup() {
  HERE=$(mktemp -d "$WORK/here.XXXXXX")
  cd "$HERE"
  # What an attack would reach: secrets, and modes that nobody may change.
  CANARY=$HERE/canary
  mkdir -m 700 "$CANARY"
  mkdir -m 701 "$CANARY/sub"
  printf 'host secret\n' >"$CANARY/file"
  printf 'host secret\n' >"$CANARY/sub/file"
  chmod 600 "$CANARY/file" "$CANARY/sub/file"
  before=$(canary_state)
}
teardown() { remove_containers; }

canary_state() { (cd "$CANARY" && find . -exec stat -c '%n %a %u:%g %s %Y %Z' {} + && cat file sub/file); }
assert_canary() { [ "$(canary_state)" = "$before" ] || _mismatch "the canary was changed: $(canary_state)"; }
# The container swaps /data/at for a link to the canary, without an end.
swapping() {
  coracle run -d --name box "$@" probe:1 sh -c "mkdir /data/at && mkdir /data/at/sub && write /data/at/file inside && \
    write /data/at/sub/file inside && link $CANARY /data/link && swap /data/at /data/link" >/dev/null
  wait_until logs_have box ready
}

@test "CVE-2018-15664, CVE-2019-10152: a folder swapped for a link to the host, out of the container" {
  swapping
  for i in $(seq 12); do
    rm -rf out
    mkdir out
    coracle cp box:/data/at/file out/one 2>/dev/null || true
    coracle cp -L box:/data/at out/two 2>/dev/null || true
    coracle cp box:/data/at/. out/three 2>/dev/null || true
    coracle cp box:/data/link/sub/file out/four 2>/dev/null || true
    coracle cp box:/data - >out/five 2>/dev/null || true
    # What comes is the container's, or a link that is none of our doing.
    run grep -rlF 'host secret' out
    assert_output ''
  done
  assert_canary
}

@test "CVE-2018-15664, CVE-2026-41568: a folder swapped for a link to the host, into the container" {
  swapping
  mkdir -m 777 -p tree/sub
  echo pwned >tree/file
  echo pwned >tree/sub/file
  chmod 777 tree/file tree/sub/file
  for i in $(seq 12); do
    coracle cp tree/file box:/data/at/file 2>/dev/null || true
    coracle cp tree/file box:/data/link/new 2>/dev/null || true
    coracle cp tree/. box:/data/at 2>/dev/null || true
    coracle cp tree/sub box:/data/at/ 2>/dev/null || true
    inside bash -c 'tar -C tree -cf - sub file | coracle cp - box:/data/at' 2>/dev/null || true
    inside bash -c 'tar -cf - --transform "s,^tree,at," tree | coracle cp - box:/data' 2>/dev/null || true
  done
  assert_canary
}

@test "CVE-2026-42306: where a volume is mounted for a stopped container is swapped for a link to the host" {
  coracle run -d --name box -v raced:/v probe:1 sh -c \
    "mkdir /v/at && link $CANARY /v/other && swap /v/at /v/other" >/dev/null
  wait_until logs_have box ready
  mkdir host
  echo x >file
  coracle create --name stopped -v raced:/v -v "$HERE/host:/v/at/deep/mounted" probe:1 true >/dev/null
  for i in $(seq 12); do
    coracle cp file stopped:/v/at/deep/mounted/new 2>/dev/null || true
    coracle cp stopped:/v/at/deep/mounted out 2>/dev/null || true
  done
  assert_canary
  coracle rm -f box stopped >/dev/null
  coracle volume rm raced
}

@test "CVE-2019-14271: no library of the container is loaded" {
  mkdir root
  tar -C root -xf "$WORK/probe.tar"
  # The constructor writes a file beside what it finds, wherever it runs.
  cat >trojan.c <<'C'
#include <fcntl.h>
#include <sys/syscall.h>
static long call(long number, const void *a, long b, long c)
{
	long result;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
}
__attribute__((constructor)) static void load(void) { call(SYS_open, "/data/pwned", O_CREAT | O_WRONLY, 0666); }
C
  gcc -shared -fPIC -nostdlib -o libnss_trojan.so.2 trojan.c
  mkdir -p root/lib/x86_64-linux-gnu root/lib64 root/usr/lib/x86_64-linux-gnu root/usr/lib64
  for folder in lib lib/x86_64-linux-gnu lib64 usr/lib usr/lib/x86_64-linux-gnu usr/lib64; do
    cp libnss_trojan.so.2 "root/$folder/"
    for name in libnss_files.so.2 libnss_compat.so.2 libc.so.6 ld-linux-x86-64.so.2 libz.so.1; do
      cp libnss_trojan.so.2 "root/$folder/$name"
    done
  done
  printf 'passwd: trojan\ngroup: trojan\nhosts: trojan\n' >root/etc/nsswitch.conf
  tar -C root -cf - . | coracle import - trojan:1 >/dev/null
  echo x >file
  coracle run -d --name box --user user trojan:1 sleep >/dev/null
  coracle create --name stopped --user user trojan:1 true >/dev/null
  for container in box stopped; do
    coracle cp file $container:/data/new
    coracle cp -a file $container:/data/owned
    coracle cp $container:/data out
    coracle cp -a $container:/etc/passwd out
    [ ! -e out/pwned ]
    rm -rf out
  done
}

@test "CVE-2021-41089: modes of the host's files are not changed" {
  coracle run -d --name box probe:1 sh -c "link $CANARY /data/at && link $CANARY/file /data/onefile && sleep" >/dev/null
  wait_until coracle exec box ls /data
  mkdir -p tree/sub tree/at/sub
  echo new >tree/file
  cp tree/file tree/sub/file
  cp tree/file tree/at/file
  cp tree/file tree/at/sub/file
  chmod -R 777 tree
  coracle cp tree/. box:/data/at 2>/dev/null || true
  coracle cp tree/. box:/data 2>/dev/null || true
  coracle cp tree/file box:/data/onefile 2>/dev/null || true
  inside bash -c 'tar -C tree -cf - at/file at/sub/file | coracle cp - box:/data' 2>/dev/null || true
  assert_canary
  # Out of the container too: a folder that is there keeps its mode and its owner.
  mkdir -m 700 -p keep/home
  chmod 700 keep keep/home
  chown 1234:1234 keep/home
  coracle cp box:/. keep
  coracle cp -a box:/home keep
  [ "$(stat -c '%a %u' keep keep/home | tr '\n' ' ')" = '700 0 700 1234 ' ]
}

@test "CVE-2019-5736: our program cannot be reached by the container that cp looks into" {
  coracle run -d --name box --privileged probe:1 attack 2000000 >/dev/null
  wait_until logs_have box ready
  for i in $(seq 15); do inside "$WORK/programs/bin/coracle" cp box:/data/file .; done
  run coracle logs box
  refuse_has overwritten
  refuse_has foreign
  run bash -c 'cd "$WORK/programs" && sha256sum --quiet -c ../programs.sums'
  assert_exit 0
}

@test "hard links, devices and names that would leave the place" {
  coracle run -d --name box probe:1 sleep >/dev/null
  python3 - "$CANARY" <<'PYTHON'
import io, sys, tarfile
canary = sys.argv[1]
def archive(name, *members):
    with tarfile.open(name, "w") as tar:
        for path, kind, target in members:
            item = tarfile.TarInfo(path)
            item.type, item.linkname, item.mode = kind, target, 0o777
            tar.addfile(item, io.BytesIO(b""))
archive("up.tar", ("../../../up", tarfile.REGTYPE, ""))
archive("hard.tar", ("hard", tarfile.LNKTYPE, canary + "/file"))
archive("through.tar", ("way", tarfile.SYMTYPE, canary), ("way/file", tarfile.REGTYPE, ""))
PYTHON
  for name in up hard through; do
    run inside bash -c "coracle cp - box:/data <$name.tar"
  done
  run inside bash -c "coracle cp - box:/data <up.tar"
  assert_exit 1
  assert_canary
}
