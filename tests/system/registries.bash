# Two registries in the sandbox, for tests that are about neither: coracle-registry at OURS, with a login, and Debian's
# docker-registry at THEIRS, without one.
OURS=localhost:5003
THEIRS=localhost:5004

registries_up() {
  inside coracle-registry user add me </dev/null &&
    inside coracle-registry token create --user me --scope read,write --name test >"$WORK/token" || return 1
  background "$WORK/ours.log" coracle-registry serve --listen "127.0.0.1:${OURS#*:}"
  printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "%s"}\n' \
    "$WORK/theirs" "$THEIRS" >"$WORK/theirs.yml"
  background "$WORK/theirs.log" docker-registry serve "$WORK/theirs.yml"
  wait_until _registry_is_up "$OURS" && wait_until _registry_is_up "$THEIRS" ||
    { cat "$WORK"/{ours,theirs}.log >&2; return 1; }
  inside bash -c 'coracle login "$1" -u me --password-stdin <"$2" >/dev/null 2>&1' - "$OURS" "$WORK/token"
}
_registry_is_up() { inside curl --silent -o /dev/null "http://$1/v2/"; }
# ask REGISTRY PATH: as a reader with the login.
ask() { inside curl --silent --fail -u "me:$(cat "$WORK/token")" "http://$1$2"; }
# A second engine, which has nothing.
other() { coracle --root "$WORK/other/root" --run-root "$WORK/other/run" "$@"; }
make_image() { python3 "$TOP/tests/system/programs/oci_image.py" "$@"; }
