/* Which step of an image made which layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/history.h"

static void each_layer_is_a_step_s(void **state)
{
	cleanup_history struct history history = {0};
	const uint64_t sizes[] = {100, 7};
	image_config_add_history(&history.config, "2026-01-02T00:00:00Z", "base", NULL, false);
	image_config_add_history(&history.config, NULL, "ENV A=b", NULL, true);
	image_config_add_history(&history.config, "garbage", "COPY", "a comment", false);
	history_steps(&history, sizes, 2);
	assert_int_equal(history.count, 3);
	assert_string_equal(history.steps[0].step->created_by, "COPY");
	assert_int_equal(history.steps[0].size, 7);
	assert_int_equal(history.steps[0].created, 0);
	assert_ptr_equal(history.steps[0].image, &history.image.id);
	assert_int_equal(history.steps[1].size, 0);
	assert_null(history.steps[1].image);
	assert_int_equal(history.steps[2].size, 100);
	assert_int_equal(history.steps[2].created, 1767312000 * NANOSECONDS_PER_SECOND);
}

static void layers_that_nothing_is_told_of_are_the_lowest(void **state)
{
	cleanup_history struct history history = {0};
	const uint64_t sizes[] = {1, 2, 3};
	image_config_add_history(&history.config, NULL, "COPY", NULL, false);
	history_steps(&history, sizes, 3);
	assert_int_equal(history.count, 3);
	assert_int_equal(history.steps[0].size, 3);
	assert_non_null(history.steps[0].step);
	assert_null(history.steps[1].step);
	assert_int_equal(history.steps[2].size, 1);
}

static void steps_may_claim_too_much(void **state)
{
	cleanup_history struct history history = {0};
	const uint64_t sizes[] = {5};
	image_config_add_history(&history.config, NULL, "one", NULL, false);
	image_config_add_history(&history.config, NULL, "two", NULL, false);
	history_steps(&history, sizes, 1);
	assert_int_equal(history.count, 2);
	assert_int_equal(history.steps[1].size, 5);
	assert_int_equal(history.steps[0].size, 0);
}

static void an_image_may_have_no_history(void **state)
{
	cleanup_history struct history history = {0};
	history_steps(&history, NULL, 0);
	assert_int_equal(history.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layer_is_a_step_s),
		cmocka_unit_test(layers_that_nothing_is_told_of_are_the_lowest),
		cmocka_unit_test(steps_may_claim_too_much),
		cmocka_unit_test(an_image_may_have_no_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
