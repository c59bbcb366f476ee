# inspect: Docker's documents, for containers and images, and templates over them.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

# member NAME EXPRESSION VALUE: of the object, by Python.
member() {
  coracle inspect "$1" | python3 -c '
import json, sys
object = json.load(sys.stdin)[0]
got = json.dumps(eval("object" + sys.argv[1]))
sys.exit(0 if got == sys.argv[2] else "%s is %s, not %s" % (sys.argv[1], got, sys.argv[2]))' "$2" "$3"
}

@test "inspect: a container that runs" {
  id=$(coracle run -d --name box -p 127.0.0.1:8123:80 -e A=b -l place=here -v data:/kept:ro --tmpfs /scratch:size=1m \
    --cap-add NET_ADMIN -m 64m probe:1 sleep)
  member box '["Id"]' "\"$id\""
  member box '["Name"]' '"/box"'
  member box '["Path"]' '"sleep"'
  member box '["Args"]' '[]'
  member box '["State"]["Status"]' '"running"'
  member box '["State"]["Running"]' true
  member box '["State"]["FinishedAt"]' '"0001-01-01T00:00:00Z"'
  member box '["Config"]["Labels"]["place"]' '"here"'
  member box '["Config"]["Env"]' '["A=b"]'
  member box '["Config"]["Image"]' '"probe:1"'
  member box '["Image"]' "\"$(coracle images -q --no-trunc probe)\""
  member box '["HostConfig"]["CapAdd"]' '["NET_ADMIN"]'
  member box '["HostConfig"]["Memory"]' 67108864
  member box '["HostConfig"]["Tmpfs"]' '{"/scratch": "size=1m"}'
  member box '["HostConfig"]["PortBindings"]' '{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8123"}]}'
  member box '["NetworkSettings"]["Ports"]' '{"80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8123"}]}'
  member box '["Mounts"][0]["Source"]' "\"$CORACLE_ROOT/volumes/data/_data\""
  member box '["Mounts"][0]["RW"]' false
  inside test -e "$(coracle inspect -f '{{.LogPath}}' box)"
  # Address and MAC are those that the container itself sees.
  address=$(coracle inspect box --format '{{.NetworkSettings.IPAddress}}')
  inside nsenter --net="/proc/$(coracle inspect -f '{{.State.Pid}}' box)/ns/net" ip address show eth0 >"$WORK/eth0"
  grep -qF "inet $address/" "$WORK/eth0"
  grep -qF "$(coracle inspect -f '{{.NetworkSettings.MacAddress}}' box)" "$WORK/eth0"
  run coracle inspect -f '{{range $name, $one := .NetworkSettings.Networks}}{{$name}} {{$one.IPAddress}}{{end}}' box
  assert_output "bridge $address"
}

@test "inspect: a container that has ended, one that never began; sizes" {
  coracle run --name ended probe:1 exit 7 || true
  coracle create --name new probe:1 true
  run coracle inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.Pid}}|{{.NetworkSettings.IPAddress}}' ended new
  assert_output $'exited 7 0|\ncreated 0 0|'
  member ended '["Args"]' '["7"]'
  run coracle inspect -f '{{.State.StartedAt}} {{.LogPath}}' new
  assert_output '0001-01-01T00:00:00Z '
  member ended '.get("SizeRw")' null
  coracle run --name writer probe:1 write /file some-text
  run coracle inspect -s -f '{{if gt .SizeRw 0}}{{if gt .SizeRootFs .SizeRw}}yes{{end}}{{end}}' writer
  assert_output yes
}

@test "inspect: an image, by --type and by group" {
  member probe:1 '["RepoTags"]' '["probe:1"]'
  member probe:1 '["Config"]["Cmd"]' '["/bin/true"]'
  member probe:1 '["RootFS"]["Type"]' '"layers"'
  run coracle image inspect -f '{{.Id}} {{len .RootFS.Layers}} {{.Os}}' probe:1
  assert_output "$(coracle images -q --no-trunc probe) 1 linux"
  # One name for both: the container comes first.
  coracle create --name probe probe:1 true
  coracle tag probe:1 probe:latest
  [ "$(coracle inspect -f '{{.Name}}' probe)" = /probe ]
  run coracle inspect --type image -f '{{len .RepoTags}}' probe
  assert_output 2
  coracle rmi probe:latest
}

@test "inspect: what is not there, and what was found beside it" {
  coracle create --name box probe:1 true
  run --separate-stderr coracle inspect nosuch
  assert_exit 1
  assert_output '[]'
  assert_stderr 'Error: No such object: nosuch'
  run --separate-stderr coracle inspect -f '{{.Name}}' box nosuch probe:none box
  assert_exit 1
  assert_output $'/box\n/box'
  assert_stderr $'Error: No such object: nosuch\nError: No such object: probe:none'
  run --separate-stderr coracle container inspect probe:1
  assert_exit 1
  assert_stderr 'Error: No such container: probe:1'
  run --separate-stderr coracle inspect --type image box
  assert_exit 1
  assert_stderr 'Error: No such image: box:latest'
  run coracle inspect --type nonsense box
  assert_exit 1
  assert_output 'Error: "nonsense" is not a valid value for --type'
}

@test "inspect: templates that are wrong" {
  coracle create --name box probe:1 true
  run coracle inspect -f '{{nope}}' box
  assert_exit 64
  assert_output 'Error: template parsing error: template: :1: function "nope" not defined'
  run --separate-stderr coracle inspect -f '{{.Foo}}' box
  assert_exit 1
  assert_output ''
  assert_stderr 'Error: template parsing error: template: :1:2: executing "" at <.Foo>: map has no entry for key "Foo"'
  run coracle inspect -f json box
  assert_match '^\{"Id":"[0-9a-f]{64}","Created":'
}
