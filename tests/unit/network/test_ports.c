/* Published ports as packets see them: a host, another host beside it, containers; live, in namespaces of our own. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/time.h"
#include "network/bridge.h"
#include "network/endpoint.h"
#include "place.h"

#define HOST_ADDRESS	 "10.9.0.1"
#define OTHER_ADDRESS	 "10.9.0.2"
#define CONTAINER_PORT	 8080
#define PORTS_AT_ONCE	 1000
#define BRIDGE_NETFILTER "/proc/sys/net/bridge/bridge-nf-call-iptables"

struct container {
	struct endpoint endpoint;
	struct place place;
	pid_t servers[2];
};

static const struct place host;
static struct place other;
static struct bridge bridge;
static struct container first;
static struct container second;
static char answer[ANSWER_SIZE];

#define assert_success(expression)                                                                                     \
	do {                                                                                                           \
		if ((expression) < 0)                                                                                  \
			fail_msg("%s: %s", #expression, err.message);                                                  \
	} while (0)

static struct published_port port_of(const char *address, uint16_t host_port, bool is_udp)
{
	struct published_port port = {.host_port = host_port,
				      .container_port = CONTAINER_PORT,
				      .family = AF_INET,
				      .protocol = is_udp ? PORT_UDP : PORT_TCP};
	inet_pton(AF_INET, address, &port.host_address);
	return port;
}

static void start_container(struct container *container, const struct bridge *on, const char *interface,
			    const char *address)
{
	struct error err = {0};
	container->endpoint = (struct endpoint){
		.bridge = on, .container_interface = "eth0", .hardware = {2, 0x42}, .is_gateway = true};
	snprintf(container->endpoint.host_interface, sizeof container->endpoint.host_interface, "%s", interface);
	inet_pton(AF_INET, address, &container->endpoint.address);
	memcpy(container->endpoint.hardware + 2, &container->endpoint.address, sizeof container->endpoint.address);
	place_make(&container->place, &container->endpoint);
	assert_success(endpoint_attach(&container->endpoint, container->place.pid, &err));
	if (!place_configure(&container->place, &err))
		fail_msg("%s", err.message);
	for (int is_udp = 0; is_udp < 2; is_udp++)
		container->servers[is_udp] = place_serve(&container->place, is_udp, CONTAINER_PORT);
}

static void end_container(struct container *container)
{
	for (int i = 0; i < 2; i++) {
		kill(container->servers[i], SIGKILL);
		waitpid(container->servers[i], NULL, 0);
	}
	place_end(&container->place);
}

static bool run(const struct place *place, const char *command)
{
	return place_execute(place, "sh", "-c", command, NULL);
}

static int set_up(void **state)
{
	struct error err = {0};
	const char *reason = place_enter_host();
	if (reason) {
		print_message("skipped: %s\n", reason);
		exit(77);
	}
	bridge = (struct bridge){.name = "coracle0", .prefix_length = 16};
	inet_pton(AF_INET, "172.17.0.0", &bridge.subnet);
	inet_pton(AF_INET, "172.17.0.1", &bridge.gateway);
	place_make(&other, NULL);
	char command[256];
	snprintf(command, sizeof command,
		 "ip link set lo up && ip link add wan type veth peer name eth0 netns %d && "
		 "ip address add " HOST_ADDRESS "/24 dev wan && ip link set wan up",
		 (int)other.pid);
	if (!run(&host, command) ||
	    !run(&other, "ip address add " OTHER_ADDRESS "/24 dev eth0 && ip link set eth0 up") ||
	    bridge_ensure(&bridge, &err) < 0)
		return -1;
	start_container(&first, &bridge, "veth00000001", "172.17.0.2");
	start_container(&second, &bridge, "veth00000002", "172.17.0.3");
	return 0;
}

static int tear_down(void **state)
{
	end_container(&first);
	end_container(&second);
	place_end(&other);
	return 0;
}

static bool ask(const struct place *place, bool is_udp, const char *address, uint16_t port)
{
	return place_ask(place, is_udp, address, port, answer);
}

/* From everywhere, TCP and UDP; others are seen as who they are (CVE-2021-20199). */
static void test_wildcard(void **state)
{
	struct error err = {0};
	for (int is_udp = 0; is_udp < 2; is_udp++) {
		struct published_port port = port_of("0.0.0.0", 30001, is_udp);
		assert_false(ask(&other, is_udp, HOST_ADDRESS, 30001));
		assert_success(endpoint_publish(&first.endpoint, &port, 1, &err));
		assert_true(ask(&host, is_udp, "127.0.0.1", 30001));
		assert_string_equal(answer, "172.17.0.1");
		assert_true(ask(&host, is_udp, HOST_ADDRESS, 30001));
		assert_true(ask(&other, is_udp, HOST_ADDRESS, 30001));
		assert_string_equal(answer, OTHER_ADDRESS);
		assert_true(ask(&host, is_udp, "172.17.0.2", CONTAINER_PORT));
		/* The other protocol is not published. */
		assert_false(ask(&other, !is_udp, HOST_ADDRESS, 30001));
		assert_success(endpoint_unpublish(&first.endpoint, &port, 1, &err));
		assert_false(ask(&other, is_udp, HOST_ADDRESS, 30001));
		assert_false(ask(&host, is_udp, "127.0.0.1", 30001));
	}
}

/* A container and its neighbour ask for its published port, whether bridged packets pass nftables or not. */
static void test_hairpin(void **state)
{
	struct error err = {0};
	bool has_setting = access(BRIDGE_NETFILTER, F_OK) == 0;
	struct published_port port = port_of("0.0.0.0", 30002, false);
	assert_success(endpoint_publish(&first.endpoint, &port, 1, &err));
	for (int on = 0; on < (has_setting ? 2 : 1); on++) {
		if (has_setting)
			assert_true(place_set(&host, BRIDGE_NETFILTER, on ? "1" : "0"));
		assert_true(ask(&first.place, false, HOST_ADDRESS, 30002));
		assert_true(ask(&first.place, false, "172.17.0.1", 30002));
		assert_true(ask(&second.place, false, HOST_ADDRESS, 30002));
		/* Directly, as who it is. */
		assert_true(ask(&second.place, false, "172.17.0.2", CONTAINER_PORT));
		assert_string_equal(answer, "172.17.0.3");
		assert_true(ask(&other, false, HOST_ADDRESS, 30002));
		assert_string_equal(answer, OTHER_ADDRESS);
		assert_true(ask(&host, false, "127.0.0.1", 30002));
	}
	assert_success(endpoint_unpublish(&first.endpoint, &port, 1, &err));
}

static void test_outgoing(void **state)
{
	for (int is_udp = 0; is_udp < 2; is_udp++) {
		pid_t server = place_serve(&other, is_udp, 9000);
		assert_true(ask(&first.place, is_udp, OTHER_ADDRESS, 9000));
		assert_string_equal(answer, HOST_ADDRESS);
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
}

/* -p 127.0.0.1:… is for this host alone, whatever routes and settings another host plays with. */
static void test_loopback_only(void **state)
{
	struct error err = {0};
	struct published_port port = port_of("127.0.0.1", 30003, false);
	assert_success(endpoint_publish(&first.endpoint, &port, 1, &err));
	assert_true(ask(&host, false, "127.0.0.1", 30003));
	assert_false(ask(&host, false, HOST_ADDRESS, 30003));
	assert_false(ask(&other, false, HOST_ADDRESS, 30003));
	/* 127.0.0.1 over the wire; even with route_localnet on everywhere. */
	assert_true(run(&other, "ip link set lo down; ip route add 127.0.0.1/32 via " HOST_ADDRESS " && "
				"echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet && "
				"ip route add 172.17.0.0/16 via " HOST_ADDRESS));
	assert_true(place_set(&host, "/proc/sys/net/ipv4/conf/wan/route_localnet", "1"));
	assert_false(place_ask_from(&other, false, OTHER_ADDRESS, "127.0.0.1", 30003, answer));
	/* The container's own address: published or not, not from outside. */
	assert_false(ask(&other, false, "172.17.0.2", CONTAINER_PORT));
	assert_false(ask(&other, true, "172.17.0.2", CONTAINER_PORT));
	/* That these tries can succeed is seen where nothing guards. */
	assert_true(run(&host, "nft flush chain ip coracle0 forward && nft flush chain ip coracle0 raw"));
	assert_true(place_ask_from(&other, false, OTHER_ADDRESS, "127.0.0.1", 30003, answer));
	assert_true(ask(&other, false, "172.17.0.2", CONTAINER_PORT));
	bool was_made = false;
	assert_success(bridge_ensure_reporting(&bridge, &was_made, &err));
	assert_true(was_made);
	assert_false(ask(&host, false, "127.0.0.1", 30003));
	assert_true(place_set(&host, "/proc/sys/net/ipv4/conf/wan/route_localnet", "0"));
}

/* A container that says it is 127.0.0.2 is not heard by the host's services. */
static void test_spoofed_loopback(void **state)
{
	assert_true(run(&first.place, "echo 1 > /proc/sys/net/ipv4/conf/eth0/route_localnet && "
				      "ip address add 127.0.0.2/32 dev eth0"));
	pid_t server = place_serve(&host, true, 7777);
	assert_true(run(&host, "nft 'add table ip probe; add chain ip probe input { type filter hook input priority 0; "
			       "}; add rule ip probe input iifname coracle0 ip saddr 127.0.0.2 counter'"));
	assert_true(ask(&first.place, true, "172.17.0.1", 7777));
	assert_false(place_ask_from(&first.place, true, "127.0.0.2", "172.17.0.1", 7777, answer));
	assert_true(run(&host, "nft list table ip probe | grep -q 'counter packets 0 '"));
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	assert_true(run(&host, "nft delete table ip probe"));
}

/* CVE-2025-54388, CVE-2025-54410: a firewall's reload must not leave containers open once we are asked again. */
static void test_flush_and_repair(void **state)
{
	struct error err = {0};
	struct published_port port = port_of("0.0.0.0", 30004, false);
	bool was_made = false;
	assert_success(endpoint_publish(&first.endpoint, &port, 1, &err));
	assert_true(run(&host, "nft flush ruleset"));
	assert_false(ask(&other, false, HOST_ADDRESS, 30004));
	assert_int_equal(endpoint_publish(&first.endpoint, &port, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_success(endpoint_unpublish(&first.endpoint, &port, 1, &err));
	assert_success(bridge_ensure_reporting(&bridge, &was_made, &err));
	assert_true(was_made);
	assert_success(endpoint_publish(&first.endpoint, &port, 1, &err));
	assert_true(ask(&other, false, HOST_ADDRESS, 30004));
	assert_false(ask(&other, false, "172.17.0.2", CONTAINER_PORT));
	assert_success(endpoint_unpublish(&first.endpoint, &port, 1, &err));
}

static void test_publish_again(void **state)
{
	struct error err = {0};
	struct published_port ports[] = {port_of("0.0.0.0", 30005, false), port_of(HOST_ADDRESS, 30006, false),
					 port_of("0.0.0.0", 30007, false)};
	assert_success(endpoint_publish(&first.endpoint, ports, 2, &err));
	assert_success(endpoint_publish(&first.endpoint, ports, 2, &err));
	assert_true(ask(&other, false, HOST_ADDRESS, 30006));
	assert_false(ask(&host, false, "127.0.0.1", 30006));
	/* Left over from a container that was killed: leads to the new one. */
	end_container(&first);
	assert_false(ask(&other, false, HOST_ADDRESS, 30005));
	assert_success(endpoint_publish(&second.endpoint, ports, 3, &err));
	assert_true(ask(&other, false, HOST_ADDRESS, 30005));
	assert_success(endpoint_unpublish(&second.endpoint, &ports[1], 1, &err));
	/* Partly absent. */
	assert_success(endpoint_unpublish(&second.endpoint, ports, 3, &err));
	assert_success(endpoint_unpublish(&second.endpoint, ports, 3, &err));
	assert_false(ask(&other, false, HOST_ADDRESS, 30005));
	start_container(&first, &bridge, "veth00000001", "172.17.0.2");
	struct published_port none = port_of("0.0.0.0", 0, false);
	assert_int_equal(endpoint_publish(&first.endpoint, &none, 1, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
}

static void test_many_ports(void **state)
{
	struct error err = {0};
	static const size_t counts[] = {PORTS_AT_ONCE, 40000};
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		size_t count = counts[i];
		cleanup_free struct published_port *ports = allocate_array(count, sizeof *ports);
		for (size_t k = 0; k < count; k++)
			ports[k] = port_of(k % 3 ? "0.0.0.0" : HOST_ADDRESS, (uint16_t)(20000 + k), k % 2);
		nanoseconds start = time_monotonic();
		assert_success(endpoint_publish(&first.endpoint, ports, count, &err));
		nanoseconds published = time_monotonic();
		assert_true(ask(&other, false, HOST_ADDRESS, 20000));
		assert_true(ask(&other, (count - 1) % 2, HOST_ADDRESS, (uint16_t)(20000 + count - 1)));
		nanoseconds before_end = time_monotonic();
		assert_success(endpoint_unpublish(&first.endpoint, ports, count, &err));
		print_message("%zu ports: published in %.2f ms, unpublished in %.2f ms\n", count,
			      (double)(published - start) / 1e6, (double)(time_monotonic() - before_end) / 1e6);
		assert_false(ask(&other, false, HOST_ADDRESS, 20000));
	}
	cleanup_free struct published_port *too_many = allocate_array(70000, sizeof *too_many);
	for (size_t k = 0; k < 70000; k++)
		too_many[k] = port_of("0.0.0.0", 1, false);
	assert_int_equal(endpoint_publish(&first.endpoint, too_many, 70000, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

static void test_two_bridges(void **state)
{
	struct error err = {0};
	struct bridge neighbour = {.name = "cor-12345678", .prefix_length = 24};
	inet_pton(AF_INET, "172.18.5.0", &neighbour.subnet);
	inet_pton(AF_INET, "172.18.5.1", &neighbour.gateway);
	assert_success(bridge_ensure(&neighbour, &err));
	struct container third;
	start_container(&third, &neighbour, "veth00000003", "172.18.5.2");
	struct published_port ports[] = {port_of("0.0.0.0", 30008, false), port_of("0.0.0.0", 30009, false)};
	assert_success(endpoint_publish(&first.endpoint, &ports[0], 1, &err));
	assert_success(endpoint_publish(&third.endpoint, &ports[1], 1, &err));
	for (uint16_t port = 30008; port <= 30009; port++) {
		assert_true(ask(&host, false, "127.0.0.1", port));
		assert_true(ask(&other, false, HOST_ADDRESS, port));
		assert_string_equal(answer, OTHER_ADDRESS);
		assert_true(ask(&first.place, false, HOST_ADDRESS, port));
		assert_true(ask(&third.place, false, HOST_ADDRESS, port));
	}
	/* Only what is published. */
	assert_false(ask(&third.place, false, "172.17.0.2", CONTAINER_PORT));
	assert_false(ask(&first.place, false, "172.18.5.2", CONTAINER_PORT));
	assert_success(endpoint_unpublish(&first.endpoint, &ports[0], 1, &err));
	end_container(&third);
	assert_success(bridge_remove(&neighbour, &err));
	assert_true(ask(&host, false, "172.17.0.2", CONTAINER_PORT));
}

/* No packet is lost at the start: TCP would try again only after a second. */
static void test_first_packet(void **state)
{
	struct error err = {0};
	pid_t server = place_serve(&other, false, 9001);
	for (int i = 0; i < 20; i++) {
		struct container fresh = {.endpoint = {.bridge = &bridge,
						       .host_interface = "veth00000004",
						       .container_interface = "eth0",
						       .hardware = {2, 0x42, 172, 17, 0, 9},
						       .is_gateway = true}};
		inet_pton(AF_INET, "172.17.0.9", &fresh.endpoint.address);
		place_make(&fresh.place, &fresh.endpoint);
		nanoseconds start = time_monotonic();
		assert_success(endpoint_attach(&fresh.endpoint, fresh.place.pid, &err));
		nanoseconds attached = time_monotonic();
		assert_true(place_configure(&fresh.place, &err));
		nanoseconds configured = time_monotonic();
		assert_true(ask(&fresh.place, false, OTHER_ADDRESS, 9001));
		nanoseconds answered = time_monotonic();
		assert_success(endpoint_detach(&fresh.endpoint, &err));
		if (i % 5 == 0)
			print_message("attach %.2f ms, configure %.2f ms, first answer %.2f ms, detach %.2f ms\n",
				      (double)(attached - start) / 1e6, (double)(configured - attached) / 1e6,
				      (double)(answered - configured) / 1e6,
				      (double)(time_monotonic() - answered) / 1e6);
		place_end(&fresh.place);
	}
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
}

static void test_port_free(void **state)
{
	struct error err = {0};
	for (int is_udp = 0; is_udp < 2; is_udp++) {
		pid_t server = place_serve(&host, is_udp, 5555);
		struct published_port port = port_of("0.0.0.0", 5555, is_udp);
		assert_int_equal(endpoint_check_port_free(&port, &err), -1);
		assert_int_equal(err.kind, ERROR_CONFLICT);
		assert_non_null(
			strstr(err.message, "failed to bind host port for 0.0.0.0:5555: address already in use (by "));
		port = port_of("0.0.0.0", 5555, !is_udp);
		assert_success(endpoint_check_port_free(&port, &err));
		/* Connections that were served and are being closed do not count. */
		assert_true(ask(&host, is_udp, "127.0.0.1", 5555));
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
		port = port_of("127.0.0.1", 5555, is_udp);
		assert_success(endpoint_check_port_free(&port, &err));
	}
	struct published_port port = port_of("203.0.113.7", 5555, false);
	assert_int_equal(endpoint_check_port_free(&port, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_non_null(strstr(err.message, "cannot assign requested address"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wildcard),	 cmocka_unit_test(test_hairpin),
		cmocka_unit_test(test_outgoing),	 cmocka_unit_test(test_loopback_only),
		cmocka_unit_test(test_spoofed_loopback), cmocka_unit_test(test_flush_and_repair),
		cmocka_unit_test(test_publish_again),	 cmocka_unit_test(test_many_ports),
		cmocka_unit_test(test_two_bridges),	 cmocka_unit_test(test_first_packet),
		cmocka_unit_test(test_port_free),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
