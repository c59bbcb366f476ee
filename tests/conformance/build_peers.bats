# Dockerfiles of many kinds, built by coracle and by buildah in turn: the same files, the same configuration. A few of
# them by default; CORACLE_TEST_ALL=1 builds all, which takes minutes.
load helper

# One of each kind: what the rest of them is about.
FEW=(arg-chain command-forms copy-chown copy-links copy-modes copy-wildcards dockerignore-exceptions add-archive run-kinds
  run-opaque run-quoting scratch)

setup_file() {
  sandbox_up || return 1
  inside bash -c 'mkdir -p /etc/containers &&
    echo "{\"default\": [{\"type\": \"insecureAcceptAnything\"}]}" >/etc/containers/policy.json'
  export XDG_RUNTIME_DIR=$WORK/xdg
  mkdir -m 700 "$XDG_RUNTIME_DIR"
  mkdir "$DOCKER_CONFIG"
  echo '{}' >"$DOCKER_CONFIG/config.json"
  make_box
}
teardown_file() {
  inside bash -c 'umount --quiet "$WORK/buildah/root/overlay"; umount --quiet "$WORK/buildah/root"' || true
  sandbox_down
}

# The image "box:1": busybox, and some files to change and to remove.
make_box() {
  local folder=$WORK/box.root
  mkdir -p "$folder"/{bin,usr/bin,sbin,usr/sbin,etc,home,opt,proc,run,sys,dev,var,base/folder,base/deep/a/b} \
    && mkdir -m 700 "$folder/root" && mkdir -m 1777 "$folder/tmp" && cp /bin/busybox "$folder/bin/busybox" || return 1
  chroot "$folder" /bin/busybox --install -s
  printf 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n' >"$folder/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$folder/etc/group"
  printf 'root:*:::::::\nnobody:*:::::::\n' >"$folder/etc/shadow"
  touch "$folder"/etc/{hosts,hostname,resolv.conf}
  echo file >"$folder/base/file"
  echo inside >"$folder/base/folder/inside"
  ln -s file "$folder/base/link"
  echo hard >"$folder/base/hard-one"
  ln "$folder/base/hard-one" "$folder/base/hard-two"
  echo deep >"$folder/base/deep/a/b/file"
  tar -C "$folder" --numeric-owner --owner=0 --group=0 -cf "$WORK/box.tar" . &&
    coracle import --change 'CMD ["/bin/sh"]' --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
      "$WORK/box.tar" box:1 >/dev/null
}

@test "build: coracle and buildah make the same files and configurations" {
  local folders=("${FEW[@]}") base
  if [ -n "${CORACLE_TEST_ALL:-}" ]; then
    folders=()
    for base in minimal build python; do import_debian "$base"; done
  fi
  run inside python3 "$BATS_TEST_DIRNAME/build/peers.py" "${folders[@]}"
  assert_exit 0
  assert_match '^[1-9][0-9]+ folders, 0 failed$'
}
