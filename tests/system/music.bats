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
PUT|$API/nosuch|{"Artist":"E","SongTitle":"S"}|404 {"Count":0,"Items":\[\]}
PUT|$API/5f0c2f7d-38a9-4d7b-8f11-0a5b6c9e2d43|{"Artist":"Miles","SongTitle":"Blue"}|200 {"music_id":"5f0c2f7d-*"}
PUT|$API/5f0c2f7d-38a9-4d7b-8f11-0a5b6c9e2d43|{"Artist":"Miles"}|400 {"Message":"Error reading arguments"}
GET|$API/?q=BLUE||200 {"Count":1,*"Miles"*
GET|$API/?q=BJ%C3%96RK||200 {"Count":1,*"Björk"*
GET|$API/?limit=2||200 {"Count":2,*"Next":"*"}
GET|$API/?limit=0||400 {"Message":"limit is a number from 1 to 1000"}
GET|$API/?limit=x||400 *
GET|$API/?after=nosuch||404 {"Count":0,"Items":\[\]}
GET|http://127.0.0.1:$PORT/openapi.json||200 {*"openapi": "3.0.3"*
GET|http://127.0.0.1:$PORT/||200 <!doctype html>*
POST|http://127.0.0.1:$PORT/metrics|{}|405 *
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

@test "411, 415, 403, and what is not UTF-8" {
  start_service
  code() { inside curl --silent --max-time 10 -o /dev/null -w '%{http_code}' "$@"; }
  run inside bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; printf 'POST /api/v1/music/ HTTP/1.1\r\nHost: x\r\n\r\n' >&3; head -1 <&3"
  assert_match '^HTTP/1\.1 411 '
  song='{"Artist":"E","SongTitle":"S"}'
  run code -H 'Content-Type: text/plain' -d "$song" "$API/"
  assert_output 415
  run code -H 'Content-Type: application/json; charset=utf-8' -d "$song" "$API/"
  assert_output 200
  run code -H 'Transfer-Encoding: chunked' -d "$song" "$API/"
  assert_output 200
  run code -H 'Sec-Fetch-Site: cross-site' -d "$song" "$API/"
  assert_output 403
  printf '{"Artist":"\xff","SongTitle":"S"}' >"$WORK/wrong"
  run code --data-binary "@$WORK/wrong" "$API/"
  assert_output 400
  stop_service
  mkdir -p "$WORK/latin"
  printf 'Artist,SongTitle,UUID\nBj\xf6rk,J,1\n' >"$WORK/latin/music.csv"
  run inside env MUSIC_DATA="$WORK/latin" timeout 5 s2 "$PORT"
  assert_exit 1
  assert_has 'line 2: not UTF-8'
}

@test "X-Request-ID comes back, and is made where there is none" {
  start_service
  run inside curl --silent -i -H 'X-Request-ID: abc-1' "$API/health"
  assert_has 'X-Request-ID: abc-1'
  run inside curl --silent -i -H 'X-Request-ID: no good' "$API/health"
  assert_match '^X-Request-ID: [0-9a-f]{32}'
}

@test "pages, one after the other, are the whole list" {
  start_service
  run inside python3 - "$API/" <<'PYTHON'
import json, sys, urllib.request
read = lambda query: json.load(urllib.request.urlopen(sys.argv[1] + query))
whole, pages, after = read("")["Items"], [], ""
while True:
    page = read("?limit=3" + after)
    pages += page["Items"]
    if "Next" not in page:
        break
    after = "&after=" + page["Next"]
print(len(pages), pages == whole)
PYTHON
  assert_output '8 True'
}

again() {
  background "$WORK/service.log" env EXER=a3 MUSIC_DATA="$WORK/data" s2 "$PORT"
  wait_until answer "$API/readiness"
}

@test "changes outlive the service; a changed music.csv is merged once; another folder is another list" {
  start_service
  first=1a2b8c14-6f3e-4d0b-9a57-3c1de0f4b7a1
  id=$(request POST "$API/" '{"Artist":"Ella","SongTitle":"Misty"}' | grep -oE '[0-9a-f-]{36}')
  request DELETE "$API/$first"
  stop_service
  again
  run request GET "$API/"
  assert_has '"Count":8'
  assert_has Misty
  refuse_has 'Nina Simone'
  stop_service
  printf 'Moondog,Bird,%s\n' 2d7e4b90-51ca-4f8e-b3a6-90c1f7d25e38 >>"$WORK/data/music.csv"
  sed -i 's/So What/All Blues/' "$WORK/data/music.csv"
  again
  run request GET "$API/"
  assert_has '"Count":9'
  assert_has 'All Blues'
  refuse_has 'Nina Simone'
  request DELETE "$API/2d7e4b90-51ca-4f8e-b3a6-90c1f7d25e38"
  request DELETE "$API/$id"
  stop_service
  again
  run request GET "$API/"
  assert_has '"Count":7'
  stop_service
  rm -rf "$WORK/odd"
  cp -r "$TOP/music/odd" "$WORK/odd"
  background "$WORK/service.log" env MUSIC_DATA="$WORK/odd" s2 "$PORT"
  wait_until answer "$API/readiness"
  run request GET "$API/"
  assert_has '"Count":2'
}

@test "a folder that cannot be written: memory, and the log says so; a folder in use: an error" {
  rm -rf "$WORK/data"
  mkdir -p "$WORK/data"
  cp "$TOP/music/music.csv" "$WORK/data/"
  chmod 755 "$WORK" "$WORK/data"
  background "$WORK/service.log" env MUSIC_DATA="$WORK/data" setpriv --reuid 10001 --regid 10001 --clear-groups s2 "$PORT"
  wait_until answer "$API/readiness"
  run request POST "$API/" '{"Artist":"Ella","SongTitle":"Misty"}'
  assert_match '^200'
  assert_has_file "$WORK/service.log" 'cannot be written: changes are kept in memory'
  [ ! -e "$WORK/data/music.db" ]
  stop_service
  again
  run inside env MUSIC_DATA="$WORK/data" timeout 15 s2 30009
  assert_exit 1
  assert_has 'Another music service has this folder'
}
assert_has_file() { grep -qF -- "$2" "$1" || _mismatch "$1 does not have: $2"; }

@test "kill -9 under load loses no song that was acknowledged" {
  start_service
  inside python3 - "$PORT" >"$WORK/acknowledged" 2>/dev/null <<'PYTHON' &
import http.client, json, os, sys, threading
def work():
    try:
        connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
        while True:
            connection.request("POST", "/api/v1/music/", '{"Artist":"A","SongTitle":"T"}', {"Content-Type": "application/json"})
            # One write: lines of several threads do not mix.
            os.write(1, (json.loads(connection.getresponse().read())["music_id"] + "\n").encode())
    except Exception:
        pass
threads = [threading.Thread(target=work) for _ in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
PYTHON
  load=$!
  wait_until many_acknowledged
  inside pkill -KILL -x s2
  wait "$load"
  wait_until no_service
  again
  inside curl --silent "$API/" >"$WORK/list"
  run bash -c 'grep -oE "[0-9a-f-]{36}" "$WORK/list" | sort -u >"$WORK/kept"; sort -u "$WORK/acknowledged" | comm -23 - "$WORK/kept" | wc -l'
  assert_output 0
  [ "$(wc -l <"$WORK/acknowledged")" -ge 200 ]
}
many_acknowledged() { [ "$(wc -l <"$WORK/acknowledged")" -ge 200 ]; }

@test "--health, a crash with its backtrace, an answer in flight at SIGTERM" {
  start_service
  run inside s2 --health "$PORT"
  assert_exit 0
  run inside s2 --health 30009
  assert_exit 1
  # Half a request, SIGTERM, the other half: answered.
  run inside bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT
    printf 'POST /api/v1/music/ HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\n\r\n{\"Artist\":' >&3; sleep 0.3
    pkill -TERM -x s2; sleep 0.3; printf '\"E\",\"SongTitle\":\"S\"}' >&3; cat <&3"
  assert_match '^HTTP/1\.1 200 '
  assert_has '"music_id"'
  wait_until no_service
  wait_until file_has "$WORK/service.log" '^code 0'
  start_service
  inside pkill -SEGV -x s2
  wait_until file_has "$WORK/service.log" '^Crash: signal 11. Unique code: [0-9a-f]{64}$'
  wait_until file_has "$WORK/service.log" '^code 139'
}

@test "/metrics counts what was answered" {
  start_service
  request GET "$API/nosuch"
  run request GET "http://127.0.0.1:$PORT/metrics"
  assert_match '^music_requests_total\{method="GET",status="404"\} 1$'
  assert_match '^music_songs\{kept_in="sqlite"\} 8$'
  assert_match '^music_request_duration_seconds_bucket\{le="\+Inf"\} [0-9]+$'
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

@test "SIGTERM ends it in less than 100 ms, an idle client connected" {
  mkdir -p "$WORK/stop"
  cp "$TOP/music/music.csv" "$WORK/stop/"
  # The quickest of five: what is asked is whether it waits for anything, not how busy the machine is.
  run inside python3 - "$PORT" "$WORK/stop" <<'PYTHON'
import http.client, os, subprocess, sys, time
def stop():
    process = subprocess.Popen(["s2", sys.argv[1]], env=dict(os.environ, MUSIC_DATA=sys.argv[2]),
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)
    while True:
        try:
            client.request("POST", "/api/v1/music/", '{"Artist":"A","SongTitle":"T"}')
            break
        except OSError:
            client.close()
            time.sleep(0.02)
    client.getresponse().read()
    start = time.perf_counter()
    process.terminate()
    code = process.wait(20)
    return (time.perf_counter() - start if code == 0 else 99), client
print("fast" if min(stop()[0] for _ in range(5)) < 0.1 else "slow")
PYTHON
  assert_output fast
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

@test "mcli --json, -c, --timeout" {
  start_service
  run inside mcli --json -c 'create "Ella; Fitzgerald" Misty; read' 127.0.0.1 "$PORT"
  assert_exit 0
  run jq -r '.Items[-1].Artist? // empty' <<<"$output"
  assert_output 'Ella; Fitzgerald'
  run inside mcli -c 'read; test' 127.0.0.1 "$PORT"
  assert_exit 1
  assert_has '9 items returned'
  assert_has 'Non-successful status code: 500'
  run inside mcli -c 'test; read' 127.0.0.1 "$PORT"
  assert_exit 0
  # A service that takes connections and never answers.
  background "$WORK/silent.log" python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 30008)); time.sleep(30)'
  wait_until inside bash -c 'exec 3<>/dev/tcp/127.0.0.1/30008'
  run inside timeout 10 mcli --timeout 1 -c read 127.0.0.1 30008
  assert_exit 1
  assert_has 'No answer from http://127.0.0.1:30008/'
  for words in '--timeout 0' '--timeout x' '--nonsense'; do
    run inside mcli $words 127.0.0.1 "$PORT"
    assert_exit 2
  done
}

@test "mcli completes the id of a song" {
  start_service
  run on_terminal 24 100 'expect:mql: ' 'send:read 5f0\t\r' 'expect:Miles Davis' 'expect:mql: ' 'send:quit\r' -- mcli 127.0.0.1 "$PORT"
  assert_exit 0
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
