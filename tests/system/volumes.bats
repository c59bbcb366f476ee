# volume: create, ls, inspect, rm, prune.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  coracle volume prune -af >/dev/null
}

@test "volume create, ls, rm: Docker's table and words" {
  run coracle volume ls
  assert_output 'DRIVER    VOLUME NAME'
  run coracle volume create songs
  assert_output songs
  run coracle volume create songs
  assert_exit 0
  run coracle volume create
  assert_match '^[0-9a-f]{64}$'
  local anonymous=$output
  run coracle volume ls
  assert_line 'local     songs'
  assert_line "local     $anonymous"
  [ "${lines[0]}" = 'DRIVER    VOLUME NAME' ]
  run coracle volume list -q
  assert_line songs
  refuse_has local
  run coracle volume rm songs "$anonymous"
  assert_output "songs"$'\n'"$anonymous"
  [ -z "$(ls -A "$CORACLE_ROOT/volumes")" ]
  run coracle volume rm songs
  assert_exit 1
  assert_output 'Error: get songs: no such volume'
  run coracle volume rm -f songs
  assert_exit 0
}

@test "volume create: what is no name, no driver, no label" {
  local name
  for name in ../x a/b .hidden a 'x y'; do
    run coracle volume create "$name"
    assert_exit 1
    assert_has "create $name: \"$name\" includes invalid characters for a local volume name"
  done
  run coracle volume create -d nfs songs
  assert_exit 1
  assert_output 'Error: create songs: error looking up volume plugin nfs: plugin "nfs" not found'
  run coracle volume create --label =x songs
  assert_exit 125
  run coracle volume create one two
  assert_exit 125
  assert_has "'coracle volume create' requires at most 1 argument"
  run coracle volume rm ../../etc
  assert_exit 1
  [ -d /etc ]
}

@test "volume inspect: JSON of those that are there, then the error" {
  coracle volume create --label b=2 --label a --label b=3 songs
  run --separate-stderr coracle volume inspect songs nosuch
  assert_exit 1
  assert_stderr 'Error: get nosuch: no such volume'
  [ "$(jq -r '.[0].Name, .[0].Driver, .[0].Scope, .[0].Labels.a, .[0].Labels.b, .[0].Options' <<<"$output")" = \
    $'songs\nlocal\nlocal\n\n3\nnull' ]
  [ "$(jq -r '.[0].Mountpoint' <<<"$output")" = "$CORACLE_ROOT/volumes/songs/_data" ]
  [[ "$(jq -r '.[0].CreatedAt' <<<"$output")" =~ ^20[0-9-]{8}T[0-9:]{8}Z$ ]]
  coracle volume create plain
  run coracle volume inspect -f '{{.Name}} {{.Driver}} {{index .Labels "b"}}' songs
  assert_output 'songs local 3'
  run coracle inspect --format '{{.Mountpoint}}' plain
  assert_output "$CORACLE_ROOT/volumes/plain/_data"
  run coracle inspect --type volume --format '{{.Name}}' plain
  assert_output plain
  run coracle volume inspect plain
  [ "$(jq -c '.[0].Labels' <<<"$output")" = null ]
  run --separate-stderr coracle volume inspect nosuch
  assert_output '[]'
  assert_exit 1
}

@test "volume ls --filter: dangling, name, label, driver" {
  coracle volume create --label kind=music songs
  coracle volume create --label kind=text books
  coracle create --name box -v songs:/data probe:1 true
  run coracle volume ls -q -f dangling=true
  assert_output books
  run coracle volume ls -q -f dangling=0
  assert_output songs
  run coracle volume ls -q -f name=ong
  assert_output songs
  run coracle volume ls -q -f 'name=^b' -f name=nosuch
  assert_output books
  run coracle volume ls -q -f label=kind
  assert_output $'books\nsongs'
  run coracle volume ls -q -f label=kind=text
  assert_output books
  run coracle volume ls -q -f label=kind=text -f label=kind=music
  assert_output ''
  run coracle volume ls -q -f driver=nfs
  assert_output ''
  run coracle volume ls -f dangling=maybe
  assert_exit 1
  assert_output "Error: invalid filter 'dangling=[maybe]'"
  run coracle volume ls -f colour=red
  assert_output "Error: invalid filter 'colour'"
  run coracle volume ls -f dangling
  assert_exit 125
  assert_has 'bad format of filter (expected name=value)'
}

@test "volume ls --format" {
  coracle volume create --label kind=music songs
  run coracle volume ls --format '{{.Name}} {{.Driver}} {{.Scope}} {{.Label "kind"}} {{.Mountpoint}}'
  assert_output "songs local local music $CORACLE_ROOT/volumes/songs/_data"
  run coracle volume ls --format json
  assert_has '"Name":"songs"'
}

@test "volume rm: one that a container names stays, running or not" {
  local id
  coracle volume create songs
  id=$(coracle create --name box -v songs:/data probe:1 true)
  run coracle volume rm songs
  assert_exit 1
  assert_output "Error: remove songs: volume is in use - [$id]"
  run coracle volume rm -f songs
  assert_exit 1
  coracle start box
  coracle wait box
  [ -d "$CORACLE_ROOT/volumes/songs/_data" ]
  coracle rm box
  run coracle volume rm songs
  assert_output songs
}

@test "volume prune: anonymous ones, -a all, never one in use" {
  coracle volume create songs
  coracle volume create --label keep=yes books
  coracle run --name box -v songs:/data -v /own probe:1 true
  local own loose
  own=$(coracle volume ls -q | grep -E '^[0-9a-f]{64}$')
  loose=$(coracle volume create)
  head -c 3000 /dev/zero >"$CORACLE_ROOT/volumes/$loose/_data/file"
  run inside bash -c 'coracle volume prune <<<n'
  assert_has 'WARNING! This will remove anonymous local volumes not used by at least one container.'
  run coracle volume prune -f
  assert_output "Deleted Volumes:"$'\n'"$loose"$'\n\n'"Total reclaimed space: 3kB"
  run coracle volume prune -f
  assert_output 'Total reclaimed space: 0B'
  run coracle volume prune -af --filter label!=keep
  assert_output 'Total reclaimed space: 0B'
  run coracle volume prune -af
  assert_line books
  refuse_has songs
  refuse_has "$own"
  # Without -v the volume outlives its container, and is anonymous still.
  coracle rm box
  run coracle volume prune -f
  assert_line "$own"
  run coracle volume ls -q
  assert_output songs
}
