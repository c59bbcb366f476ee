# What takes room, and who is listed: system df, builder prune, system prune, ps --filter, ps -s, info, version.
load helper

setup_file() { sandbox_up && import_probe && build_two; }
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  coracle volume prune -af >/dev/null
}

build_two() {
  mkdir "$WORK/context"
  head -c 40000 /dev/zero >"$WORK/context/zeroes"
  printf 'FROM probe:1\nCOPY zeroes /zeroes\nRUN write /one text\n' >"$WORK/context/Dockerfile"
  coracle build -q -t built:1 "$WORK/context" >/dev/null || return
  printf 'FROM probe:1\nCOPY zeroes /zeroes\nRUN write /two text\n' >"$WORK/context/Dockerfile"
  coracle build -q -t built:2 "$WORK/context" >/dev/null
}

ps_names() { coracle ps --format '{{.Names}}' "$@"; }

@test "system df: images, containers, volumes, build cache" {
  run coracle system df
  assert_exit 0
  [[ ${lines[0]} =~ ^TYPE\ +TOTAL\ +ACTIVE\ +SIZE\ +RECLAIMABLE$ ]]
  assert_match '^Images +3 +0 +[0-9.]+kB +[0-9.]+kB \(100%\)$'
  assert_match '^Containers +0 +0 +0B +0B$'
  assert_match '^Local Volumes +0 +0 +0B +0B$'
  # Images have all of it.
  assert_match '^Build Cache +3 +0 +0B +0B$'
  coracle run -d --name running -v data:/data built:2 hold
  coracle exec running write /data/file text
  coracle exec running write /written text
  coracle volume create idle
  coracle create --name idle probe:1 true
  run coracle system df
  assert_match '^Images +3 +2 +'
  assert_match '^Containers +2 +1 +[1-9][0-9.]*k?B +0B \(0%\)$'
  assert_match '^Local Volumes +2 +1 +[1-9][0-9]*B +0B \(0%\)$'
  coracle kill running
  run coracle system df --format '{{.Type}} {{.Active}} {{.Reclaimable}}'
  assert_match '^Containers 0 [1-9][0-9.]*k?B \(100%\)$'
  run coracle system df --format json
  assert_match '^\{"Active":"2","Reclaimable":".*%\)","Size":".*","TotalCount":"3","Type":"Images"\}$'
  [ "${#lines[@]}" -eq 4 ]
  run coracle system df --format '{{.Foo}}'
  assert_exit 1
  assert_has "can't evaluate field Foo in type *formatter.diskUsageContext"
}

@test "system df -v: tables, and documents" {
  coracle create --name user -v data:/data built:1 true
  run coracle system df -v
  assert_exit 0
  for title in 'Images space usage:' 'Containers space usage:' 'Local Volumes space usage:' 'Build cache usage: 0B'; do
    assert_line "$title"
  done
  assert_match '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS$'
  assert_match '^built +1 +[0-9a-f]{12} .* ago +[0-9.]+kB +[0-9.]+kB +5B +1$'
  assert_match '^probe +1 .* +0B +0$'
  assert_match '^[0-9a-f]{12} +built:1 +"true" +1 +0B +.* ago +Created +user$'
  assert_match '^data +1 +0B$'
  assert_match '^[0-9a-f]{12} +regular +[0-9.]+k?B +.* ago +.* ago +2 +true$'
  assert_match '^CACHE ID +CACHE TYPE +SIZE +CREATED +LAST USED +USAGE +SHARED$'
  run coracle system df -v --format '{{range .Volumes}}{{.Name}}={{.Links}}{{end}} {{len .Images}} {{len .BuildCache}}'
  assert_output 'data=1 3 3'
  run coracle system df -v --format json
  assert_match '^\{"Images":\[\{.*\}\],"Containers":\[\{.*\}\],"Volumes":\[\{.*\}\],"BuildCache":\[\{.*\}\]\}$'
}

@test "ps --filter: each of Docker's" {
  coracle run -d --name running -v data:/data -p 18080:80 --label kind=music --label place=here built:2 hold
  coracle create --name created --label kind=text --network none probe:1 true
  coracle run --name exited probe:1 exit 3 || true
  coracle run -d --name paused built:1 hold
  coracle pause paused
  run ps_names -f name=ing
  assert_output running
  run ps_names -f 'name=^/running$'
  assert_output running
  run ps_names -a -f 'name=^(created|exited)$'
  assert_output $'exited\ncreated'
  run ps_names -a -f "id=$(coracle ps -qf name=running)"
  assert_output running
  run ps_names -a -f label=kind
  assert_output $'created\nrunning'
  run ps_names -a -f label=kind=music -f label=place
  assert_output running
  run ps_names -f status=exited
  assert_output exited
  run ps_names -f status=created -f status=paused
  assert_output $'paused\ncreated'
  run ps_names -a -f exited=3
  assert_output exited
  run ps_names -a -f exited=0
  assert_output ''
  run ps_names -a -f ancestor=probe:1
  assert_output $'paused\nexited\ncreated\nrunning'
  run ps_names -a -f ancestor=built:2
  assert_output running
  run ps_names -a -f ancestor=nosuch
  assert_output ''
  run ps_names -a -f before=exited
  assert_output $'created\nrunning'
  run ps_names -a -f since=created -f status=paused
  assert_output paused
  for filter in volume=data volume=/data publish=18080 publish=18000-19000/tcp expose=80; do
    run ps_names -a -f "$filter"
    assert_output running
  done
  run ps_names -a -f publish=18080/udp
  assert_output ''
  run ps_names -a -f network=none
  assert_output created
  run ps_names -a -f health=none -f is-task=false -f network=bridge
  assert_output $'paused\nexited\nrunning'
  run ps_names -a -n 1 -f status=created
  assert_output created
  coracle unpause paused
}

@test "ps --filter: Docker's words for what is wrong" {
  run coracle ps -f nonsense=1
  assert_exit 1
  assert_output "Error: invalid filter 'nonsense'"
  for filter in status=asleep health=fine exited=x is-task=maybe; do
    run coracle ps -f "$filter"
    assert_exit 1
    assert_output "Error: invalid filter '${filter%=*}=[${filter#*=}]'"
  done
  run coracle ps -f before=nosuch
  assert_output 'Error: No such container: nosuch'
  run coracle ps -f publish=1:2
  assert_output "Error: filter for 'publish' should not contain ':': 1:2"
  run coracle ps -f nothing
  assert_exit 125
}

@test "ps -s and --no-trunc" {
  id=$(coracle create --name box probe:1 words a command that is longer than a column)
  run coracle ps -as
  [[ ${lines[0]} =~ NAMES\ +SIZE$ ]]
  assert_match ' box +0B \(virtual [0-9.]+kB\)$'
  run coracle ps -a --no-trunc
  assert_has "$id"
  assert_has '"words a command that is longer than a column"'
  run coracle ps -a --format '{{.Size}}|{{.LocalVolumes}}'
  assert_match '^0B \(virtual .*\)\|0$'
}

@test "builder prune: what no image has, by age, down to a size, all" {
  printf 'FROM probe:1\nCOPY zeroes /other\n' >"$WORK/context/Dockerfile"
  head -c 50000 /dev/urandom >"$WORK/context/zeroes"
  coracle build -q -t other:1 "$WORK/context"
  coracle rmi other:1
  run coracle system df --format '{{.Type}} {{.Size}}'
  assert_match '^Build Cache 100(\.[0-9]+)?kB$'
  run inside bash -c 'echo n | coracle builder prune'
  assert_output $'WARNING! This will remove all dangling build cache.\nAre you sure you want to continue? [y/N] '
  run coracle builder prune -f --filter until=1h
  assert_output 'Total reclaimed space: 0B'
  run coracle builder prune -f --keep-storage 1m
  assert_output 'Total reclaimed space: 0B'
  run coracle builder prune -f --filter until=yesterday
  assert_exit 1
  assert_output 'Error: failed to parse value as time or duration: "yesterday"'
  run coracle builder prune -f --filter nonsense=1
  assert_output "Error: invalid filter 'nonsense'"
  run coracle builder prune -f --keep-storage 1k
  assert_exit 0
  [ "${lines[0]}" = 'Deleted build cache objects:' ]
  [[ ${lines[1]} =~ ^[0-9a-z]{25}$ ]]
  assert_match '^Total reclaimed space: [0-9.]+kB$'
  [ "$(coracle system df --format '{{.TotalCount}}' | tail -n 1)" -eq 3 ]
  run coracle builder prune -af
  assert_exit 0
  [ "$(coracle system df --format '{{.TotalCount}}' | tail -n 1)" -eq 0 ]
  # Images have lost nothing.
  coracle image verify
}

@test "system prune: the warning, filters, volumes" {
  run inside bash -c 'coracle system prune --volumes --filter label=a </dev/null'
  assert_exit 0
  assert_output $'WARNING! This will remove:\n  - all stopped containers\n  - all networks not used by at least one container\n  - all anonymous volumes not used by at least one container\n  - all dangling images\n  - unused build cache\n\n  Items to be pruned will be filtered with:\n  - label=a\n\nAre you sure you want to continue? [y/N] '
  run coracle system prune -f --volumes --filter until=1h
  assert_exit 1
  assert_has 'the "until" filter is not supported with "--volumes"'
  coracle create --name keep --label keep probe:1 true
  coracle create --name go -v /anonymous probe:1 true
  coracle volume create named
  coracle rm go
  coracle create --name go probe:1 true
  run coracle system prune -f --filter label!=keep --filter until=1h
  assert_output 'Total reclaimed space: 0B'
  run coracle system prune -f --volumes --filter label!=keep
  assert_has 'Deleted Containers:'
  assert_has 'Deleted Volumes:'
  run ps_names -a
  assert_output keep
  run coracle volume ls -q
  assert_output named
  run coracle container prune -f --filter label=nothing
  assert_output 'Total reclaimed space: 0B'
  run coracle container prune -f --filter until=0s
  assert_has 'Deleted Containers:'
}
