/* CVE-2014-6407, CVE-2021-32760, CVE-2017-14992 and kin: archives that leave their folder or fill the memory. */
#include "layer_test.h"

#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

/* Row 1: names. */
static void dots_are_refused(void **state)
{
	struct scene *scene = *state;
	static const char *const names[] = {"../outside/canary",  "a/../../outside/canary", "..", "a/..",
					    "/../outside/canary", "./../outside/canary"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		tar_add(&scene->tar, TAR_FILE(names[i], "dead"));
		apply_fails(scene, "\"..\"");
		tar_add(&scene->tar, TAR_FOLDER(names[i]));
		apply_fails(scene, "\"..\"");
	}
	assert_canary_untouched(scene);
}

static void absolute_name_lands_inside(void **state)
{
	struct scene *scene = *state;
	char name[64];
	snprintf(name, sizeof name, "%s/outside/canary", scene->path);
	tar_add(&scene->tar, TAR_FILE(name, "dead"));
	apply_ok(scene);
	assert_file(scene, name + 1, "dead");
	assert_canary_untouched(scene);
}

/* Row 1: a link out, then a file, folder, device or whiteout through it. */
static void link_out_then_through_it(void **state)
{
	struct scene *scene = *state;
	char absolute[64];
	snprintf(absolute, sizeof absolute, "%s/outside", scene->path);
	const char *const targets[] = {"../outside", absolute, "../../../../../../../../../../tmp"};
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		tar_add(&scene->tar, TAR_FOLDER("outside"));
		tar_add(&scene->tar, TAR_FOLDER(absolute));
		tar_add(&scene->tar, TAR_FOLDER("tmp"));
		tar_add(&scene->tar, TAR_LINK("l", targets[i]));
		tar_add(&scene->tar, TAR_FILE("l/canary", "dead"));
		tar_add(&scene->tar, TAR_FOLDER("l/made"));
		tar_add(&scene->tar, TAR_FILE("l/.wh.canary", ""));
		tar_add(&scene->tar, TAR_FILE("l/.wh..wh..opq", ""));
		tar_add(&scene->tar, TAR_LINK("l/link", "/etc"));
		tar_add(&scene->tar,
			(struct tar_member){.name = "l/device", .type = '3', .device_major = 1, .device_minor = 3});
		apply_ok(scene);
		assert_canary_untouched(scene);
	}
}

static void link_to_a_file_is_replaced_not_written(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_LINK("l", "../outside/canary"));
	tar_add(&scene->tar, TAR_FILE("l", "dead"));
	tar_add(&scene->tar, TAR_LINK("m", "../outside"));
	tar_add(&scene->tar, (struct tar_member){.name = "m", .type = '5', .mode = 0777, .uid = 9});
	apply_ok(scene);
	assert_canary_untouched(scene);
	assert_true(S_ISREG(status_of(scene, "l").st_mode));
	assert_true(S_ISDIR(status_of(scene, "m").st_mode));
}

/* Folders' times are set at the end, when a link may stand where the folder was. */
static void late_times_do_not_follow(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, (struct tar_member){.name = "d", .type = '5', .time = 77});
	tar_add(&scene->tar, (struct tar_member){.name = "e/d", .type = '5', .time = 77});
	tar_add(&scene->tar, TAR_LINK("d", "../outside"));
	tar_add(&scene->tar, TAR_LINK("e", "../outside"));
	apply_ok(scene);
	assert_canary_untouched(scene);
}

/* Rows 1 and 4: a hard link out, and then its mode, owner and contents. */
static void hard_link_out(void **state)
{
	struct scene *scene = *state;
	char absolute[64];
	snprintf(absolute, sizeof absolute, "%s/outside/canary", scene->path);
	tar_add(&scene->tar, TAR_HARD_LINK("h", "../outside/canary"));
	apply_fails(scene, "\"..\"");
	tar_add(&scene->tar, TAR_HARD_LINK("h", absolute));
	apply_fails(scene, "not in this layer");
	tar_add(&scene->tar, TAR_LINK("l", "../outside"));
	tar_add(&scene->tar, TAR_HARD_LINK("h", "l/canary"));
	apply_fails(scene, "not in this layer");
	assert_canary_untouched(scene);
}

static void mode_of_a_hard_link_to_a_link(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_LINK("l", "../outside/canary"));
	tar_add(&scene->tar,
		(struct tar_member){.name = "h", .type = '1', .target = "l", .mode = 04777, .uid = 9, .time = 9});
	/* And the same once more, over itself. */
	tar_add(&scene->tar,
		(struct tar_member){.name = "h", .type = '1', .target = "l", .mode = 04777, .uid = 9, .time = 9});
	tar_add(&scene->tar, TAR_FILE("h", "dead"));
	apply_ok(scene);
	assert_canary_untouched(scene);
}

static void chain_of_links_does_not_dig_deep(void **state)
{
	struct scene *scene = *state;
	char folders[41] = "", name[8], inside[64], before[8] = "";
	for (int i = 0; i < 20; i++)
		memcpy(folders + 2 * i, "d/", 3);
	/* Each link is twenty folders further down than the last, though every name is short. */
	for (int i = 0; i < 20; i++) {
		snprintf(inside, sizeof inside, "%s%s%s", before, *before ? "/" : "", folders);
		tar_add(&scene->tar, TAR_FOLDER(inside));
		snprintf(name, sizeof name, "l%d", i);
		tar_add(&scene->tar, TAR_LINK(name, inside));
		memcpy(before, name, sizeof name);
	}
	apply_fails(scene, "folders deep");
	struct error err = {0};
	assert_int_equal(remove_tree_at(scene->folder_fd, "layer", &err), 0);
}

/* Row 5: what is behind or between must not be held in memory. */
struct generator {
	const void *head;
	size_t head_size;
	const void *pattern;
	size_t pattern_size;
	uint64_t repeats;
	size_t position;
};

static ssize_t generate(void *context, void *bytes, size_t size, struct error *err)
{
	(void)err;
	struct generator *generator = context;
	if (generator->head_size > 0) {
		if (size > generator->head_size)
			size = generator->head_size;
		memcpy(bytes, generator->head, size);
		generator->head = (const char *)generator->head + size;
		generator->head_size -= size;
		return (ssize_t)size;
	}
	size_t made = 0;
	for (; made + generator->pattern_size <= size && generator->repeats > 0; generator->repeats--) {
		memcpy((char *)bytes + made, generator->pattern, generator->pattern_size);
		made += generator->pattern_size;
	}
	return (ssize_t)made;
}

static long peak_kilobytes(void)
{
	struct rusage usage;
	getrusage(RUSAGE_SELF, &usage);
	return usage.ru_maxrss;
}

static void refuse_flood(struct scene *scene, struct generator *generator)
{
	struct error err = {0};
	struct source source = {generate, generator};
	long before = peak_kilobytes();
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), -1);
	assert_true(err.kind == ERROR_LIMIT || err.kind == ERROR_CORRUPT);
	assert_true(peak_kilobytes() - before < 256 * 1024);
	buffer_clear(&scene->tar);
}

static void eight_gigabytes_of_padding(void **state)
{
	struct scene *scene = *state;
	static const char zeros[65536];
	tar_add(&scene->tar, TAR_FILE("f", "x"));
	tar_add_end(&scene->tar);
	struct generator padding = {scene->tar.bytes, scene->tar.size, zeros, sizeof zeros, 131072, 0};
	refuse_flood(scene, &padding);
}

static void headers_without_end(void **state)
{
	struct scene *scene = *state;
	static const char letters[65536] = {[0 ... 65535] = 'p'};
	for (const char *type = "xgLK"; *type; type++) {
		/* The header says 8 GiB less a byte. */
		tar_add(&scene->tar, (struct tar_member){.name = "h", .type = *type, .size = 077777777777});
		struct generator header = {scene->tar.bytes, scene->tar.size, letters, sizeof letters, 131072, 0};
		refuse_flood(scene, &header);
	}
}

static void sparse_map_without_end(void **state)
{
	struct scene *scene = *state;
	char body[2048] = "999999999\n";
	for (size_t i = 10; i < sizeof body; i += 2)
		memcpy(body + i, "1\n", 2);
	struct pax_record records[] = {{"GNU.sparse.major", "1", 1},
				       {"GNU.sparse.minor", "0", 1},
				       {"GNU.sparse.name", "sparse", 6},
				       {"GNU.sparse.realsize", "4194304", 7}};
	tar_add_pax(&scene->tar, records, 4);
	tar_add(&scene->tar, (struct tar_member){.name = "x", .type = '0', .size = 077777777777});
	struct generator map = {scene->tar.bytes, scene->tar.size, body + 512, 1024, 4194304, 0};
	buffer_append(&scene->tar, body, 512, NULL);
	map.head = scene->tar.bytes;
	map.head_size = scene->tar.size;
	refuse_flood(scene, &map);
}

static void huge_sparse_file(void **state)
{
	struct scene *scene = *state;
	char body[512] = "1\n0\n0\n";
	struct pax_record records[] = {{"GNU.sparse.major", "1", 1},
				       {"GNU.sparse.minor", "0", 1},
				       {"GNU.sparse.name", "sparse", 6},
				       {"GNU.sparse.realsize", "8000000000000000000", 19}};
	tar_add_pax(&scene->tar, records, 4);
	tar_add(&scene->tar, (struct tar_member){.name = "x", .type = '0', .bytes = body, .size = sizeof body});
	apply_fails(scene, "larger than");
	assert_absent(scene, "sparse");
}

static void overlong_names(void **state)
{
	struct scene *scene = *state;
	char name[5001];
	memset(name, 'n', 5000);
	name[5000] = '\0';
	struct pax_record record = {"path", name, 5000};
	tar_add_pax(&scene->tar, &record, 1);
	tar_add(&scene->tar, TAR_FILE("x", ""));
	apply_fails(scene, "more than 255 bytes");
	for (size_t i = 99; i < 5000; i += 100)
		name[i] = '/';
	tar_add_pax(&scene->tar, &record, 1);
	tar_add(&scene->tar, TAR_FILE("x", ""));
	apply_fails(scene, "more than 4095 bytes");
	for (size_t i = 1; i < 5000; i += 2)
		name[i] = '/';
	record.size = 1000;
	tar_add_pax(&scene->tar, &record, 1);
	tar_add(&scene->tar, TAR_FILE("x", ""));
	apply_fails(scene, "folders deep");
}

static void owner_that_is_none(void **state)
{
	struct scene *scene = *state;
	static const char *const ids[] = {"4294967295", "4294967296", "-1"};
	for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
		struct pax_record record = {"uid", ids[i], strlen(ids[i])};
		tar_add_pax(&scene->tar, &record, 1);
		tar_add(&scene->tar, TAR_FILE("f", ""));
		apply_fails(scene, NULL);
		assert_absent(scene, "f");
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	if (geteuid() != 0) {
		fprintf(stderr, "this test needs root\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		TEST(dots_are_refused),
		TEST(absolute_name_lands_inside),
		TEST(link_out_then_through_it),
		TEST(link_to_a_file_is_replaced_not_written),
		TEST(late_times_do_not_follow),
		TEST(hard_link_out),
		TEST(mode_of_a_hard_link_to_a_link),
		TEST(chain_of_links_does_not_dig_deep),
		TEST(eight_gigabytes_of_padding),
		TEST(headers_without_end),
		TEST(sparse_map_without_end),
		TEST(huge_sparse_file),
		TEST(overlong_names),
		TEST(owner_that_is_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
