# Networks that users make: their records, containers on them, what is closed to whom. "outside" is another host.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  inside bash -c '
    set -e
    ip netns add outside
    ip link add name wire type veth peer name eth0 netns outside
    ip address add 192.0.2.1/24 dev wire
    ip link set wire up
    ip -n outside address add 192.0.2.2/24 dev eth0
    ip -n outside link set eth0 up
    ip -n outside link set lo up
    ip -n outside route add default via 192.0.2.1'
}
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  coracle network prune -f >/dev/null
}

fetch() { inside "$WORK/probe" fetch "$@"; }
fetch_outside() { inside ip netns exec outside timeout 3 "$WORK/probe" fetch "$@"; }
serve() {
  local name=$1
  shift
  coracle run -d --name "$name" "$@" probe:1 serve 80 "$name" >/dev/null && wait_until logs_have "$name" ready
}
address_on() { coracle inspect "$1" -f "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}"; }
# The answers of a server never begin where it is not reachable: the client is killed after a while.
refuses() { ! coracle exec "$1" timeout 1 fetch "$2" "${3:-80}" 2>/dev/null | grep -q from; }

@test "create, ls, inspect and rm, in Docker's words" {
  run coracle network ls
  assert_match '^NETWORK ID +NAME +DRIVER +SCOPE$'
  assert_match '^[0-9a-f]{12} +bridge +bridge +local$'
  assert_match '^[0-9a-f]{12} +host +host +local$'
  assert_match '^[0-9a-f]{12} +none +null +local$'
  run coracle network create --subnet 10.7.0.0/24 --gateway 10.7.0.254 --ip-range 10.7.0.128/25 \
    --aux-address printer=10.7.0.130 --label team=a -o com.docker.network.driver.mtu=1400 front
  assert_exit 0
  assert_match '^[0-9a-f]{64}$'
  id=$output
  run coracle network inspect front -f \
    '{{.Id}} {{.Driver}} {{.Internal}} {{(index .IPAM.Config 0).Subnet}} {{(index .IPAM.Config 0).Gateway}} {{(index .IPAM.Config 0).IPRange}} {{(index .IPAM.Config 0).AuxiliaryAddresses.printer}} {{.Labels.team}}'
  assert_output "$id bridge false 10.7.0.0/24 10.7.0.254 10.7.0.128/25 10.7.0.130 a"
  run coracle network ls -q --filter label=team=a
  assert_output "${id:0:12}"
  run coracle network ls --filter type=custom --format '{{.Name}} {{.Driver}} {{.Internal}}'
  assert_output 'front bridge false'
  run coracle network ls --filter nope=1
  assert_has "invalid filter 'nope'"
  run coracle network create front
  assert_exit 1
  assert_has 'network with name front already exists'
  run coracle network create --subnet 10.7.0.0/16 other
  assert_has 'Pool overlaps with other one on this address space'
  run coracle network rm "${id:0:10}"
  assert_exit 0
  run coracle network inspect front
  assert_exit 1
  assert_has 'network front not found'
  run coracle network rm front
  assert_exit 1
  assert_has 'network front not found'
}

@test "what cannot be is refused" {
  for name in bridge host none default; do
    run coracle network create "$name"
    assert_exit 1
    assert_has "operation is not permitted on predefined $name network"
  done
  for name in bridge host none; do
    run coracle network rm "$name"
    assert_exit 1
    assert_has "$name is a pre-defined network and cannot be removed"
  done
  run coracle network create -d overlay over
  assert_has 'could not find plugin overlay'
  run coracle network create --subnet 10.8.0.1/24 bad
  assert_has 'it should be 10.8.0.0/24'
  run coracle network create --subnet 10.8.0.0 bad
  assert_has 'invalid CIDR block notation'
  run coracle network create --gateway 10.8.0.1 bad
  assert_has 'must have a corresponding subnet'
  run coracle network create --subnet 10.8.0.0/24 --gateway 10.9.0.1 bad
  assert_has 'no matching subnet for gateway 10.9.0.1'
  run coracle network create --subnet fd00:8::/64 bad
  assert_has 'needs --ipv6'
  run coracle network create -o nope=1 bad
  assert_has 'unknown option "nope"'
  run coracle network create ' bad'
  assert_has 'invalid network name'
  run coracle network create --attachable bad
  assert_has 'unknown flag: --attachable'
  run coracle network ls --filter type=custom -q
  assert_output ''
}

@test "run --network: an address of it, its options, and nothing left in the kernel once it goes" {
  coracle network create --subnet 10.7.0.0/24 --ip-range 10.7.0.128/25 -o com.docker.network.driver.mtu=1400 front
  run coracle run --rm --network front probe:1 interfaces
  assert_has 'eth0 10.7.0.128'
  run coracle run --rm --network front --ip 10.7.0.77 --mac-address 02:00:00:00:00:07 probe:1 cat \
    /sys/class/net/eth0/address /sys/class/net/eth0/mtu
  assert_output $'02:00:00:00:00:07\n1400'
  run coracle run --rm --network nope probe:1 true
  assert_exit 125
  assert_has 'network nope not found'
  run coracle ps -aq
  assert_output ''
  serve web --network front --ip 10.7.0.9
  run coracle network rm front
  assert_exit 1
  assert_has 'has active endpoints (name:"web"'
  run coracle run --rm --network front --ip 10.7.0.9 probe:1 true
  assert_exit 125
  assert_has 'Address already in use'
  run coracle network inspect front -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}'
  assert_output 'web 10.7.0.9/24'
  run coracle ps --filter network=front --format '{{.Names}} {{.Networks}}'
  assert_output 'web front'
  run coracle ps -q --filter network=bridge
  assert_output ''
  coracle rm -f web
  coracle network rm front
  run inside bash -c 'ip -o link; nft list ruleset'
  refuse_has 'cor-'
}

@test "networks are closed to each other, and open within" {
  coracle network create one
  coracle network create two
  serve web --network one
  coracle run -d --name near --network one probe:1 sleep
  coracle run -d --name far --network two probe:1 sleep
  coracle run -d --name both --network one --network two probe:1 sleep
  run coracle exec near fetch "$(address_on web one)" 80
  assert_match '^web from '
  run coracle exec both fetch "$(address_on web one)" 80
  assert_match '^web from '
  refuses far "$(address_on web one)"
  run coracle exec both interfaces
  assert_match '^eth0 '
  assert_match '^eth1 '
}

@test "an internal network has no way out, and none in" {
  coracle network create --internal closed
  serve web --network closed
  coracle run -d --name near --network closed probe:1 sleep
  address=$(address_on web closed)
  run coracle exec near fetch "$address" 80
  assert_match '^web from '
  inside ip netns exec outside setsid "$WORK/probe" serve 8098 outside >"$WORK/outside.log" 2>&1 3>&- </dev/null &
  wait_until fetch 192.0.2.2 8098
  refuses near 192.0.2.2 8098
  run fetch_outside "$address" 80
  refuse_has 'web from'
  inside pkill -TERM -xf "$WORK/probe serve 8098 outside"
  run coracle run --rm --network closed -p 8080:80 probe:1 true
  assert_exit 125
  assert_has 'internal networks alone'
}

@test "enable_icc=false: containers reach the host and not each other" {
  coracle network create -o com.docker.network.bridge.enable_icc=false apart
  serve web --network apart -p 8070:80
  coracle run -d --name near --network apart probe:1 sleep
  refuses near "$(address_on web apart)"
  run fetch "$(address_on web apart)" 80
  assert_match '^web from '
}

@test "connect and disconnect a running container; its ports move with the gateway" {
  coracle network create one
  coracle network create --subnet 10.7.0.0/24 two
  serve web --network one -p 8071:80
  run coracle network connect --ip 10.7.0.9 two web
  assert_exit 0
  run coracle exec web interfaces
  assert_has 'eth1 10.7.0.9'
  run coracle exec web cat /etc/hosts
  assert_match '^10\.7\.0\.9'
  run coracle network connect two web
  assert_exit 1
  assert_has 'endpoint with name web already exists in network two'
  coracle network disconnect one web
  run coracle exec web interfaces
  refuse_has eth0
  run fetch_outside 192.0.2.1 8071
  assert_match '^web from 192\.0\.2\.2'
  run coracle inspect web -f '{{len .NetworkSettings.Networks}}'
  assert_output 1
  run coracle network disconnect one web
  assert_exit 1
  assert_has 'is not connected to network one'
  # It is where it was after a start.
  coracle restart -t 0 web >/dev/null
  wait_until fetch 192.0.2.1 8071
  run coracle exec web interfaces
  assert_has '10.7.0.9'
  coracle network disconnect two web
  run coracle exec web interfaces
  refuse_has eth
  run fetch_outside 192.0.2.1 8071
  [ "$status" -ne 0 ]
  coracle network connect bridge web
  run fetch_outside 192.0.2.1 8071
  assert_match '^web from '
  run coracle inspect web -f '{{.NetworkSettings.IPAddress}}'
  assert_match '^172\.'
}

@test "connect says what cannot be" {
  coracle network create one
  coracle run -d --name hosted --network host probe:1 sleep
  coracle run -d --name alone --network none probe:1 sleep
  coracle run -d --name web probe:1 sleep
  run coracle network connect one hosted
  assert_has 'container sharing network namespace with another container or host'
  run coracle network connect one alone
  assert_has 'private (none) mode'
  run coracle network connect host web
  assert_has 'container cannot be connected to host network'
  run coracle network connect one nobody
  assert_has 'No such container: nobody'
  run coracle network connect nope web
  assert_has 'network nope not found'
  run coracle network connect --ip 10.7.0.9 one web
  assert_has 'user configured subnets'
  run coracle exec web interfaces
  refuse_has eth1
}

@test "container:NAME shares the network, its files and its end" {
  serve web --network bridge
  run coracle run --rm --network container:web probe:1 fetch 127.0.0.1 80
  assert_match '^web from 127\.0\.0\.1'
  run coracle run --rm --network container:web probe:1 hostname
  assert_output "$(coracle inspect web -f '{{.Config.Hostname}}')"
  run coracle run --rm --network container:web -p 80:80 probe:1 true
  assert_exit 125
  assert_has 'conflicting options: port publishing and the container type network mode'
  run coracle run --rm --network container:web --hostname x probe:1 true
  assert_has 'conflicting options: hostname and the network mode'
  run coracle run --rm --network container:web --dns 9.9.9.9 probe:1 true
  assert_has 'conflicting options: dns and the network mode'
  run coracle run --rm --network container:web --add-host x:1.2.3.4 probe:1 true
  assert_has 'conflicting options: custom host-to-IP mapping and the network mode'
  run coracle run --rm --network container:nobody probe:1 true
  assert_exit 125
  assert_has 'No such container: nobody'
  coracle run -d --name guest --network container:web probe:1 sleep
  run coracle inspect guest -f '{{.HostConfig.NetworkMode}}'
  assert_output "container:$(coracle inspect web -f '{{.Id}}')"
  coracle stop -t 0 web
  # The address is somebody else's from now on, and the guest no longer has it.
  run coracle exec guest interfaces
  refuse_has eth0
  coracle rm -f guest
  coracle create --name late --network container:web probe:1 true
  run coracle start late
  assert_exit 1
  assert_has 'cannot join network of a non running container'
}

@test "options of the first network, and the long form" {
  coracle network create --subnet 10.7.0.0/24 one
  coracle network create --subnet 10.8.0.0/24 two
  coracle run -d --name web --network name=one,ip=10.7.0.5,alias=a,alias=b --network name=two,mac-address=02:00:00:00:00:09 \
    probe:1 sleep
  run coracle inspect web -f '{{(index .NetworkSettings.Networks "one").Aliases}} {{(index .NetworkSettings.Networks "two").MacAddress}}'
  assert_output '[a b] 02:00:00:00:00:09'
  for bad in name=one,driver-opt=x=y ip=10.7.0.9 name=one,nope; do
    run coracle run --rm --network "$bad" probe:1 true
    assert_exit 125
    assert_has 'for "--network" flag'
  done
  run coracle run --rm --network one --network one probe:1 true
  assert_has 'specified multiple times'
  run coracle run --rm --network one --network host probe:1 true
  assert_has 'conflicting options: cannot attach both user-defined and non-user-defined network-modes'
  run coracle run --rm --network-alias x probe:1 true
  assert_has 'only supported for user-defined networks'
  run coracle run --rm --ip 172.17.0.9 probe:1 true
  assert_has 'supported on user defined networks only'
  run coracle run --rm --network one --ip 10.9.0.9 probe:1 true
  assert_has 'no configured subnet or ip-range contain the IP address 10.9.0.9'
  run coracle run --rm --network one --mac-address 1:2 probe:1 true
  assert_has 'is not a valid mac address'
}

@test "files of /etc: --add-host, --dns, --dns-search, --dns-option, --link" {
  gateway=$(coracle network inspect bridge -f '{{(index .IPAM.Config 0).Gateway}}')
  run coracle run --rm --add-host there:192.0.2.9 --add-host up=host-gateway --add-host six:fd00::9 probe:1 cat /etc/hosts
  assert_match $'^192\.0\.2\.9\tthere$'
  assert_match "^$gateway"$'\tup$'
  assert_match $'^fd00::9\tsix$'
  run coracle run --rm --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 probe:1 cat /etc/resolv.conf
  assert_output $'nameserver 192.0.2.53\nsearch example.org\noptions ndots:3'
  run coracle run --rm --dns nowhere probe:1 true
  assert_has 'is not an ip address'
  run coracle run --rm --add-host x probe:1 true
  assert_has 'bad format for add-host'
  serve web
  run coracle run --rm --link web:db probe:1 cat /etc/hosts
  assert_match "^$(address_on web bridge)"$'\tdb web [0-9a-f]{12}$'
  coracle stop -t 0 web
  run coracle run --rm --link web:db probe:1 true
  assert_exit 125
  assert_has 'Cannot link to a non running container: /web AS db'
}

@test "prune takes what no container is on" {
  coracle network create used
  coracle network create --label keep=1 kept
  coracle network create unused
  coracle run -d --name web --network used probe:1 sleep
  run coracle network prune -f --filter label!=keep
  assert_output $'Deleted Networks:\nunused'
  run coracle system prune -f
  assert_has $'Deleted Networks:\nkept'
  run coracle network ls -q --filter type=custom
  [ "${#lines[@]}" -eq 1 ]
}

@test "after a kill -9, and after a reboot, networks are as they were" {
  coracle network create --subnet 10.7.0.0/24 one
  serve web --network one --ip 10.7.0.9 -p 8072:80
  pid=$(inside pgrep -x coracle-monitor)
  inside kill -9 $pid $(coracle inspect web -f '{{.State.Pid}}')
  wait_until bash -c '[ "$(nsenter --target "$INSIDE" --mount --net --pid "$TOP/build/bin/coracle" inspect web -f "{{.State.Status}}")" = exited ]'
  run inside nft list ruleset
  refuse_has '. 8072'
  # What a boot takes away.
  inside bash -c 'rm -rf "$CORACLE_RUN_ROOT"; nft flush ruleset; for name in $(ip -o link show type bridge | cut -d: -f2); do ip link delete $name; done'
  coracle start web
  wait_until fetch 192.0.2.1 8072
  run address_on web one
  assert_output 10.7.0.9
}

@test "IPv6: an address that follows, ports on both families, closed to others" {
  coracle network create --ipv6 --subnet 10.7.0.0/24 --subnet fd00:7::/64 six
  inside bash -c 'ip address add 2001:db8::1/64 dev wire nodad; ip -n outside address add 2001:db8::2/64 dev eth0 nodad
    ip -n outside route add default via 2001:db8::1'
  coracle run -d --name web --network six --ip 10.7.0.9 -p 8073:80 probe:1 sleep
  run coracle inspect web -f '{{(index .NetworkSettings.Networks "six").GlobalIPv6Address}}'
  assert_output fd00:7::9
  run coracle port web
  assert_output $'80/tcp -> 0.0.0.0:8073\n80/tcp -> [::]:8073'
  inside setsid nsenter --net="/proc/$(coracle inspect web -f '{{.State.Pid}}')/ns/net" python3 -c '
import socket
server = socket.create_server(("::", 80), family=socket.AF_INET6)
while True:
    client, address = server.accept()
    client.sendall(b"six from " + address[0].encode() + b"\n")
    client.close()' >"$WORK/six.log" 2>&1 3>&- </dev/null &
  six() { inside "${@:3}" timeout 5 bash -c "cat </dev/tcp/$1/$2"; }
  wait_until six fd00:7::9 80
  run six 2001:db8::1 8073 ip netns exec outside
  assert_output 'six from 2001:db8::2'
  run six 2001:db8::1 8073
  assert_match '^six from '
  run inside ip netns exec outside timeout 2 bash -c 'ip -6 route add fd00:7::/64 via 2001:db8::1; cat </dev/tcp/fd00:7::9/80'
  refuse_has 'six from'
  inside pkill -f 'socket.AF_INET6'
}
