# Addresses and published ports. "outside" is a second namespace: another host on the same wire.
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
teardown() { remove_containers; }

fetch() { inside "$WORK/probe" fetch "$@"; }
fetch_outside() { inside ip netns exec outside timeout 3 "$WORK/probe" fetch "$@"; }
serve() {
  local name=$1
  shift
  coracle run -d --name "$name" "$@" probe:1 serve 80 "$name" >/dev/null && wait_until logs_have "$name" ready
}

@test "a published port answers on 127.0.0.1, the host's address and from outside with the true source" {
  serve web -p 8080:80
  run fetch 127.0.0.1 8080
  assert_exit 0
  assert_match '^web from '
  run fetch 192.0.2.1 8080
  assert_match '^web from '
  run fetch_outside 192.0.2.1 8080
  assert_match '^web from 192\.0\.2\.2'
  run coracle ps
  assert_match '0\.0\.0\.0:8080->80/tcp +web$'
  run coracle port web
  assert_output '80/tcp -> 0.0.0.0:8080'
  run coracle port web 80
  assert_output '0.0.0.0:8080'
  run coracle port web 81
  assert_exit 1
  assert_has "No public port '81' published for web"
}

@test "-p 127.0.0.1: is not reachable from outside" {
  serve local -p 127.0.0.1:8081:80
  run fetch 127.0.0.1 8081
  assert_match '^local from '
  run fetch_outside 192.0.2.1 8081
  refuse_has local
  [ "$status" -ne 0 ]
  # Nor by a packet for 127.0.0.1 that comes over the wire.
  inside ip -n outside route add 127.0.0.1/32 via 192.0.2.1 dev eth0 table local 2>/dev/null || true
  run fetch_outside 127.0.0.1 8081
  refuse_has local
  [ "$status" -ne 0 ]
}

@test "-p ADDRESS: is reachable there alone" {
  serve bound -p 192.0.2.1:8082:80
  run fetch_outside 192.0.2.1 8082
  assert_match '^bound from 192\.0\.2\.2'
  run fetch 127.0.0.1 8082
  [ "$status" -ne 0 ]
}

@test "a port that is taken is refused in Docker's words, and nothing is left of the second" {
  serve first -p 8083:80
  run coracle run -d --name second -p 8083:80 probe:1 serve 80
  assert_exit 125
  assert_has 'Bind for 0.0.0.0:8083 failed: port is already allocated'
  run fetch 127.0.0.1 8083
  assert_match '^first from '
  run coracle run --rm -p 8083:80 probe:1 true
  assert_exit 125
  coracle rm -f second
  run coracle ps -aq
  [ "${#lines[@]}" -eq 1 ]
  # The same port on UDP is another one.
  run coracle run --rm -p 8083:80/udp probe:1 true
  assert_exit 0
}

@test "a port that a program of the host holds is refused" {
  background "$WORK/holder-of-port.log" "$WORK/probe" serve 8084 host
  wait_until fetch 127.0.0.1 8084
  run coracle run --rm -p 8084:80 probe:1 true
  assert_exit 125
  assert_has '8084'
  assert_match 'already (allocated|in use)'
  run fetch 127.0.0.1 8084
  assert_has 'host from 127.0.0.1'
  inside pkill -TERM -xf "$WORK/probe serve 8084 host"
}

@test "a free port is chosen where none is given, and with -P" {
  serve chosen -p 80
  run coracle port chosen 80
  assert_match '^0\.0\.0\.0:[0-9]+$'
  run fetch 127.0.0.1 "${output##*:}"
  assert_match '^chosen from '
  serve all -P --expose 80
  run coracle port all
  assert_match '^80/tcp -> 0\.0\.0\.0:[0-9]+$'
  run fetch 127.0.0.1 "${output##*:}"
  assert_match '^all from '
}

@test "ranges of ports" {
  run coracle run -d --name ranged -p 8090-8092:80-82 probe:1 serve 81 middle
  assert_exit 0
  wait_until logs_have ranged ready
  run fetch 127.0.0.1 8091
  assert_match '^middle from '
  run coracle run --rm -p 9000-9001:80 probe:1 true
  assert_exit 125
  assert_has 'invalid ranges specified for container and host Ports'
  run coracle run --rm -p 70000:80 probe:1 true
  assert_exit 125
  assert_has 'invalid hostPort: 70000'
}

@test "containers reach each other, the host, and the outside with the host's address" {
  serve peer
  address=$(coracle run --rm probe:1 interfaces | grep -oE '172\.[0-9.]+|10\.[0-9.]+|192\.168[0-9.]+' | head -1)
  [ -n "$address" ]
  run inside bash -c 'ip -o -4 address show | grep -vE " lo | wire " | grep -oE "inet [0-9.]+" | cut -d" " -f2'
  gateway=$output
  background "$WORK/on-host.log" "$WORK/probe" serve 8099 host
  wait_until fetch 127.0.0.1 8099
  run coracle run --rm probe:1 fetch "$gateway" 8099
  assert_match '^host from '
  inside pkill -TERM -xf "$WORK/probe serve 8099 host"
  inside ip netns exec outside setsid "$WORK/probe" serve 8098 outside >"$WORK/outside.log" 2>&1 3>&- </dev/null &
  wait_until fetch 192.0.2.2 8098
  run coracle run --rm probe:1 fetch 192.0.2.2 8098
  assert_has 'outside from 192.0.2.1'
  inside pkill -TERM -xf "$WORK/probe serve 8098 outside"
}

@test "a container reaches a published port of another by the host's address" {
  serve published -p 8085:80
  run coracle run --rm probe:1 fetch 192.0.2.1 8085
  assert_match '^published from '
}

@test "after the stop nothing is left" {
  serve gone -p 8086:80
  coracle stop -t 20 gone
  run fetch 127.0.0.1 8086
  [ "$status" -ne 0 ]
  run inside nft list ruleset
  refuse_has 8086
  run inside ip -o link
  refuse_has veth
  coracle start gone
  wait_until fetch 127.0.0.1 8086
  coracle rm -f gone
  run leftovers
  assert_output ''
}

@test "nft flush ruleset exposes nothing, and the next start repairs what is published" {
  serve before -p 8087:80
  serve hidden -p 127.0.0.1:8088:80
  inside nft flush ruleset
  run fetch_outside 192.0.2.1 8088
  refuse_has hidden
  serve after -p 8089:80
  for port in 8087 8089; do
    run fetch_outside 192.0.2.1 "$port"
    assert_exit 0
    assert_has 'from 192.0.2.2'
  done
  run fetch 127.0.0.1 8088
  assert_match '^hidden from '
  run fetch_outside 192.0.2.1 8088
  refuse_has hidden
}

@test "rules of others are left alone" {
  inside nft 'add table inet mine; add chain inet mine input; add rule inet mine input tcp dport 7777 accept'
  serve neighbour -p 8095:80
  coracle rm -f neighbour
  run inside nft list table inet mine
  assert_exit 0
  assert_has 'tcp dport 7777 accept'
  inside nft delete table inet mine
}

@test "forty containers have forty addresses" {
  run inside bash -c '
    for i in $(seq 40); do coracle run --rm probe:1 interfaces >"$WORK/address.$i" & [ $((i % 10)) -ne 0 ] || wait; done
    wait; cat "$WORK"/address.* | grep -c "^eth0 [0-9.]*$"; rm "$WORK"/address.*'
  assert_output 40
}
