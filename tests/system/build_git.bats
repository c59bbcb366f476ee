# image build: private git repositories, and a build that is stopped while git works.
load helper
load build_helper

setup_file() {
  sandbox_up && import_probe || return 1
  mkdir "$WORK/git" && git init -q -b main "$WORK/work"
  echo private >"$WORK/work/file"
  git -C "$WORK/work" add file
  git -C "$WORK/work" -c user.name=t -c user.email=t@example.test commit -qm one
  git clone -q --bare "$WORK/work" "$WORK/git/repo.git"
  git -C "$WORK/git/repo.git" update-server-info
  cat >"$WORK/server.py" <<'END'
"""Plain files for git. /private asks for a login; objects below /slow never come."""
import base64, http.server, os, sys, time
token = "basic " + base64.b64encode(b"x-access-token:s3cr3t-token").decode()
class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        place, self.path = self.path.split("/", 2)[1], "/" + self.path.split("/", 2)[2]
        given = self.headers.get("Authorization")
        with open(sys.argv[2], "a") as log:
            print(place, self.path, given, file=log)
        if place == "private" and given not in (token, "Bearer whole-header"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", "Basic")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if place == "slow" and "/objects/" in self.path:
            time.sleep(600)
        super().do_GET()
    def log_message(self, *arguments):
        pass
os.chdir(sys.argv[1])
http.server.ThreadingHTTPServer(("127.0.0.1", 8001), Handler).serve_forever()
END
  background "$WORK/server.log" python3 "$WORK/server.py" "$WORK/git" "$WORK/requests"
  wait_until inside bash -c '</dev/tcp/127.0.0.1/8001' 2>/dev/null
}
setup() {
  new_context
  : >"$WORK/requests"
  printf 'FROM probe:1\nADD http://127.0.0.1:8001/private/repo.git /x\n' >"$context/Dockerfile"
}

@test "ADD git: a private repository with GIT_AUTH_TOKEN and GIT_AUTH_HEADER, which are kept nowhere" {
  printf s3cr3t-token >"$WORK/token"
  run coracle build -t private:1 "$context"
  assert_exit 1
  run coracle build -t private:1 --progress plain --secret "id=GIT_AUTH_TOKEN,src=$WORK/token" "$context"
  assert_exit 0
  refuse_has s3cr3t-token
  run coracle run --rm private:1 cat /x/file
  assert_output private
  # It is no part of the key: another way to the same commit is a hit.
  WHOLE="Bearer whole-header" run coracle build --progress plain --secret id=GIT_AUTH_HEADER.127.0.0.1,env=WHOLE "$context"
  assert_exit 0
  grep -A1 'ADD http' <<<"$output" | grep CACHED
  file_has "$WORK/requests" 'Bearer whole-header'
  ! grep -rqaE 's3cr3t-token|whole-header|x-access-token' "$WORK/root"
  coracle history --no-trunc private:1 | grep -c s3cr3t-token && return 1
  # Another host's token is not sent.
  : >"$WORK/requests"
  run coracle build --secret "id=GIT_AUTH_TOKEN.example.test,src=$WORK/token" "$context"
  assert_exit 1
  ! grep -q basic "$WORK/requests"
  # As a context.
  printf 'FROM probe:1\nCOPY file /file\n' >"$WORK/dockerfile"
  run coracle build -t private:2 -f - --secret "id=GIT_AUTH_TOKEN,src=$WORK/token" http://127.0.0.1:8001/private/repo.git <"$WORK/dockerfile"
  assert_exit 0
  run coracle run --rm private:2 cat /file
  assert_output private
  # No argument of git tells it.
  run inside strace -f -qq -s 4000 -e trace=execve -o "$WORK/trace" coracle build --secret "id=GIT_AUTH_TOKEN,src=$WORK/token" "$context"
  assert_exit 0
  file_has "$WORK/trace" 'ls-remote'
  ! sed 's/\], \[.*//; s/\], 0x.*//' "$WORK/trace" | grep -qE 's3cr3t-token|x-access-token'
}

@test "ADD git: Ctrl-C in the middle of a clone leaves nothing" {
  printf 'FROM probe:1\nADD http://127.0.0.1:8001/slow/repo.git /slow\n' >"$context/Dockerfile"
  background "$WORK/build.log" bash -c '
    coracle build --progress plain "$1" & echo $! >"$2"; wait $!; echo "code $?"' - "$context" "$WORK/build.pid"
  wait_until file_has "$WORK/requests" 'slow /repo.git/objects/'
  inside kill -INT "$(cat "$WORK/build.pid")"
  wait_until file_has "$WORK/build.log" 'code 130'
  no_git() { ! inside pgrep -f git-remote-http; }
  wait_until no_git
  coracle build -q - <<<'FROM probe:1'
  [ -z "$(ls -A "$WORK/root/layers/staging")" ]
}
