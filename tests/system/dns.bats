# Names of containers on networks that users made. A server of the host answers 192.0.2.77 to everything.
load helper

setup_file() {
  sandbox_up && import_probe || return 1
  inside bash -c 'ip netns add outside; ip link add name wire type veth peer name eth0 netns outside; ip -n outside link set eth0 up; ip address add 192.0.2.1/24 dev wire; ip link set wire up
    printf "nameserver 192.0.2.1\n" >/etc/resolv.conf'
  background "$WORK/nameserver.log" "$WORK/probe" nameserver 192.0.2.1
  wait_until file_has "$WORK/nameserver.log" ready
}
teardown_file() { sandbox_down; }
teardown() {
  remove_containers
  coracle network prune -f >/dev/null
}

address_on() { coracle inspect "$1" -f "{{(index .NetworkSettings.Networks \"$2\").$3}}"; }
start() {
  local name=$1
  shift
  coracle run -d --name "$name" "$@" probe:1 sleep >/dev/null
}
resolvers() { inside pgrep -x coracle-resolve || true; }

@test "names, aliases, short ids and host names; NAME.NETWORK; the way back; over UDP and TCP" {
  coracle network create --ipv6 front
  start web --network front --network-alias www --hostname host7
  start asker --network front
  web=$(address_on web front IPAddress)
  web6=$(address_on web front GlobalIPv6Address)
  id=$(coracle inspect web -f '{{.Id}}')
  for name in web WEB www host7 "${id:0:12}" web.front; do
    run coracle exec asker resolve "$name"
    assert_output "$web"
    run coracle exec asker resolve "$name" AAAA tcp
    assert_output "$web6"
  done
  run coracle exec asker resolve "$(awk -F. '{print $4"."$3"."$2"."$1}' <<<"$web").in-addr.arpa" PTR
  assert_output web.front.
  run coracle exec asker cat /etc/resolv.conf
  assert_output $'nameserver 127.0.0.11\noptions ndots:0'
  run coracle exec asker resolve elsewhere.example
  assert_output 192.0.2.77
  run coracle exec asker resolve elsewhere.example A tcp
  assert_output 192.0.2.77
  coracle rename web other
  run coracle exec asker resolve other
  assert_output "$web"
  coracle rm -f other
  run coracle exec asker resolve www
  assert_output 192.0.2.77
}

@test "names of other networks are not seen; without IPv6 there is no AAAA" {
  coracle network create one
  coracle network create two
  start web --network one
  start far --network two
  start near --network one
  run coracle exec near resolve web
  assert_output "$(address_on web one IPAddress)"
  run coracle exec near resolve web AAAA
  assert_output 'code 0'
  run coracle exec far resolve web
  assert_output 192.0.2.77
  run coracle exec far resolve web.one
  assert_output 192.0.2.77
  coracle network connect one far
  run coracle exec far resolve web
  assert_output "$(address_on web one IPAddress)"
  coracle network disconnect one far
  run coracle exec far resolve web
  assert_output 192.0.2.77
}

@test "CVE-2024-29018: no question leaves an internal network" {
  coracle network create --internal closed
  start web --network closed
  start asker --network closed
  run coracle exec asker resolve web
  assert_output "$(address_on web closed IPAddress)"
  for way in udp tcp; do
    run coracle exec asker resolve elsewhere.example A "$way"
    assert_output 'code 2'
  done
  coracle network connect bridge asker
  run coracle exec asker resolve elsewhere.example
  assert_output 192.0.2.77
}

@test "from the default network to one with names; --dns" {
  coracle network create one
  start web --network one
  start late
  run coracle exec late cat /etc/resolv.conf
  assert_output 'nameserver 192.0.2.1'
  coracle network connect one late
  run coracle exec late resolve web
  assert_output "$(address_on web one IPAddress)"
  run coracle exec late cat /etc/resolv.conf
  assert_has 'nameserver 127.0.0.11'
  start deaf --network one --dns 192.0.2.99
  run coracle exec deaf resolve web
  assert_output "$(address_on web one IPAddress)"
  run coracle exec deaf resolve elsewhere.example
  assert_output 'code 2'
}

@test "a resolver runs for who has asked, is started again when killed, and ends with its container; it is nobody" {
  coracle network create one
  start web --network one
  start asker --network one
  run resolvers
  assert_output ''
  coracle exec asker resolve web
  run resolvers
  [ "${#lines[@]}" -eq 1 ]
  pid=$output
  run inside cat "/proc/$pid/status"
  assert_match '^Uid:[[:space:]]+65534[[:space:]]+65534[[:space:]]+65534[[:space:]]+65534$'
  assert_match '^CapEff:[[:space:]]+0000000000000000$'
  assert_match '^NoNewPrivs:[[:space:]]+1$'
  run inside readlink "/proc/$pid/root"
  assert_output "$CORACLE_RUN_ROOT/names"
  run inside awk '/^Private_Dirty:/ {print $2}' "/proc/$pid/smaps_rollup"
  [ "$output" -lt 300 ] || _mismatch 'the resolver is too large'
  inside kill -9 "$pid"
  run coracle exec asker resolve web
  assert_output "$(address_on web one IPAddress)"
  coracle stop -t 0 asker
  none_left() { [ -z "$(resolvers)" ]; }
  wait_until none_left
}

@test "a program of the container can have port 53 of all its addresses" {
  coracle network create one
  start web --network one
  start server --network one
  inside nsenter --net="/proc/$(coracle inspect server -f '{{.State.Pid}}')/ns/net" setsid "$WORK/probe" nameserver 0.0.0.0 \
    >"$WORK/own.log" 2>&1 3>&- </dev/null &
  wait_until file_has "$WORK/own.log" ready
  run coracle exec server resolve web
  assert_output "$(address_on web one IPAddress)"
  inside pkill -xf "$WORK/probe nameserver 0.0.0.0"
}
