# The story's Python version: a plain Dockerfile on a Debian base with Flask, built and run by coracle.
load helper

setup_file() { sandbox_up; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

answer() { inside curl --silent --show-error --max-time 10 "$@"; }

@test "music/python is built, runs, and answers on its published port" {
  import_debian python || skip "the Debian base with python3-flask cannot be made here"
  run coracle image build -t s2-python:v0.75 "$TOP/music/python"
  assert_exit 0
  mkdir -p "$WORK/data"
  cp "$TOP/music/odd/music.csv" "$WORK/data/music.csv"
  run coracle container run -d -p 30001:30001 -v "$WORK/data:/data" --name s2 s2-python:v0.75
  assert_exit 0
  wait_until answer --fail http://127.0.0.1:30001/health
  api=http://127.0.0.1:30001/api/v1/music
  run answer "$api/"
  assert_has '"Count":2'
  assert_has "Bird's Lament"
  run answer -o /dev/null -w '%{http_code}' "$api/nosuch"
  assert_output 404
  run answer -X POST -d '{"Artist":"Ella","SongTitle":"Misty"}' "$api/"
  assert_match '"music_id"'
  run answer -w ' %{http_code}' -X POST -d '{}' "$api/"
  assert_has 'Error reading arguments'
  assert_match ' 400$'
  run answer -o /dev/null -w '%{http_code}' "$api/test"
  assert_output 500
  run coracle container ls
  assert_match '"python3 app\.py 30001" .*0\.0\.0\.0:30001->30001/tcp +s2$'
  run coracle container logs s2
  assert_match '^\[.*\] ERROR in app: Unique code: [0-9a-f]{64}$'
  assert_has 'RuntimeError: Test failed'
  run coracle stop -t 5 s2
  assert_exit 0
}

@test "and again with another exercise: what does not change is cached" {
  coracle images -q debian-python | grep -q . || skip "the Debian base with python3-flask cannot be made here"
  run coracle image build --build-arg EXERARG=a1 -t s2-python:a1 "$TOP/music/python"
  assert_exit 0
  run coracle run --rm s2-python:a1 sh -c 'echo "$EXER $(id -un) $PWD"'
  assert_output 'a1 music /code'
}
