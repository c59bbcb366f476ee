/* The arithmetic of `system df`, and the ports of `ps --filter`. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/container_filter.h"
#include "engine/disk_usage.h"

static void expect(const struct disk_total *total, uint64_t count, uint64_t active, uint64_t size, uint64_t reclaimable)
{
	assert_int_equal(total->count, count);
	assert_int_equal(total->active, active);
	assert_int_equal(total->size, size);
	assert_int_equal(total->reclaimable, reclaimable);
}

static void nothing_is_nothing(void **state)
{
	struct disk_usage usage = {0};
	struct disk_total totals[DISK_KIND_COUNT];
	disk_totals(&usage, totals);
	for (int kind = 0; kind < DISK_KIND_COUNT; kind++)
		expect(&totals[kind], 0, 0, 0, 0);
}

static void images_in_use_keep_what_they_alone_have(void **state)
{
	struct image_usage images[] = {{.containers = 2, .size = 100, .shared = 60},
				       {.containers = 0, .size = 70, .shared = 60},
				       {.containers = 1, .size = 5, .shared = 0}};
	struct disk_usage usage = {.image_usages = {images, ARRAY_SIZE(images)}, .layers = 115};
	struct disk_total totals[DISK_KIND_COUNT];
	disk_totals(&usage, totals);
	expect(&totals[DISK_IMAGES], 3, 2, 115, 115 - 40 - 5);
	/* The layers' sum can be less than an image that has one twice. */
	usage.layers = 30;
	disk_totals(&usage, totals);
	assert_int_equal(totals[DISK_IMAGES].reclaimable, 0);
}

static void what_runs_or_is_used_stays(void **state)
{
	struct container_view views[] = {{.state.status = CONTAINER_RUNNING},
					 {.state.status = CONTAINER_EXITED},
					 {.state.status = CONTAINER_CREATED},
					 {.state = {.status = CONTAINER_RUNNING, .is_paused = true}}};
	uint64_t written[] = {1, 20, 300, 4000};
	struct disk_volume volumes[] = {{.links = 1, .size = 10}, {.links = 0, .size = 7}, {.links = 3, .size = 0}};
	struct disk_usage usage = {.containers = {views, ARRAY_SIZE(views)},
				   .written = written,
				   .volumes = volumes,
				   .volume_count = ARRAY_SIZE(volumes)};
	struct disk_total totals[DISK_KIND_COUNT];
	disk_totals(&usage, totals);
	expect(&totals[DISK_CONTAINERS], 4, 2, 4321, 320);
	expect(&totals[DISK_VOLUMES], 3, 2, 17, 7);
}

static void the_cache_counts_what_nobody_else_has(void **state)
{
	struct build_cache_row rows[] = {{.entry = {.size = 100, .blob_size = 50}},
					 {.entry = {.size = 100, .blob_size = 50}, .is_copy = true},
					 {.entry = {.size = 9, .blob_size = 1}, .is_in_image = true},
					 {.is_copy = false}};
	struct disk_usage usage = {.caches = {rows, ARRAY_SIZE(rows)}};
	struct disk_total totals[DISK_KIND_COUNT];
	disk_totals(&usage, totals);
	expect(&totals[DISK_BUILD_CACHE], 4, 0, 150, 150);
}

static void ports_are_numbers_or_ranges(void **state)
{
	static const struct {
		const char *value;
		bool is_udp, matches;
	} good[] = {{"80", false, true},	 {"80/tcp", false, true},   {"80/udp", false, false},
		    {"80/udp", true, true},	 {"80", true, false},	    {"70-90", false, true},
		    {"81-90/tcp", false, false}, {"80/sctp", false, false}, {"0-65535", false, true}};
	static const char *const bad[] = {"", "x", "80/xyz", "90-80", "80-", "-80", "70000", "80 ", "80-90-100", "+80"};
	struct error err = {0};
	bool matches;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(container_filter_port("publish", good[i].value, 80,
						       good[i].is_udp ? PORT_UDP : PORT_TCP, &matches, &err),
				 0);
		assert_int_equal(matches, good[i].matches);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(container_filter_port("publish", bad[i], 80, false, &matches, &err), -1);
	assert_int_equal(container_filter_port("publish", "1:2", 80, false, &matches, &err), -1);
	assert_string_equal(err.message, "filter for 'publish' should not contain ':': 1:2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(images_in_use_keep_what_they_alone_have),
		cmocka_unit_test(what_runs_or_is_used_stays),
		cmocka_unit_test(the_cache_counts_what_nobody_else_has),
		cmocka_unit_test(ports_are_numbers_or_ranges),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
