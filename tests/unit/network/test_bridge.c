/* Bridges, their tables and endpoints: making, repairing, races. Live, in network namespaces of the test's own. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "network/bridge.h"
#include "network/endpoint.h"
#include "network/link.h"
#include "network/netlink.h"
#include "place.h"

#define PROCESSES 16
#define ROUNDS	  8

static const struct place host;
static struct bridge bridge;

#define assert_success(expression)                                                                                     \
	do {                                                                                                           \
		if ((expression) < 0)                                                                                  \
			fail_msg("%s: %s", #expression, err.message);                                                  \
	} while (0)

static int set_up(void **state)
{
	const char *reason = place_enter_host();
	if (reason) {
		print_message("skipped: %s\n", reason);
		exit(77);
	}
	bridge = (struct bridge){.name = "coracle0", .prefix_length = 16};
	inet_pton(AF_INET, "172.17.0.0", &bridge.subnet);
	inet_pton(AF_INET, "172.17.0.1", &bridge.gateway);
	return place_execute(&host, "ip", "link", "set", "lo", "up", NULL) ? 0 : -1;
}

static struct link_status query(const char *name)
{
	struct error err = {0};
	struct link_status status = {0};
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, &err);
	assert_success(fd);
	assert_success(link_query(fd, name, &status, &err));
	return status;
}

static void test_make_and_remove(void **state)
{
	struct error err = {0};
	bool was_made = false;
	assert_success(bridge_ensure_reporting(&bridge, &was_made, &err));
	assert_true(was_made);
	struct link_status status = query("coracle0");
	assert_true(status.is_bridge && status.is_up && status.routes_localnet && !status.has_ipv6);
	assert_int_equal(status.address.s_addr, bridge.gateway.s_addr);
	assert_true(place_execute(&host, "grep", "-q", "1", "/proc/sys/net/ipv4/ip_forward", NULL));
	assert_true(place_execute(&host, "sh", "-c", "ip link show coracle0 | grep -q 02:42:ac:11:00:01", NULL));
	/* Nothing to do. */
	assert_success(bridge_ensure_reporting(&bridge, &was_made, &err));
	assert_false(was_made);
	assert_success(bridge_remove(&bridge, &err));
	assert_int_equal(query("coracle0").index, 0);
	assert_false(place_execute(&host, "sh", "-c", "nft list table ip coracle0 2>/dev/null", NULL));
	assert_success(bridge_remove(&bridge, &err));
}

/* What each ruin leaves is repaired, and the caller hears of an emptied table. */
static void test_repair(void **state)
{
	static const struct {
		const char *ruin;
		bool table_is_lost;
	} cases[] = {
		{"nft flush ruleset", true},
		{"nft flush table ip coracle0", true},
		{"nft flush chain ip coracle0 forward", true},
		{"nft delete chain ip coracle0 raw", true},
		{"nft delete table ip coracle0", true},
		{"ip link delete coracle0", false},
		{"ip link set coracle0 down", false},
		{"ip address flush dev coracle0", false},
		{"echo 0 > /proc/sys/net/ipv4/conf/coracle0/route_localnet", false},
		{"echo 0 > /proc/sys/net/ipv6/conf/coracle0/disable_ipv6", false},
		{"echo 0 > /proc/sys/net/ipv4/ip_forward", false},
		/* What an administrator adds stays. */
		{"nft add rule ip coracle0 forward counter", false},
	};
	struct error err = {0};
	bool was_made;
	assert_success(bridge_ensure(&bridge, &err));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!place_execute(&host, "sh", "-c", cases[i].ruin, NULL))
			fail_msg("%s", cases[i].ruin);
		assert_success(bridge_ensure_reporting(&bridge, &was_made, &err));
		if (was_made != cases[i].table_is_lost)
			fail_msg("%s: table was%s made", cases[i].ruin, was_made ? "" : " not");
		struct link_status status = query("coracle0");
		if (!status.is_bridge || !status.is_up || !status.routes_localnet || status.has_ipv6 ||
		    status.address.s_addr != bridge.gateway.s_addr)
			fail_msg("%s: the interface is not repaired", cases[i].ruin);
		assert_true(place_execute(&host, "grep", "-q", "1", "/proc/sys/net/ipv4/ip_forward", NULL));
		assert_true(place_execute(&host, "sh", "-c",
					  "nft list table ip coracle0 | grep -q 'dnat ip to ip daddr'", NULL));
	}
	/* Another subnet is another table. */
	struct bridge other = bridge;
	other.prefix_length = 24;
	assert_success(bridge_ensure_reporting(&other, &was_made, &err));
	assert_true(was_made);
	assert_success(bridge_remove(&bridge, &err));
}

static int ensure_once(void *context)
{
	struct error err = {0};
	bool was_made = false;
	if (bridge_ensure_reporting(&bridge, &was_made, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 2;
	}
	return was_made ? 1 : 0;
}

/* 16 at once, from nothing and from a flushed ruleset: all succeed, exactly one is told to publish again. */
static void test_concurrent(void **state)
{
	for (int round = 0; round < ROUNDS; round++) {
		pid_t pids[PROCESSES];
		for (int i = 0; i < PROCESSES; i++) {
			pids[i] = fork();
			assert_true(pids[i] >= 0);
			if (pids[i] == 0)
				_exit(ensure_once(NULL));
		}
		int made = 0;
		for (int i = 0; i < PROCESSES; i++) {
			int status = -1;
			waitpid(pids[i], &status, 0);
			assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
			made += WEXITSTATUS(status);
		}
		assert_int_equal(made, 1);
		struct link_status status = query("coracle0");
		assert_true(status.is_up && status.routes_localnet && !status.has_ipv6);
		struct error err = {0};
		if (round % 2)
			assert_success(bridge_remove(&bridge, &err));
		else
			assert_true(place_execute(&host, "nft", "flush", "ruleset", NULL));
	}
}

static void test_bad_names(void **state)
{
	struct error err = {0};
	const char *names[] = {NULL, "", "sixteen-bytes-xx", "a/b", "..", "a b"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct bridge bad = bridge;
		bad.name = names[i];
		assert_int_equal(bridge_ensure(&bad, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
	struct bridge taken = bridge;
	taken.name = "taken0";
	assert_true(
		place_execute(&host, "ip", "link", "add", "taken0", "type", "veth", "peer", "name", "taken1", NULL));
	assert_int_equal(bridge_ensure(&taken, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "taken0 exists and is not a bridge"));
	assert_true(place_execute(&host, "ip", "link", "del", "taken0", NULL));
}

static int ensure_without_proc_sys(void *context)
{
	struct error err = {0};
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, "/proc/sys", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		return 3;
	if (bridge_ensure(&bridge, &err) == 0)
		return 4;
	if (!strstr(err.message, "read-only") || !strstr(err.message, "sysctl -w net."))
		return 5;
	if (mount("none", "/proc/sys", "tmpfs", 0, NULL) < 0 || mkdir("/proc/sys/net", 0700) < 0 ||
	    mkdir("/proc/sys/net/ipv4", 0700) < 0)
		return 6;
	cleanup_close int fd = open("/proc/sys/net/ipv4/ip_forward", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, "1\n", 2) != 2)
		return 7;
	return bridge_ensure(&bridge, &err) < 0 && strstr(err.message, "not of procfs") ? 0 : 8;
}

static void test_settings_refused(void **state)
{
	struct error err = {0};
	assert_success(bridge_remove(&bridge, &err));
	assert_true(place_set(&host, "/proc/sys/net/ipv4/ip_forward", "0"));
	assert_int_equal(place_run(&host, ensure_without_proc_sys, NULL), 0);
	assert_success(bridge_ensure(&bridge, &err));
	assert_success(bridge_remove(&bridge, &err));
}

static void test_choose_subnet(void **state)
{
	struct error err = {0};
	struct in_addr subnet;
	struct in_addr gateway;
	int prefix_length;
	static const struct {
		const char *route; /* added before */
		const char *subnet;
	} cases[] = {
		{NULL, "172.17.0.0"},
		{"172.17.5.0/24", "172.18.0.0"}, /* a part is enough */
		{"172.18.0.0/15", "172.20.0.0"}, /* so is a whole */
		{"10.0.0.0/8", "172.20.0.0"},	 /* elsewhere */
		{"172.16.0.0/12", "192.168.0.0"},
		{"192.168.1.0/24", "192.168.16.0"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (cases[i].route)
			assert_true(place_execute(&host, "ip", "route", "add", cases[i].route, "dev", "lo", NULL));
		assert_success(bridge_choose_subnet(NULL, 0, &subnet, &prefix_length, &gateway, &err));
		assert_string_equal(inet_ntoa(subnet), cases[i].subnet);
		assert_int_equal(prefix_length, strncmp(cases[i].subnet, "172", 3) == 0 ? 16 : 20);
		assert_int_equal(ntohl(gateway.s_addr), ntohl(subnet.s_addr) + 1);
	}
	assert_true(place_execute(&host, "ip", "route", "add", "192.168.0.0/16", "dev", "lo", NULL));
	assert_int_equal(bridge_choose_subnet(NULL, 0, &subnet, &prefix_length, &gateway, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_true(place_execute(&host, "ip", "route", "flush", "dev", "lo", "scope", "link", NULL));
}

static void test_endpoint(void **state)
{
	struct error err = {0};
	struct endpoint endpoint = {.bridge = &bridge,
				    .host_interface = "veth01234567",
				    .container_interface = "eth0",
				    .hardware = {2, 0x42, 172, 17, 0, 2},
				    .is_gateway = true};
	inet_pton(AF_INET, "172.17.0.2", &endpoint.address);
	assert_success(bridge_ensure(&bridge, &err));
	struct place container;
	place_make(&container, &endpoint);
	assert_success(endpoint_attach(&endpoint, container.pid, &err));
	if (!place_configure(&container, &err))
		fail_msg("%s", err.message);
	assert_true(place_execute(&container, "sh", "-c", "ip link show eth0 | grep -q 02:42:ac:11:00:02", NULL));
	assert_true(place_execute(&container, "sh", "-c",
				  "ip address show eth0 | grep -q '172.17.0.2/16 brd 172.17.255.255'", NULL));
	assert_true(
		place_execute(&container, "sh", "-c", "ip route | grep -q 'default via 172.17.0.1 dev eth0'", NULL));
	assert_true(place_execute(&container, "sh", "-c", "ip address show lo | grep -q 127.0.0.1/8", NULL));
	/* No IPv6 for a neighbour to advertise a router to. */
	assert_false(place_execute(&container, "grep", "-q", "eth0", "/proc/net/if_inet6", NULL));
	/* The bridge's own address does not follow its ports. */
	assert_true(place_execute(&host, "sh", "-c", "ip link show coracle0 | grep -q 02:42:ac:11:00:01", NULL));
	assert_true(
		place_execute(&host, "sh", "-c", "bridge -d link show dev veth01234567 | grep -q 'hairpin on'", NULL));

	/* The same container again while its old interface is still there. */
	struct place second;
	place_make(&second, &endpoint);
	assert_success(endpoint_attach(&endpoint, second.pid, &err));
	if (!place_configure(&second, &err))
		fail_msg("%s", err.message);
	assert_success(endpoint_detach(&endpoint, &err));
	assert_int_equal(query("veth01234567").index, 0);
	assert_success(endpoint_detach(&endpoint, &err));
	place_end(&container);
	place_end(&second);

	/* Nobody there, no bridge. */
	assert_int_equal(endpoint_attach(&endpoint, 4194304 + 1, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_success(bridge_remove(&bridge, &err));
	assert_int_equal(endpoint_attach(&endpoint, getpid(), &err), -1);
	assert_string_equal(err.message, "interface coracle0 does not exist");
}

static void test_loopback_only(void **state)
{
	struct error err = {0};
	struct place container;
	place_make(&container, NULL);
	assert_false(place_execute(&container, "sh", "-c", "ip address show lo | grep -q 127.0.0.1", NULL));
	assert_true(place_configure(&container, &err));
	assert_true(place_execute(&container, "sh", "-c", "ip address show lo | grep -q 127.0.0.1", NULL));
	place_end(&container);
}

/* Configuring where no eth0 was put says so. */
static void test_not_attached(void **state)
{
	struct error err = {0};
	struct endpoint endpoint = {.bridge = &bridge, .host_interface = "veth0", .container_interface = "eth0"};
	struct place container;
	place_make(&container, &endpoint);
	assert_false(place_configure(&container, &err));
	assert_string_equal(err.message, "interface eth0 does not exist");
	place_end(&container);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_make_and_remove),	 cmocka_unit_test(test_repair),
		cmocka_unit_test(test_concurrent),	 cmocka_unit_test(test_bad_names),
		cmocka_unit_test(test_settings_refused), cmocka_unit_test(test_choose_subnet),
		cmocka_unit_test(test_endpoint),	 cmocka_unit_test(test_loopback_only),
		cmocka_unit_test(test_not_attached),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
