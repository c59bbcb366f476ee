/* Which ends are followed by a restart, and after what delay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "engine/restart.h"

#define MILLISECOND (NANOSECONDS_PER_SECOND / 1000)

static void policies_decide(void **state)
{
	static const struct {
		enum restart_policy policy;
		int limit, restarts, exit_code;
		bool is_stopped, remove_on_exit, is_due;
	} cases[] = {
		{RESTART_NO, 0, 0, 1, false, false, false},
		{RESTART_ALWAYS, 0, 0, 0, false, false, true},
		{RESTART_ALWAYS, 0, 1000, 137, false, false, true},
		{RESTART_ALWAYS, 0, 0, 1, true, false, false},
		{RESTART_ALWAYS, 0, 0, 1, false, true, false},
		{RESTART_UNLESS_STOPPED, 0, 0, 0, false, false, true},
		{RESTART_UNLESS_STOPPED, 0, 0, 0, true, false, false},
		{RESTART_ON_FAILURE, 0, 1000, 1, false, false, true},
		{RESTART_ON_FAILURE, 0, 0, 0, false, false, false},
		{RESTART_ON_FAILURE, 3, 2, 255, false, false, true},
		{RESTART_ON_FAILURE, 3, 3, 255, false, false, false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct container_record record = {.restarts = cases[i].restarts,
							.is_stopped = cases[i].is_stopped,
							.remove_on_exit = cases[i].remove_on_exit};
		const struct container_config config = {.restart_policy = cases[i].policy,
							.restart_limit = cases[i].limit};
		nanoseconds delay = -1;
		assert_int_equal(restart_is_due(&record, &config, cases[i].exit_code, 0, &delay), cases[i].is_due);
		assert_int_equal(delay, cases[i].is_due ? 100 * MILLISECOND : -1);
	}
}

static void delays_double_up_to_a_minute(void **state)
{
	static const int expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000};
	const struct container_config config = {.restart_policy = RESTART_ALWAYS};
	struct container_record record = {0};
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_true(restart_is_due(&record, &config, 1, 9 * NANOSECONDS_PER_SECOND, &record.restart_delay));
		assert_int_equal(record.restart_delay, expected[i] * MILLISECOND);
	}
	assert_true(restart_is_due(&record, &config, 1, 10 * NANOSECONDS_PER_SECOND, &record.restart_delay));
	assert_int_equal(record.restart_delay, 100 * MILLISECOND);
}

static void rest_of_the_wait_is_bounded(void **state)
{
	struct container_record record = {.restart_delay = 200 * MILLISECOND};
	record.restart_at = time_now() - NANOSECONDS_PER_SECOND;
	assert_int_equal(restart_remaining(&record), 0);
	/* The clock was set back meanwhile. */
	record.restart_at = time_now() + 1000 * NANOSECONDS_PER_SECOND;
	assert_int_equal(restart_remaining(&record), 200 * MILLISECOND);
	record.restart_delay = INT64_MAX;
	assert_int_equal(restart_remaining(&record), 60 * NANOSECONDS_PER_SECOND);
}

static void options_are_read(void **state)
{
	static const struct {
		const char *text;
		enum restart_policy policy;
		int limit;
	} good[] = {{"", RESTART_NO, 0},
		    {"no", RESTART_NO, 0},
		    {"always", RESTART_ALWAYS, 0},
		    {"always:", RESTART_ALWAYS, 0},
		    {"always:0", RESTART_ALWAYS, 0},
		    {"unless-stopped", RESTART_UNLESS_STOPPED, 0},
		    {"on-failure", RESTART_ON_FAILURE, 0},
		    {"on-failure:+5", RESTART_ON_FAILURE, 5}};
	static const char *const bad[] = {":",
					  ":3",
					  "Always",
					  "alway",
					  "always:1",
					  "no:-1",
					  "on-failure:1x",
					  "on-failure:-1",
					  "on-failure: 1",
					  "on-failure:99999999999999999999"};
	struct container_config config = {0};
	struct error err = {0};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(container_config_set_restart(&config, good[i].text, &err), 0);
		assert_int_equal(config.restart_policy, good[i].policy);
		assert_int_equal(config.restart_limit, good[i].limit);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(container_config_set_restart(&config, bad[i], &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(policies_decide),
		cmocka_unit_test(delays_double_up_to_a_minute),
		cmocka_unit_test(rest_of_the_wait_is_bounded),
		cmocka_unit_test(options_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
