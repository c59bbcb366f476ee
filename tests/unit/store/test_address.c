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
	assert_ok(network_record_add(store, &record, NULL, NULL, &err), &err);
	assert_ok(network_record_find(store, "bridge", ret_record, &err), &err);
}

static void assign(struct store *store, const struct network_record *network, const char *container, const char *wanted)
{
	struct error err = {0};
	cleanup_address_record struct address_record address = {.container = duplicate_string(container)};
	char text[INET_ADDRSTRLEN];
	assert_ok(address_assign(store, network, &address, &err), &err);
	inet_ntop(AF_INET, &address.address, text, sizeof text);
	assert_string_equal(text, wanted);
}

/* The address alone; wanted: 0 is any. */
static int try_assign(struct store *store, const struct network_record *network, const char *container,
		      struct in_addr *ret_address, struct error *err)
{
	cleanup_address_record struct address_record address = {.container = duplicate_string(container)};
	int result = address_assign(store, network, &address, err);
	*ret_address = address.address;
	return result;
}

static size_t find_address(struct store *store, const char *container, struct in_addr *ret_address)
{
	struct error err = {0};
	cleanup_address_records struct address_records records = {0};
	assert_ok(address_list(store, NULL, container, &records, &err), &err);
	if (records.count)
		*ret_address = records.items[0].address;
	return records.count;
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
	assert_fails(network_record_add(store, &network, NULL, NULL, &err), &err, ERROR_CONFLICT);
	free(network.name);
	network.name = duplicate_string("other");
	network.gateway.s_addr = inet_addr("10.0.0.1");
	assert_fails(network_record_add(store, &network, NULL, NULL, &err), &err, ERROR_INVALID);
	network.prefix_length = 31;
	assert_fails(network_record_add(store, &network, NULL, NULL, &err), &err, ERROR_INVALID);
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
	assert_fails(try_assign(store, &network, "g", &address, &err), &err, ERROR_LIMIT);
	assert_string_equal(err.message, "no available IPv4 addresses on network bridge");
	assert_int_equal(find_address(store, "e", &address), 1);
	assert_int_equal(address.s_addr, inet_addr("10.0.0.14"));
	assert_ok(address_release(store, "e", &err), &err);
	assert_int_equal(find_address(store, "e", &address), 0);
	assign(store, &network, "g", "10.0.0.14");
	network.name[0] = 'x';
	assert_fails(try_assign(store, &network, "h", &address, &err), &err, ERROR_NOT_FOUND);
}

static void reserves_ports(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	cleanup_container_record struct container_record record = {0};
	make_record(store, "holder", NULL, &record);
	assert_ok(container_add(store, &record, &err), &err);
	assert_ok(port_reserve(store, record.id, "0.0.0.0", 30001, "tcp", &err), &err);
	assert_fails(port_reserve(store, "b", "0.0.0.0", 30001, "tcp", &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "Bind for 0.0.0.0:30001 failed: port is already allocated"));
	assert_non_null(strstr(err.message, "holder"));
	assert_fails(port_reserve(store, "b", "127.0.0.1", 30001, "tcp", &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "Bind for 127.0.0.1:30001 failed"));
	assert_ok(port_reserve(store, "b", "0.0.0.0", 30001, "udp", &err), &err);
	assert_ok(port_reserve(store, "b", "127.0.0.1", 30002, "tcp", &err), &err);
	assert_ok(port_reserve(store, "c", "192.0.2.1", 30002, "tcp", &err), &err);
	assert_fails(port_reserve(store, "d", "0.0.0.0", 30002, "tcp", &err), &err, ERROR_CONFLICT);
	assert_fails(port_reserve(store, "d", "0.0.0.0", 0, "tcp", &err), &err, ERROR_CONFLICT);
	/* IPv6: all of both families, of one, and one address. */
	assert_fails(port_reserve(store, "d", "::", 30001, "tcp", &err), &err, ERROR_CONFLICT);
	assert_ok(port_reserve(store, "d", "::1", 30003, "tcp", &err), &err);
	assert_ok(port_reserve(store, "d", "127.0.0.1", 30003, "tcp", &err), &err);
	assert_fails(port_reserve(store, "e", "::", 30003, "tcp", &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "Bind for [::]:30003 failed"));
	assert_fails(port_reserve(store, "e", "0.0.0.0", 30003, "tcp", &err), &err, ERROR_CONFLICT);
	assert_ok(port_reserve(store, "e", "fd00::1", 30003, "tcp", &err), &err);
	assert_ok(address_release(store, "b", &err), &err);
	assert_ok(container_remove(store, record.id, &err), &err);
	assert_ok(port_reserve(store, "b", "127.0.0.1", 30001, "tcp", &err), &err);
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;
	assert_true(prefix_parse(text, &prefix));
	return prefix;
}

static void keeps_to_range_and_wishes(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	cleanup_network_record struct network_record record = {.name = duplicate_string("n"),
							       .bridge = duplicate_string("cor1"),
							       .prefix_length = 24,
							       .subnet6 = prefix_of("fd00:1::/64"),
							       .gateway6 = prefix_of("fd00:1::1/128"),
							       .range = prefix_of("10.0.0.64/30")};
	inet_pton(AF_INET, "10.0.0.0", &record.subnet);
	inet_pton(AF_INET, "10.0.0.1", &record.gateway);
	string_list_add(&record.aux, "printer=10.0.0.65");
	assert_ok(network_record_add(store, &record, NULL, NULL, &err), &err);
	cleanup_network_record struct network_record network = {0};
	assert_ok(network_record_look_up(store, record.id, &network, &err), &err);
	assert_int_equal(network.range.length, 30);
	/* Of four addresses one is somebody else's, and one's IPv6 address is taken. */
	cleanup_address_record struct address_record wish = {.container = duplicate_string("wish")};
	inet_pton(AF_INET, "10.0.0.9", &wish.address);
	inet_pton(AF_INET6, "fd00:1::42", &wish.address6);
	assert_ok(address_assign(store, &network, &wish, &err), &err);
	assign(store, &network, "a", "10.0.0.64");
	assign(store, &network, "b", "10.0.0.67");
	struct in_addr address;
	assert_fails(try_assign(store, &network, "c", &address, &err), &err, ERROR_LIMIT);
	cleanup_address_record struct address_record same = {.container = duplicate_string("same")};
	inet_pton(AF_INET, "10.0.0.9", &same.address);
	assert_fails(address_assign(store, &network, &same, &err), &err, ERROR_CONFLICT);
	assert_fails(network_record_remove(store, &network, NULL, &err), &err, ERROR_CONFLICT);
	assert_non_null(strstr(err.message, "has active endpoints"));
	cleanup_address_records struct address_records records = {0};
	assert_ok(address_list(store, NULL, "a", &records, &err), &err);
	char text[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, &records.items[0].address6, text, sizeof text);
	assert_string_equal(text, "fd00:1::40");
	static const char *const containers[] = {"a", "b", "wish"};
	for (size_t i = 0; i < ARRAY_SIZE(containers); i++)
		assert_ok(address_release(store, containers[i], &err), &err);
	assert_ok(network_record_remove(store, &network, NULL, &err), &err);
	assert_fails(network_record_find(store, "n", &network, &err), &err, ERROR_NOT_FOUND);
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
			if (try_assign(store, &network, id, &address, &err) < 0 ||
			    port_reserve(store, id, "0.0.0.0", (uint16_t)(1000 + i * 100 + k), "tcp", &err) < 0)
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
		assert_int_equal(find_address(fixture->store, id, &address), 1);
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
		cmocka_unit_test_setup_teardown(keeps_to_range_and_wishes, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(no_two_get_one_address, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
