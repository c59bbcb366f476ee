# The music service and mcli, as they stand in build/bin.
load helper

setup_file() { sandbox_up; }
teardown_file() { sandbox_down; }

PORT=30001
API=http://127.0.0.1:$PORT/api/v1/music

start_service() {
  rm -rf "$WORK/data"
  mkdir -p "$WORK/data"
  cp "${1:-$TOP/music/music.csv}" "$WORK/data/music.csv"
  background "$WORK/service.log" env EXER=a3 MUSIC_DATA="$WORK/data" bash -c 's2 "$1"; echo "code $?"' - "$PORT"
  wait_until answer "$API/health"
}
stop_service() {
  inside pkill -TERM -x s2 || true
  wait_until no_service
}
no_service() { ! inside pgrep -x s2; }
teardown() { stop_service; }

answer() { inside curl --silent --show-error --max-time 10 --fail "$@"; }
# request METHOD URL [BODY]: the status code, a blank, the body.
request() {
  local body=()
  [ $# -lt 3 ] || body=(--data-binary "$3" -H 'Content-Type: application/json')
  inside curl --silent --max-time 10 -o "$WORK/body" -w '%{http_code}' -X "$1" "${body[@]}" "$2" && echo " $(cat "$WORK/body")"
}
client() { inside bash -c 'printf "%b" "$1" | mcli 127.0.0.1 "$2"' - "$1" "${2:-$PORT}"; }

@test "routes: what each answers" {
  start_service
  first=1a2b8c14-6f3e-4d0b-9a57-3c1de0f4b7a1
  while IFS='|' read -r method path body expected; do
    if [ -n "$body" ]; then run request "$method" "$path" "$body"; else run request "$method" "$path"; fi
    [[ $output == $expected ]] || _mismatch "$method $path $body: not $expected"
  done <<TABLE
GET|$API/||200 {"Count":8,"Items":\[*
GET|$API||200 {"Count":8,"Items":\[*
GET|$API/$first||200 {"Count":1,"Items":\[{*"Artist":"Nina Simone"*
GET|$API/nosuch||404 {"Count":0,"Items":\[\]}
DELETE|$API/nosuch||404 *
DELETE|$API/$first||200 {}
GET|$API/$first||404 {"Count":0,"Items":\[\]}
GET|$API/||200 {"Count":7,*
POST|$API/|{"Artist":"Ella","SongTitle":"Summertime"}|200 {"music_id":"*"}
POST|$API/|{"Artist":"Ella"}|400 {"Message":"Error reading arguments"}
POST|$API/|{"Artist":1,"SongTitle":2}|400 {"Message":"Error reading arguments"}
POST|$API/|not json|400 {"Message":"Error reading arguments"}
GET|$API/health||200 *
GET|$API/readiness||200 *
GET|$API/test||500 *
PUT|$API/||405 *
POST|$API/test|{}|405 *
DELETE|$API/health||405 *
GET|http://127.0.0.1:$PORT/nosuch||404 *
GET|$API/a/b||404 *
TABLE
  run request GET "$API/"
  assert_has '"Count":8'
  assert_has 'Summertime'
}

@test "a new song is found by its id; a hundred writers at once lose none" {
  start_service
  run bash -c 'true'
  id=$(request POST "$API/" '{"Artist":"Ella","SongTitle":"Misty"}' | grep -oE '[0-9a-f-]{36}')
  run request GET "$API/$id"
  assert_has '"SongTitle":"Misty"'
  run inside bash -c 'seq 100 | xargs -P 10 -I N curl --silent -o /dev/null -X POST -d "{\"Artist\":\"A\",\"SongTitle\":\"N\"}" "$1/"' - "$API"
  run request GET "$API/"
  assert_has '"Count":109'
}

@test "quoted CSV: commas, quotes, UTF-8" {
  start_service
  run request GET "$API/7b15c9e4-d3f0-46a8-bc21-5a9e0f3d8c67"
  run bash -c 'python3 -c "import json,sys; print(json.load(open(sys.argv[1]))[\"Items\"][0][\"SongTitle\"])" "$WORK/body"'
  assert_output 'Happiness Is a Warm Gun, Take "1"'
  run request GET "$API/0c6e5d72-a948-4b1f-8e3d-f7a2c91b4d58"
  run bash -c 'python3 -c "import json,sys; print(json.load(open(sys.argv[1]))[\"Items\"][0][\"Artist\"])" "$WORK/body"'
  assert_output Björk
  stop_service
  printf 'Artist,SongTitle,UUID\r\n"Two\nlines","a ""b""",11111111-2222-3333-4444-555555555555\r\n' >"$WORK/odd.csv"
  start_service "$WORK/odd.csv"
  run request GET "$API/11111111-2222-3333-4444-555555555555"
  assert_has '"Two\nlines"'
}

@test "data that is not there or broken: an error that says so" {
  run inside env MUSIC_DATA="$WORK/nowhere" s2 "$PORT"
  assert_exit 1
  assert_has "$WORK/nowhere/music.csv"
  mkdir -p "$WORK/broken"
  printf 'Artist,SongTitle,UUID\nonly one column\n' >"$WORK/broken/music.csv"
  run inside env MUSIC_DATA="$WORK/broken" timeout 5 s2 "$PORT"
  [ "$status" -ne 124 ]
  assert_exit 1
  for word in '' 0 70000 port '1 2'; do
    run inside s2 $word
    assert_exit 2
    assert_has 'Usage: s2 PORT'
  done
}

@test "a body that is too large is 413, and the service goes on" {
  start_service
  head -c 200000 /dev/zero | tr '\0' a >"$WORK/large"
  run inside curl --silent --max-time 10 -o /dev/null -w '%{http_code}' --data-binary "@$WORK/large" "$API/"
  assert_output 413
  run request GET "$API/health"
  assert_match '^200'
}

@test "the unique code, the failure with its backtrace, the access log" {
  start_service
  request GET "$API/test"
  request GET "$API/?x=1"
  wait_until file_has "$WORK/service.log" 'GET /api/v1/music/ '
  code=$(printf '%sa3' "$(tr A-Z a-z <"$TOP/music/user-id.txt" | tr -d '\n')" | sha256sum | cut -d' ' -f1)
  run cat "$WORK/service.log"
  [[ ${lines[0]} =~ ^\[[0-9-]{10}\ [0-9:]{8},[0-9]{3}\]\ ERROR\ in\ app:\ Unique\ code:\ ${code}$ ]] || _mismatch "no code $code"
  assert_has 'Exception on /api/v1/music/test [GET]'
  assert_match '^  at test \('
  assert_match '^127\.0\.0\.1 - - \[[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4} [0-9:]{8}\] "GET /api/v1/music/test HTTP/1\.1" 500 -$'
}

@test "SIGTERM and /shutdown end it with 0 in less than a second" {
  start_service
  start=$EPOCHREALTIME
  stop_service
  run awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print (b - a < 1.5) ? "fast" : "slow" }'
  assert_output fast
  wait_until file_has "$WORK/service.log" '^code 0'
  start_service
  run request GET "$API/shutdown"
  assert_match '^200'
  wait_until no_service
  wait_until file_has "$WORK/service.log" '^code 0'
}

@test "a port that is taken" {
  start_service
  run inside env MUSIC_DATA="$WORK/data" timeout 5 s2 "$PORT"
  assert_exit 1
  assert_has "s2: listen on port $PORT: Address already in use"
}

@test "mcli: read, create, delete, test, help, quit" {
  start_service
  run client 'read\n'
  assert_exit 0
  assert_has '8 items returned'
  assert_match 'Nina Simone +Feeling Good$'
  run client 'create "Ella Fitzgerald" '"'It''s a thing'"'\n'
  assert_exit 0
  assert_match '^[0-9a-f-]{36}$'
  id=$output
  run client "read $id\n"
  assert_has '1 items returned'
  assert_has 'Ella Fitzgerald'
  run client "delete $id\nread $id\n"
  assert_exit 1
  assert_has 'Deleted'
  assert_has 'Non-successful status code: 404'
  run client 'test\n'
  assert_exit 1
  assert_has 'Non-successful status code: 500'
  run client 'help\nhelp create\n'
  assert_exit 0
  assert_match '^create ARTIST TITLE'
  assert_match '^shutdown '
  run client 'quit\nnonsense\n'
  assert_exit 0
  refuse_has nonsense
}

@test "mcli from a pipe: wrong commands, no answer, usage" {
  start_service
  run client 'nonsense\n'
  assert_exit 1
  assert_has "Unknown command: nonsense. Type 'help' for the list"
  run client 'create one\n'
  assert_exit 1
  assert_has 'Usage: create ARTIST TITLE'
  run client 'create "open end\n'
  assert_exit 1
  assert_has 'a quote is not closed'
  run client 'nonsense\nread\n'
  assert_exit 0
  run client ''
  assert_exit 0
  run client 'read\n' 30009
  assert_exit 1
  assert_has 'Is the service running, and its port published?'
  run inside mcli 127.0.0.1
  assert_exit 2
  assert_has 'Usage: mcli NAME PORT'
  run client 'shutdown\n'
  assert_exit 0
  wait_until no_service
}

@test "mcli on a terminal: prompt, completion, history, end-of-file" {
  start_service
  run on_terminal 24 100 'expect:mql: ' 'send:rea\t\r' 'expect:8 items returned' 'expect:mql: ' \
    'send:help cr\t\r' 'expect:create ARTIST TITLE' 'expect:mql: ' 'send:quit\r' -- mcli 127.0.0.1 "$PORT"
  assert_exit 0
  run on_terminal 24 100 'expect:mql: ' 'send:\x1b[A\x1b[A\x1b[A\r' 'expect:8 items returned' 'expect:mql: ' \
    pause:0.3 'send:\x04' -- mcli 127.0.0.1 "$PORT"
  assert_exit 0
}

@test "transfer-for-run.sh and signon.sh say what they need" {
  run "$TOP/music/transfer-for-run.sh" one
  assert_exit 2
  assert_has 'usage:'
  run "$TOP/music/transfer-for-run.sh" "$WORK/no-key" user host
  assert_exit 1
  assert_has "cannot read $WORK/no-key"
}
