# Many containers: at once, side by side, and one after the other. CORACLE_TEST_ALL=1: 1,000 side by side, and 10,000 one
# after the other, which takes minutes.
load helper

setup_file() { sandbox_up && import_probe; }
teardown_file() { sandbox_down; }
teardown() { remove_containers; }

# at_once COUNT WORDS…: as many `coracle WORDS`, where @ is the number; the exit codes that were not 0.
at_once() {
  local count=$1
  shift
  inside bash -c 'seq "$0" | xargs -P "$0" -I @ coracle "$@" >"$WORK/at-once" 2>&1 || { cat "$WORK/at-once"; exit 1; }' \
    "$count" "$@"
}

addresses() { coracle inspect --format '{{.NetworkSettings.IPAddress}}' $(coracle ps -q); }

database_pages() { inside sqlite3 "$CORACLE_ROOT/coracle.db" 'PRAGMA page_count'; }

# What there is of everything that a container could leave behind, a line each.
inventory() {
  inside bash -c '
    echo "mounts: $(wc -l </proc/self/mountinfo)"
    echo "interfaces: $(ip -o link | grep -c veth)"
    echo "rules: $(nft list ruleset | wc -l)"
    echo "cgroups: $(find /sys/fs/cgroup -path "*coracle*" -type d | wc -l)"
    echo "processes: $(pgrep -c coracle)"
    find "$CORACLE_ROOT" "$CORACLE_RUN_ROOT" ! -name "coracle.db*" ! -name "events*" ! -path "*/removed-logs/*" |
      sed -E "s/[0-9a-f]{64}/ID/g" | sort | uniq -c
    echo "rows: $(sqlite3 "$CORACLE_ROOT/coracle.db" "SELECT (SELECT count(*) FROM container), (SELECT count(*) FROM address),
      (SELECT count(*) FROM port), (SELECT count(*) FROM volume)")"'
}

@test "200 containers started at once, and removed at once" {
  at_once 200 run -d --name at-once-@ -p 127.0.0.1::80 probe:1 hold
  [ "$(coracle ps -q | wc -l)" -eq 200 ]
  [ "$(addresses | sort -u | wc -l)" -eq 200 ]
  [ "$(coracle ps --format '{{.Ports}}' | sort -u | wc -l)" -eq 200 ]
  at_once 200 exec at-once-@ true
  at_once 200 rm -f at-once-@
  run coracle ps -aq
  assert_output ''
}

@test "many containers side by side: each has its address, and can be spoken to" {
  count=250
  [ -z "${CORACLE_TEST_ALL:-}" ] || count=1000
  inside bash -c 'seq "$0" | xargs -P 4 -I @ coracle run -d --name many-@ probe:1 hold >/dev/null' $count
  [ "$(coracle ps -q | wc -l)" -eq $count ]
  [ "$(addresses | sort -u | wc -l)" -eq $count ]
  run coracle exec many-$count hostname
  assert_exit 0
  [ "$(inside pgrep -c coracle-monitor)" -eq $count ]
  inside bash -c 'seq "$0" | xargs -P 4 -n 50 printf "many-%s\n" | xargs coracle rm -f >/dev/null' $count
  run coracle ps -aq
  assert_output ''
}

@test "many runs one after the other leave nothing: no mount, interface, rule, control group, process, file, row" {
  cycles=12
  [ -z "${CORACLE_TEST_ALL:-}" ] || cycles=1250
  # Eight containers each.
  cycle='for i in $(seq "$0"); do
    coracle run --rm probe:1 true
    coracle run --rm -p 8080:80 -v /data --tmpfs /tmp probe:1 say hello >/dev/null
    coracle run --rm --network host probe:1 exit 3 || [ $? -eq 3 ]
    coracle run -d --rm --name one -v named:/data probe:1 hold >/dev/null
    coracle exec one true
    coracle rm -f one >/dev/null
    coracle run -d --name two probe:1 hold >/dev/null
    coracle stop -t 0 two >/dev/null && coracle start two >/dev/null && coracle restart -t 0 two >/dev/null
    kill -KILL $(pgrep -f "coracle-monitor.*$(coracle inspect --format {{.Id}} two)")
    coracle rm -f two >/dev/null
    ! coracle run --rm probe:1 nosuch 2>/dev/null
  done'
  inside bash -ec "$cycle" 2
  before=$(inventory) pages=$(database_pages)
  inside bash -ec "$cycle" $cycles
  [ "$(database_pages)" -lt $((pages + 20)) ]
  # The kernel takes dead network namespaces down in its own time.
  for tries in {1..40}; do
    after=$(inventory)
    [ "$after" != "$before" ] || return 0
    sleep 0.5
  done
  diff <(echo "$before") <(echo "$after")
}
