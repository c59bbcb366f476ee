/* What the kernel says of groups and interfaces, as `stats` reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/container_stats.h"
#include "runtime/cgroup_usage.h"

static void interfaces_are_added_up_but_lo(void **state)
{
	static const char text[] = "Inter-|   Receive                                                |  Transmit\n"
				   " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets "
				   "errs drop fifo colls "
				   "carrier compressed\n"
				   "    lo:  999       9    0    0    0     0          0         0      999       9    "
				   "0    0    0     0       0 "
				   "         0\n"
				   "  eth0: 1296      16    0    0    0     0          0         0       42       1    "
				   "0    0    0     0       0 "
				   "         0\n"
				   "eth1:18446744073709551 16 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n";
	uint64_t received, sent;
	container_stats_parse_network(text, &received, &sent);
	assert_true(received == 1296 + 18446744073709551 && sent == 49);
	container_stats_parse_network("", &received, &sent);
	assert_true(received == 0 && sent == 0);
	container_stats_parse_network("eth0: 12 nonsense\neth1", &received, &sent);
	assert_true(received == 12 && sent == 0);
}

static void values_are_found_by_whole_keys(void **state)
{
	static const char text[] = "file 5\ninactive_file_more 7\ninactive_file 4096\ntotal_inactive_file 8192\n";
	assert_true(cgroup_usage_find(text, "inactive_file") == 4096);
	assert_true(cgroup_usage_find(text, "total_inactive_file") == 8192);
	assert_true(cgroup_usage_find(text, "file") == 5);
	assert_true(cgroup_usage_find(text, "missing") == 0);
	assert_true(cgroup_usage_find("", "file") == 0);
}

static void devices_are_added_up(void **state)
{
	static const char text[] = "8:0 rbytes=4096 wbytes=1 rios=5 wios=6 dbytes=100 dios=1\n"
				   "8:16 rbytes=4096 wbytes=2 rios=5 wios=6 dbytes=0 dios=0\n"
				   "7:0 \n";
	assert_true(cgroup_usage_sum(text, "rbytes") == 8192);
	assert_true(cgroup_usage_sum(text, "wbytes") == 3);
	assert_true(cgroup_usage_sum("", "rbytes") == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(interfaces_are_added_up_but_lo),
		cmocka_unit_test(values_are_found_by_whole_keys),
		cmocka_unit_test(devices_are_added_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
