# events: what containers, images and volumes go through, in Docker's lines.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

now() { date +%s.%N; }
# Types, actions and attributes alone, since a moment.
since() {
  local begin=$1
  shift
  coracle events --since "$begin" --until 0s "$@"
}
names() { since "$@" --format '{{.Type}} {{.Action}} {{.Actor.Attributes.name}}'; }
has_line() { grep -qxF -- "$2" "$1"; }

@test "events: the life of a container, in Docker's format" {
  local begin id
  begin=$(now)
  id=$(coracle run -d --name web --label stage=test probe:1 trap 3)
  wait_until logs_have web ready
  coracle pause web
  coracle unpause web
  coracle rename web site
  coracle stop -t 5 site
  coracle rm site
  run since "$begin"
  assert_exit 0
  local time='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z'
  assert_match "$time container create $id \\(image=probe:1, name=web, stage=test\\)\$"
  assert_match "$time container start $id \\(image=probe:1, name=web, stage=test\\)\$"
  assert_match "$time container pause $id \\("
  assert_match "$time container unpause $id \\("
  assert_match "$time container rename $id \\(image=probe:1, name=site, oldName=/web, stage=test\\)\$"
  assert_match "$time container kill $id \\(image=probe:1, name=site, signal=15, stage=test\\)\$"
  assert_match "$time container die $id \\(execDuration=[0-9]+, exitCode=3, image=probe:1, name=site, stage=test\\)\$"
  assert_match "$time container stop $id \\("
  assert_match "$time container destroy $id \\("
  run since "$begin" --format '{{.Action}}'
  assert_output $'create\nstart\npause\nunpause\nrename\nkill\ndie\nstop\ndestroy'
}

@test "events: JSON is Docker's" {
  local begin id
  begin=$(now)
  id=$(coracle create --name web --label stage=test probe:1)
  run since "$begin" --format json
  assert_match "^\\{\"status\":\"create\",\"id\":\"$id\",\"from\":\"probe:1\",\"Type\":\"container\",\"Action\":\"create\",\"Actor\":\\{\"ID\":\"$id\",\"Attributes\":\\{\"image\":\"probe:1\",\"name\":\"web\",\"stage\":\"test\"\\}\\},\"scope\":\"local\",\"time\":[0-9]{10},\"timeNano\":[0-9]{19}\\}\$"
  [ "${#lines[@]}" -eq 1 ]
  run since "$begin" --format '{{.Status}} {{.ID}} {{.From}} {{.Scope}} {{.Actor.ID}}'
  assert_output "create $id probe:1 local $id"
}

@test "events: run --rm, exec, restarts and health" {
  local begin
  begin=$(now)
  coracle run --rm --name passing probe:1 exit 7 || true
  coracle run -d --name web --health-cmd true --health-interval 200ms probe:1 hold
  wait_until is_healthy web
  coracle exec web true
  coracle restart -t 0 web
  run names "$begin"
  assert_line 'container die passing'
  assert_line 'container destroy passing'
  wait_until logged "$begin" 'container health_status: healthy web'
  run names "$begin"
  assert_line 'container exec_create: true web'
  assert_line 'container exec_start: true web'
  assert_line 'container exec_die web'
  assert_line 'container restart web'
  run names "$begin" --filter event=health_status
  assert_line 'container health_status: healthy web'
  refuse_has exec
}
is_healthy() { coracle ps --filter name="$1" | grep -qF "(healthy)"; }
logged() { names "$1" | grep -qxF "$2"; }

@test "events: images and volumes" {
  local begin
  begin=$(now)
  coracle tag probe:1 probe:2
  coracle save -o "$WORK/probe.save" probe:2
  coracle rmi probe:2
  coracle load -i "$WORK/probe.save"
  coracle rmi probe:2
  coracle import "$WORK/probe.tar" other:1 >/dev/null
  coracle rmi other:1
  coracle volume create songs
  coracle volume rm songs
  coracle run --rm -v /data probe:1 true
  run since "$begin" --format '{{.Type}} {{.Action}}'
  local event
  for event in 'image tag' 'image save' 'image untag' 'image load' 'image import' 'image delete' 'volume create' \
    'volume destroy'; do
    assert_line "$event"
  done
  run since "$begin" --filter volume=songs
  assert_match ' volume create songs \(driver=local\)$'
  [ "${#lines[@]}" -eq 2 ]
}

@test "events: filters" {
  local begin
  begin=$(now)
  coracle create --name one --label kind=a probe:1
  coracle create --name two --label kind=b probe:1
  coracle rm one two
  run names "$begin" --filter container=one
  assert_output $'container create one\ncontainer destroy one'
  run names "$begin" --filter event=destroy --filter label=kind=b
  assert_output 'container destroy two'
  run names "$begin" --filter event=create --filter event=destroy --filter type=container
  [ "${#lines[@]}" -eq 4 ]
  run names "$begin" --filter type=image
  assert_output ''
  run names "$begin" --filter image=probe --filter event=create
  [ "${#lines[@]}" -eq 2 ]
  run coracle events --filter nosuch=x
  assert_exit 1
  assert_has "invalid filter 'nosuch'"
  run coracle events --since tomorrow
  assert_exit 1
}

@test "events: follows without polling, and ends by --until" {
  background "$WORK/followed" coracle events --format '{{.Action}} {{.Actor.Attributes.name}}'
  sleep 0.5
  coracle run --rm --name seen probe:1 true
  wait_until has_line "$WORK/followed" 'destroy seen'
  has_line "$WORK/followed" 'create seen'
  # Asleep: nothing runs meanwhile.
  local pid before
  pid=$(inside pgrep -x -f '.*coracle events --format.*' | head -n 1)
  before=$(inside awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/status")
  sleep 0.5
  [ "$(inside awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/status")" -eq "$before" ]
  inside kill "$pid"
  SECONDS=0
  run coracle events --since 1s --until "$(date -d '+1 second' +%s)"
  assert_exit 0
  [ "$SECONDS" -le 4 ]
}

@test "events: the log is bounded, and a reader goes on over its end" {
  inside rm -f "$CORACLE_RUN_ROOT/events" "$CORACLE_RUN_ROOT/events.old"
  background "$WORK/long" coracle events --format '{{.Actor.ID}}'
  sleep 0.5
  # As somebody's who has done much.
  inside bash -c 'line=$(printf "{\"Type\":\"x\",\"Action\":\"y\",\"Actor\":{\"ID\":\"filler\",\"Attributes\":{\"a\":\"%01000d\"}},\"timeNano\":9223372036854775807}" 0)
    for ((i = 0; i < 1100; i++)); do echo "$line"; done >>"$CORACLE_RUN_ROOT/events"'
  coracle volume create first
  coracle volume create second
  inside test -e "$CORACLE_RUN_ROOT/events.old"
  [ "$(inside stat -c %s "$CORACLE_RUN_ROOT/events")" -lt 1000 ]
  wait_until has_line "$WORK/long" second
  has_line "$WORK/long" first
  [ "$(grep -cx filler "$WORK/long")" -eq 1100 ]
  run coracle events --since 1m --until 0s --format '{{.Actor.ID}}' --filter type=volume
  assert_line first
  assert_line second
  # What is no event is passed over.
  inside bash -c 'printf "garbage\n{\"half\n\0\n[]\n" >>"$CORACLE_RUN_ROOT/events"'
  coracle volume create third
  run coracle events --since 1m --until 0s --format '{{.Actor.ID}}' --filter type=volume
  assert_line third
  inside pkill -x -f '.*coracle events --format.*' || true
  coracle volume rm first second third
}
