# image build: ADD of URLs and git repositories, and contexts that lie elsewhere.
load helper
load build_helper

setup_file() {
  sandbox_up && import_probe || return 1
  export FILES=$WORK/files
  mkdir -p "$FILES/app"
  echo 'text of the web' >"$FILES/text"
  echo 'with a space' >"$FILES/a b"
  touch -d '2020-02-03T04:05:06Z' "$FILES/text"
  echo inner >"$FILES/app/inner"
  tar -C "$FILES" --owner=0 --group=0 -czf "$FILES/app.tar.gz" app
  printf 'FROM probe:1\nCOPY inner /inner\nCMD ["cat", "/inner"]\n' >"$FILES/app/Dockerfile"
  tar -C "$FILES/app" -cf "$FILES/context.tar" Dockerfile inner
  printf 'FROM probe:1\nCMD ["say", "from a Dockerfile alone"]\n' >"$FILES/Dockerfile"
  background "$WORK/web.log" python3 "$TOP/tests/system/programs/web.py" 8000 "$FILES" "$WORK/requests"
  background "$WORK/git.log" git daemon --reuseaddr --listen=127.0.0.1 --export-all --base-path="$WORK/git" "$WORK/git"
  make_repository
  wait_until inside bash -c '</dev/tcp/127.0.0.1/8000 && </dev/tcp/127.0.0.1/9418' 2>/dev/null
}
setup() {
  new_context
  : >"$WORK/requests"
}

g() { git -C "$WORK/work" -c user.name=tester -c user.email=tester@example.test -c protocol.file.allow=always "$@"; }
# main: two commits; branch other; tags v1 (light) and v2 (annotated) on the first; links that lead out of it.
make_repository() {
  mkdir -p "$WORK/work/sub/deep" "$WORK/git"
  g init -q -b main
  printf 'FROM probe:1\nCOPY . /all\nCMD ["cat", "/all/file"]\n' >"$WORK/work/Dockerfile"
  printf 'FROM probe:1\nCOPY . /all\nCMD ["ls", "/all"]\n' >"$WORK/work/sub/Dockerfile"
  echo first >"$WORK/work/file"
  echo deep >"$WORK/work/sub/deep/file"
  printf '#!/bin/sh\n' >"$WORK/work/program"
  chmod 755 "$WORK/work/program"
  ln -s /etc "$WORK/work/absolute"
  ln -s ../../.. "$WORK/work/outside"
  ln -s sub "$WORK/work/inside"
  g add -A
  GIT_AUTHOR_DATE='2021-01-02T03:04:05Z' GIT_COMMITTER_DATE='2021-01-02T03:04:05Z' g commit -qm one
  g tag v1
  g tag -am 'the second' v2
  g branch other
  echo second >"$WORK/work/file"
  GIT_COMMITTER_DATE='2022-01-02T03:04:05Z' g commit -qam two
  git clone -q --bare "$WORK/work" "$WORK/git/repo.git"
  git -C "$WORK/git/repo.git" update-server-info
  ln -s "$WORK/git/repo.git" "$FILES/repo.git"
}

# The files of an image, with what they hold.
show() { run coracle run --rm "$@"; }
requests() { grep -c -- "$1" "$WORK/requests" || true; }
staging_is_empty() { [ -z "$(ls -A "$CORACLE_ROOT/layers/staging" 2>/dev/null)" ]; }

@test "ADD URL: mode 0600, the server's time, the name of the path, --chown and --chmod" {
  dockerfile <<'FILE'
FROM probe:1
ADD http://127.0.0.1:8000/files/text /named
ADD http://127.0.0.1:8000/files/text?query=x#fragment /folder/
ADD --chown=1000:1000 --chmod=644 http://127.0.0.1:8000/files/a%20b /folder/
ADD http://127.0.0.1:8000/undated/text /undated
FILE
  build -t remote:1
  assert_exit 0
  show remote:1 stat /named '/folder/text' '/folder/a b'
  assert_match '^100600 0:0 16 /named'
  assert_match '^100600 0:0 16 /folder/text'
  assert_match '^100644 1000:1000 13 /folder/a b'
  show remote:1 cat /named
  assert_output 'text of the web'
  coracle export "$(coracle create remote:1)" >"$WORK/out.tar"
  run env TZ=UTC tar -tvf "$WORK/out.tar" named folder/text undated
  assert_match '2020-02-03 04:05 named'
  assert_match '1970-01-01 00:00 undated'
  run coracle history --no-trunc --format '{{.CreatedBy}}' remote:1
  assert_line 'ADD http://127.0.0.1:8000/files/text /named # buildkit'
}

@test "ADD URL: unchanged bytes are CACHED, though the server is asked; other bytes are not" {
  echo one >"$FILES/changing"
  dockerfile <<'FILE'
FROM probe:1
ADD http://127.0.0.1:8000/files/changing /x
FILE
  build
  # The base's step is always CACHED.
  [ "$(grep -c CACHED <<<"$output")" -eq 1 ]
  touch -d 2001-01-01 "$FILES/changing"
  build
  assert_exit 0
  [ "$(grep -c CACHED <<<"$output")" -eq 2 ]
  [ "$(requests changing)" -eq 2 ]
  echo two >"$FILES/changing"
  build -t remote:2
  [ "$(grep -c CACHED <<<"$output")" -eq 1 ]
  show remote:2 cat /x
  assert_output two
}

@test "ADD --checksum: right, wrong, and no network once the file is here" {
  sum=sha256:$(sha256sum "$FILES/text" | cut -d' ' -f1)
  dockerfile <<FILE
FROM probe:1
ARG SUM=$sum
ADD --checksum=\${SUM} http://127.0.0.1:8000/files/text?checksum /x
FILE
  first=$(SOURCE_DATE_EPOCH=1700000000 coracle build -q "$context")
  [ "$(requests checksum)" -eq 1 ]
  # Not even for a build that takes nothing from the cache, or after a collection; the file's time is the same.
  coracle image prune -f >/dev/null
  [ "$(SOURCE_DATE_EPOCH=1700000000 coracle build -q --no-cache "$context")" = "$first" ]
  [ "$(requests checksum)" -eq 1 ]
  wrong=sha256:$(printf '%064d' 1)
  build --build-arg SUM="$wrong"
  assert_exit 1
  assert_has "failed to solve: failed to load cache key: digest mismatch $sum: $wrong"
  build --build-arg SUM=sha256:short
  assert_exit 1
  assert_has 'invalid checksum'
  dockerfile <<FILE
FROM probe:1
ADD --checksum=$sum Dockerfile /x
FILE
  build
  assert_exit 1
  assert_has 'checksum requires HTTP(S) or Git sources'
  [ -z "$(ls -A "$CORACLE_ROOT/blobs/uploads")" ]
}

@test "ADD URL: an archive stays one, and is unpacked with --unpack=true" {
  dockerfile <<'FILE'
FROM probe:1
ADD http://127.0.0.1:8000/files/app.tar.gz /kept/
ADD --unpack=true http://127.0.0.1:8000/files/app.tar.gz /out/
ADD --unpack=true http://127.0.0.1:8000/files/text /out/
FILE
  build -t remote:3
  assert_exit 0
  show remote:3 ls /kept
  assert_output app.tar.gz
  show remote:3 cat /out/app/inner
  assert_output inner
  show remote:3 cat /out/text
  assert_output 'text of the web'
}

@test "ADD URL: redirects, and what servers do wrong" {
  add() {
    printf 'FROM probe:1\nADD %s /x\n' "$1" >"$context/Dockerfile"
    build -t remote:4
  }
  add http://127.0.0.1:8000/redirect/5/text
  assert_exit 0
  add http://127.0.0.1:8000/redirect/6/text
  assert_exit 1
  assert_has 'more than 5 redirects'
  add 'http://127.0.0.1:8000/to?file:///etc/passwd'
  assert_exit 1
  assert_has 'follow a redirect'
  add http://127.0.0.1:8000/files/absent
  assert_exit 1
  assert_has 'ERROR: failed to solve: failed to load cache key: invalid response status 404'
  assert_match '>>> ADD http://127.0.0.1:8000/files/absent'
  [ "$(requests absent)" -eq 1 ]
  add http://127.0.0.1:8000/once/text
  assert_exit 0
  show remote:4 cat /x
  assert_output 'text of the web'
  add http://127.0.0.1:8000/500-once/text
  assert_exit 0
  add http://127.0.0.1:8000/endless
  assert_exit 1
  assert_has 'is larger than 17179869184 bytes'
  add http://user:secret@127.0.0.1:8000/files/text
  assert_exit 1
  refuse_has 'user:secret@127.0.0.1:8000/files/text: a user'
  assert_has 'a user or a password in a URL'
  [ -z "$(ls -A "$CORACLE_ROOT/blobs/uploads")" ]
  printf 'FROM probe:1\nCOPY http://127.0.0.1:8000/files/text /x\n' >"$context/Dockerfile"
  build
  assert_exit 1
  assert_has "source can't be a URL for COPY"
}

@test "ADD git: a branch, tags, a commit, a folder; the commit is the cache's key" {
  first=$(g rev-parse v1)
  dockerfile <<FILE
FROM probe:1
ADD git://127.0.0.1/repo.git /head
ADD git://127.0.0.1/repo.git#other /other
ADD git://127.0.0.1/repo.git#v1 /light
ADD git://127.0.0.1/repo.git#v2 /annotated
ADD git://127.0.0.1/repo.git#$first /commit
ADD git://127.0.0.1/repo.git#main:sub/deep /deep
ADD --chown=1000:1000 --exclude=sub http://127.0.0.1:8000/git/repo.git#refs/heads/main /dumb
FILE
  build -t remote:5
  assert_exit 0
  show remote:5 cat /head/file /other/file /light/file /annotated/file /commit/file /deep/file /dumb/file
  assert_output "$(printf '%s\n' second first first first first deep second)"
  show remote:5 ls /head
  refuse_has .git
  assert_line absolute
  show remote:5 stat /head/program /dumb/program
  assert_match '^100755 0:0 .* /head/program'
  assert_match '^100755 1000:1000 .* /dumb/program'
  show remote:5 ls /dumb
  refuse_has sub
  coracle export "$(coracle create remote:5)" >"$WORK/out.tar"
  run env TZ=UTC tar -tvf "$WORK/out.tar" head/file other/file
  assert_match '2022-01-02 03:04 head/file'
  assert_match '2021-01-02 03:04 other/file'
  build
  [ "$(grep -c CACHED <<<"$output")" -ge 7 ]
  staging_is_empty
  dockerfile <<'FILE'
FROM probe:1
ADD git://127.0.0.1/repo.git#nothing /x
FILE
  build
  assert_exit 1
  assert_has 'failed to load cache key: repository does not contain ref nothing'
  dockerfile <<FILE
FROM probe:1
ADD --checksum=$first git://127.0.0.1/repo.git#main /x
FILE
  build
  assert_exit 1
  assert_has "expected checksum to match $first, got $(g rev-parse main)"
  staging_is_empty
}

@test "ADD git: submodules come along, but none from this machine; a commit that is not there" {
  git init -q --bare "$WORK/git/module.git"
  g push -q "$WORK/git/module.git" main
  git -C "$WORK/git/module.git" symbolic-ref HEAD refs/heads/main
  g checkout -q -b modules
  g submodule --quiet add "$WORK/git/module.git" module
  git config -f "$WORK/work/.gitmodules" submodule.module.url ../module.git
  g commit -qam 'with a module'
  g push -q "$WORK/git/repo.git" modules
  git config -f "$WORK/work/.gitmodules" submodule.module.url "file://$WORK/git/module.git"
  g commit -qam 'with a path of this machine'
  g push -q "$WORK/git/repo.git" modules:stealing
  g checkout -q main
  printf 'FROM probe:1\nADD git://127.0.0.1/repo.git#modules /x\nCMD ["cat", "/x/module/file"]\n' >"$context/Dockerfile"
  build -t remote:9
  assert_exit 0
  show remote:9
  assert_output second
  printf 'FROM probe:1\nADD git://127.0.0.1/repo.git#stealing /x\n' >"$context/Dockerfile"
  build
  assert_exit 1
  assert_has "transport 'file' not allowed"
  absent=$(printf '%040d' 1)
  printf 'FROM probe:1\nADD git://127.0.0.1/repo.git#%s /x\n' "$absent" >"$context/Dockerfile"
  build
  assert_exit 1
  assert_has "repository does not contain ref $absent"
  run coracle build git@127.0.0.1:repo.git
  assert_exit 1
  assert_has 'Connection refused'
  staging_is_empty
}

@test "ADD --keep-git-dir: a repository that works, the same in every build" {
  dockerfile <<'FILE'
FROM probe:1
ADD --keep-git-dir=true git://127.0.0.1/repo.git#v2 /kept
FILE
  build -t remote:6
  assert_exit 0
  mkdir "$WORK/kept"
  coracle export "$(coracle create remote:6)" | tar -C "$WORK/kept" -xf - kept
  run git -c safe.directory='*' -C "$WORK/kept/kept" status --porcelain
  assert_output ''
  run git -c safe.directory='*' -C "$WORK/kept/kept" describe
  assert_output v2
  run git -c safe.directory='*' -C "$WORK/kept/kept" remote get-url origin
  assert_output git://127.0.0.1/repo.git
  one=$(SOURCE_DATE_EPOCH=1700000000 coracle build -q --no-cache "$context")
  two=$(SOURCE_DATE_EPOCH=1700000000 coracle build -q --no-cache "$context")
  [ "$one" = "$two" ]
}

@test "build URL: a git repository, a folder of it, an archive, a Dockerfile" {
  run coracle build -t remote:7 git://127.0.0.1/repo.git
  assert_exit 0
  show remote:7
  assert_output second
  show remote:7 ls /all
  refuse_has .git
  run coracle build -t remote:7 --build-arg BUILDKIT_CONTEXT_KEEP_GIT_DIR=1 git://127.0.0.1/repo.git#v1
  assert_exit 0
  show remote:7 ls /all
  assert_line .git
  run coracle build -t remote:7 http://127.0.0.1:8000/git/repo.git#main:sub
  assert_exit 0
  show remote:7
  assert_line deep
  run coracle build -t remote:7 http://127.0.0.1:8000/files/context.tar
  assert_exit 0
  show remote:7
  assert_output inner
  run coracle build -t remote:7 http://127.0.0.1:8000/files/Dockerfile
  assert_exit 0
  show remote:7
  assert_output 'from a Dockerfile alone'
  run coracle build http://127.0.0.1:8000/files/absent
  assert_exit 1
  assert_has 'unable to prepare context: invalid response status 404'
  run coracle build git://127.0.0.1/absent.git
  assert_exit 1
  assert_has 'failed to fetch remote git://127.0.0.1/absent.git'
  run inside env PATH=/nowhere "$TOP/build/bin/coracle" build git://127.0.0.1/repo.git
  assert_exit 1
  assert_has 'install the package "git"'
  staging_is_empty
}

# The canaries: files that exist once an attack has worked.
@test "CVE-2019-13139: nothing of a URL is an option of git" {
  canary=$WORK/canary
  for url in "git://127.0.0.1/repo.git#--upload-pack=touch\${IFS}$canary;" \
    "ssh://-oProxyCommand=touch\${IFS}$canary/repo.git" "-u@host:repo.git" "git://127.0.0.1/repo.git#+main" \
    "ext::sh -c touch% $canary.git" "file://$WORK/git/repo.git"; do
    run coracle build -- "$url"
    [ "$status" -ne 0 ] || _mismatch "this was built: $url"
    printf 'FROM probe:1\nADD ["%s", "/x"]\n' "$url" >"$context/Dockerfile"
    build
    [ "$status" -ne 0 ] || _mismatch "this was added: $url"
  done
  [ ! -e "$canary" ]
  [ -z "$(find / -xdev -maxdepth 1 -name canary)" ]
  staging_is_empty
}

@test "CVE-2026-33748: a folder of a repository does not lead out of it" {
  mkdir -p "$WORK/secret"
  echo canary >"$WORK/secret/canary"
  printf 'FROM probe:1\nCOPY . /all\n' >"$WORK/secret/Dockerfile"
  for folder in ../../../../secret sub/../../../../../secret absolute outside outside/secret; do
    run coracle build -t stolen:1 "git://127.0.0.1/repo.git#main:$folder"
    assert_exit 1
    assert_has 'leads through a link or out of the repository: refused'
    refuse_has 'load build definition'
  done
  for folder in .. outside/secret; do
    printf 'FROM probe:1\nADD git://127.0.0.1/repo.git#main:%s /x\n' "$folder" >"$context/Dockerfile"
    build -t stolen:1
    assert_exit 1
    assert_has 'leads through a link or out of the repository: refused'
  done
  staging_is_empty
}

@test "CVE-2026-44517: a folder that is a link is refused, and links in a checkout lead nowhere else" {
  run coracle build "git://127.0.0.1/repo.git#main:inside"
  assert_exit 1
  assert_has 'leads through a link or out of the repository: refused'
  printf 'FROM probe:1\nADD git://127.0.0.1/repo.git /x\nCMD ["ls", "/x/outside/"]\n' >"$context/Dockerfile"
  build -t remote:8
  assert_exit 0
  # A Dockerfile, and what is copied of a context, are looked up in the checkout.
  run coracle build -f absolute/hostname git://127.0.0.1/repo.git
  assert_exit 1
  printf 'FROM probe:1\nCOPY absolute/passwd /x\n' | run coracle build -f - git://127.0.0.1/repo.git
  assert_exit 1
}

@test "git runs with no configuration, hooks or credentials of this host" {
  canary=$WORK/canary
  mkdir -p "$HOME/hooks"
  printf '#!/bin/sh\ntouch %s\n' "$canary" >"$HOME/hooks/post-checkout"
  chmod 755 "$HOME/hooks/post-checkout"
  git config --global core.hooksPath "$HOME/hooks"
  git config --global "url.file://$WORK/git/.insteadOf" git://127.0.0.1/
  mkdir -p "$WORK/template/hooks"
  cp "$HOME/hooks/post-checkout" "$WORK/template/hooks/"
  git config --global init.templateDir "$WORK/template"
  run env GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=core.hooksPath GIT_CONFIG_VALUE_0="$HOME/hooks" GIT_DIR=/nowhere \
    nsenter --target "$INSIDE" --mount --net --uts --ipc --pid --cgroup -- "$TOP/build/bin/coracle" build --no-cache \
    git://127.0.0.1/repo.git
  rm -rf "$HOME/.gitconfig" "$HOME/hooks"
  assert_exit 0
  [ ! -e "$canary" ]
}

@test "build URL: what a killed build had checked out is removed by the next one" {
  background "$WORK/silent.log" python3 -c '
import socket, time
listener = socket.create_server(("127.0.0.1", 9500))
kept = []
while True: kept.append(listener.accept())'
  wait_until inside bash -c '</dev/tcp/127.0.0.1/9500' 2>/dev/null
  background "$WORK/build.log" bash -c 'echo $$ >"$WORK/pid" && exec "$0" "$@"' \
    "$TOP/build/bin/coracle" build "git://127.0.0.1:9500/repo.git#$(g rev-parse main)"
  wait_until staging_is_used
  inside kill -KILL "$(cat "$WORK/pid")"
  wait_until no_git
  ! staging_is_empty
  run coracle build git://127.0.0.1/repo.git
  assert_exit 0
  staging_is_empty
}
staging_is_used() { ! staging_is_empty; }
no_git() { ! inside pgrep -f 'git .*fetch'; }
