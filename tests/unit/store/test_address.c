#include <arpa/inet.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/address.h"
#include "support.h"

static void add_network(struct store *store, const char *subnet, int prefix_length, const char *gateway,
			struct network_record *ret_record)
{
	struct error err = {0};
	struct network_record record = {
		.name = (char *)"bridge", .bridge = (char *)"cor0", .prefix_length = prefix_length};
	inet_pton(AF_INET, subnet, &record.subnet);
	inet_pton(AF_INET, gateway, &record.gateway);
	assert_ok(network_record_add(store, &record, &err), &err);
	assert_ok(network_record_find(store, "bridge", ret_record, &err), &err);
}

static void assign(struct store *store, const struct network_record *network, const char *container, const char *wanted)
{
	struct error err = {0};
	struct in_addr address;
	char text[INET_ADDRSTRLEN];
	assert_ok(address_assign(store, network, container, &address, &err), &err);
	inet_ntop(AF_INET, &address, text, sizeof text);
	assert_string_equal(text, wanted);
}

static void records_networks(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	cleanup_network_record struct network_record network = {0};
	assert_fails(network_record_find(store, "bridge", &network, &err), &err, ERROR_NOT_FOUND);
	add_network(store, "172.17.0.0", 16, "172.17.0.1", &network);
	assert_string_equal(network.bridge, "cor0");
	assert_int_equal(network.prefix_length, 16);
	assert_int_equal(network.gateway.s_addr, inet_addr("172.17.0.1"));
	assert_fails(network_record_add(store, &network, &err), &err, ERROR_CONFLICT);
	network.gateway.s_addr = inet_addr("10.0.0.1");
	assert_fails(network_record_add(store, &network, &err), &err, ERROR_INVALID);
	network.prefix_length = 31;
	assert_fails(network_record_add(store, &network, &err), &err, ERROR_INVALID);
}

static void goes_round(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct in_addr address;
	cleanup_network_record struct network_record network = {0};
	add_network(store, "10.0.0.8", 29, "10.0.0.10", &network);
	assign(store, &network, "a", "10.0.0.9");
	assign(store, &network, "b", "10.0.0.11");
	assign(store, &network, "b", "10.0.0.11");
	assert_ok(address_release(store, "a", &err), &err);
	/* Not the one that has just been let go. */
	assign(store, &network, "c", "10.0.0.12");
	assign(store, &network, "d", "10.0.0.13");
	assign(store, &network, "e", "10.0.0.14");
	assign(store, &network, "f", "10.0.0.9");
	assert_fails(address_assign(store, &network, "g", &address, &err), &err, ERROR_LIMIT);
	assert_string_equal(err.message, "no available IPv4 addresses on network bridge");
	assert_ok(address_find(store, "e", &address, &err), &err);
	assert_int_equal(address.s_addr, inet_addr("10.0.0.14"));
	assert_ok(address_release(store, "e", &err), &err);
	assert_fails(address_find(store, "e", &address, &err), &err, ERROR_NOT_FOUND);
	assign(store, &network, "g", "10.0.0.14");
	network.name[0] = 'x';
	assert_fails(address_assign(store, &network, "h", &address, &err), &err, ERROR_NOT_FOUND);
}

static void reserves_ports(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct in_addr any = {0}, local, other;
	inet_pton(AF_INET, "127.0.0.1", &local);
	inet_pton(AF_INET, "10.1.1.1", &other);
	cleanup_container_record struct container_record record = {0};
	make_record(store, "holder", NULL, &record);
	assert_ok(container_add(store, &record, &err), &err);
	assert_ok(port_reserve(store, record.id, any, 30001, false, &err), &err);
	assert_fails(port_reserve(store, "b", any, 30001, false, &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "Bind for 0.0.0.0:30001 failed: port is already allocated"));
	assert_non_null(strstr(err.message, "holder"));
	assert_fails(port_reserve(store, "b", local, 30001, false, &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "Bind for 127.0.0.1:30001 failed"));
	assert_ok(port_reserve(store, "b", any, 30001, true, &err), &err);
	assert_ok(port_reserve(store, "b", local, 30002, false, &err), &err);
	assert_ok(port_reserve(store, "c", other, 30002, false, &err), &err);
	assert_fails(port_reserve(store, "d", any, 30002, false, &err), &err, ERROR_CONFLICT);
	assert_fails(port_reserve(store, "d", any, 0, false, &err), &err, ERROR_CONFLICT);
	assert_ok(address_release(store, "b", &err), &err);
	assert_ok(container_remove(store, record.id, &err), &err);
	assert_ok(port_reserve(store, "b", local, 30001, false, &err), &err);
}

#define PROCESSES   16
#define EACH_ASSIGN 12

static void no_two_get_one_address(void **state)
{
	struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_network_record struct network_record network = {0};
	add_network(fixture->store, "10.0.0.0", 24, "10.0.0.1", &network);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child)
			continue;
		struct store *store = NULL;
		if (store_open(fixture->root, fixture->run_root, &store, &err) < 0)
			_exit(2);
		for (int k = 0; k < EACH_ASSIGN; k++) {
			cleanup_free char *id = format_string("%d-%d", i, k);
			struct in_addr address;
			if (address_assign(store, &network, id, &address, &err) < 0 ||
			    port_reserve(store, id, (struct in_addr){0}, (uint16_t)(1000 + i * 100 + k), false, &err) <
				    0)
				_exit(3);
		}
		_exit(0);
	}
	for (int i = 0, status; i < PROCESSES; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	bool seen[256] = {false};
	for (int i = 0; i < PROCESSES * EACH_ASSIGN; i++) {
		cleanup_free char *id = format_string("%d-%d", i / EACH_ASSIGN, i % EACH_ASSIGN);
		struct in_addr address;
		assert_ok(address_find(fixture->store, id, &address, &err), &err);
		uint32_t last = ntohl(address.s_addr) & 255;
		assert_true(last > 1 && last < 255);
		assert_false(seen[last]);
		seen[last] = true;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(records_networks, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(goes_round, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(reserves_ports, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(no_two_get_one_address, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
