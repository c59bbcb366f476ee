#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/volume.h"
#include "support.h"

static void add_named(struct store *store, const char *name, char ret_id[CONTAINER_ID_SIZE])
{
	struct error err = {0};
	cleanup_container_record struct container_record record = {0};
	make_record(store, name, NULL, &record);
	assert_ok(container_add(store, &record, &err), &err);
	memcpy(ret_id, record.id, CONTAINER_ID_SIZE);
}

static void adds_and_finds(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	char id[CONTAINER_ID_SIZE], prefix[13];
	add_named(store, "s2", id);
	snprintf(prefix, sizeof prefix, "%.12s", id);
	const char *const texts[] = {"s2", "/s2", id, prefix};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_container_record struct container_record found = {0};
		assert_ok(container_find(store, texts[i], &found, &err), &err);
		assert_string_equal(found.id, id);
		assert_string_equal(found.name, "s2");
		assert_string_equal(json_string_value(json_object_get(found.config, "hostname")), "s2");
	}
	struct container_record none = {0};
	assert_fails(container_find(store, "s3", &none, &err), &err, ERROR_NOT_FOUND);
	assert_string_equal(err.message, "No such container: s3");
	assert_fails(container_find(store, "../..", &none, &err), &err, ERROR_NOT_FOUND);
	assert_fails(container_find(store, "", &none, &err), &err, ERROR_NOT_FOUND);
	int fd;
	assert_ok(container_open_folder(store, id, true, &fd, &err), &err);
	struct stat status;
	assert_int_equal(fstat(fd, &status), 0);
	assert_int_equal(status.st_mode & 077, 0);
	close(fd);
	assert_fails(container_open_run_folder(store, id, false, &fd, &err), &err, ERROR_NOT_FOUND);
	assert_ok(container_open_run_folder(store, id, true, &fd, &err), &err);
	close(fd);
	assert_fails(container_open_folder(store, "..", false, &fd, &err), &err, ERROR_INVALID);
	assert_ok(container_remove(store, id, &err), &err);
	assert_fails(container_remove(store, id, &err), &err, ERROR_NOT_FOUND);
	assert_fails(container_open_folder(store, id, false, &fd, &err), &err, ERROR_NOT_FOUND);
	assert_fails(container_open_run_folder(store, id, false, &fd, &err), &err, ERROR_NOT_FOUND);
}

static void refuses_ambiguous_prefixes(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct container_record found = {0};
	for (int i = 0; i < 2; i++) {
		cleanup_container_record struct container_record record = {0};
		cleanup_free char *name = format_string("name%d", i);
		make_record(store, name, NULL, &record);
		memset(record.id, 'a' + i, CONTAINER_ID_SIZE - 1);
		memcpy(record.id, "abc", 3);
		assert_ok(container_add(store, &record, &err), &err);
	}
	assert_fails(container_find(store, "abc", &found, &err), &err, ERROR_INVALID);
	assert_string_equal(err.message, "Multiple IDs found with provided prefix: abc");
	assert_ok(container_find(store, "abca", &found, &err), &err);
	container_record_release(&found);
}

static void refuses_names_in_use(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	char id[CONTAINER_ID_SIZE];
	add_named(store, "s2", id);
	cleanup_container_record struct container_record record = {0};
	make_record(store, "s2", NULL, &record);
	assert_fails(container_add(store, &record, &err), &err, ERROR_CONFLICT);
	cleanup_free char *text =
		format_string("Conflict. The container name \"/s2\" is already in use by container "
			      "\"%s\". You have to remove (or rename) that container to be able to reuse "
			      "that name.",
			      id);
	assert_string_equal(err.message, text);
	/* Nothing is left of it. */
	int fd;
	assert_fails(container_open_folder(store, record.id, false, &fd, &err), &err, ERROR_NOT_FOUND);
	static const char *const bad[] = {"", "a", "-a", "../a", "a/b", "a b", ".a", "a\n"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		replace_string(&record.name, duplicate_string(bad[i]));
		assert_fails(container_add(store, &record, &err), &err, ERROR_INVALID);
	}
}

/* CVE-2014-5278: a name that is another container's id, whole or shortened. */
static void refuses_names_that_are_ids(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	char id[CONTAINER_ID_SIZE];
	add_named(store, "victim", id);
	for (int length = 12; length <= 64; length += 52) {
		cleanup_container_record struct container_record record = {0};
		cleanup_free char *name = format_string("%.*s", length, id);
		make_record(store, name, NULL, &record);
		assert_fails(container_add(store, &record, &err), &err, ERROR_CONFLICT);
		cleanup_container_record struct container_record found = {0};
		assert_ok(container_find(store, name, &found, &err), &err);
		assert_string_equal(found.name, "victim");
	}
}

static void refuses_an_image_that_is_not_here(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	struct image image = {0};
	digest_of_bytes("x", 1, &image.id);
	cleanup_container_record struct container_record record = {0};
	make_record(store, "ab", &image, &record);
	assert_fails(container_add(store, &record, &err), &err, ERROR_NOT_FOUND);
}

static void keeps_times_and_order(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	char first[CONTAINER_ID_SIZE], second[CONTAINER_ID_SIZE];
	add_named(store, "first", first);
	add_named(store, "second", second);
	assert_ok(container_set_started(store, first, 100, &err), &err);
	assert_ok(container_set_finished(store, first, 200, 137, &err), &err);
	assert_fails(container_set_started(store, "0", 100, &err), &err, ERROR_NOT_FOUND);
	cleanup_container_list struct container_list list = {0};
	assert_ok(container_list(store, &list, &err), &err);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.items[0].name, "second");
	assert_int_equal(list.items[1].started, 100);
	assert_int_equal(list.items[1].finished, 200);
	assert_int_equal(list.items[1].exit_code, 137);
	container_list_release(&list);
	assert_ok(container_set_started(store, first, 300, &err), &err);
	assert_ok(container_list(store, &list, &err), &err);
	assert_int_equal(list.items[1].finished, 0);
}

static void keeps_what_is_due(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	char id[CONTAINER_ID_SIZE];
	add_named(store, "again", id);
	cleanup_container_record struct container_record record = {0};
	assert_ok(container_set_started(store, id, 100, &err), &err);
	assert_ok(container_set_due(store, id, 200, 3, NANOSECONDS_PER_SECOND, &err), &err);
	assert_ok(container_find(store, id, &record, &err), &err);
	assert_int_equal(record.restarts, 1);
	assert_int_equal(record.finished, 200);
	assert_int_equal(record.exit_code, 3);
	assert_int_equal(record.restart_delay, NANOSECONDS_PER_SECOND);
	assert_true(record.restart_at > time_now());
	container_record_release(&record);
	/* Started again: nothing is due, but it is remembered how often. */
	assert_ok(container_set_started_again(store, id, 300, &err), &err);
	assert_ok(container_find(store, id, &record, &err), &err);
	assert_int_equal(record.restart_at, 0);
	assert_int_equal(record.finished, 0);
	assert_int_equal(record.restarts, 1);
	/* A start that fails leaves what was. */
	struct container_record before = record;
	before.finished = 200;
	assert_ok(container_set_not_started(store, &before, "no such mount", &err), &err);
	container_record_release(&record);
	assert_ok(container_find(store, id, &record, &err), &err);
	assert_int_equal(record.finished, 200);
	assert_string_equal(record.problem, "no such mount");
	container_record_release(&record);
	/* Stopped while its cleanup decides: it is not due, whatever that found. */
	assert_ok(container_set_started_again(store, id, 400, &err), &err);
	assert_ok(container_set_stopped(store, id, &err), &err);
	assert_ok(container_set_due(store, id, 500, 3, 2 * NANOSECONDS_PER_SECOND, &err), &err);
	assert_ok(container_find(store, id, &record, &err), &err);
	assert_int_equal(record.restart_at, 0);
	assert_int_equal(record.restarts, 1);
	assert_true(record.is_stopped);
	container_record_release(&record);
	assert_ok(container_set_started(store, id, 600, &err), &err);
	assert_ok(container_find(store, id, &record, &err), &err);
	assert_int_equal(record.restarts, 0);
	assert_int_equal(record.restart_delay, 0);
	assert_false(record.is_stopped);
}

static void makes_up_names(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	for (int i = 0; i < 40; i++) {
		cleanup_free char *name = NULL;
		char id[CONTAINER_ID_SIZE];
		assert_ok(container_generate_name(store, &name, &err), &err);
		assert_true(container_name_is_valid(name));
		assert_non_null(strchr(name, '_'));
		add_named(store, name, id);
	}
}

/* Sixteen processes want one name: one gets it. */
static void one_wins_a_name(void **state)
{
	struct fixture *fixture = *state;
	for (int i = 0; i < 16; i++) {
		pid_t child = fork();
		assert_true(child >= 0);
		if (child)
			continue;
		struct store *store = NULL;
		struct error err = {0};
		struct container_record record = {
			.name = duplicate_string("race"), .image_name = duplicate_string(""), .config = json_object()};
		if (store_open(fixture->root, fixture->run_root, &store, &err) < 0 ||
		    container_new_id(store, record.id, &err) < 0)
			_exit(2);
		_exit(container_add(store, &record, &err) == 0 ? 0 : err.kind == ERROR_CONFLICT ? 1 : 2);
	}
	int won = 0, lost = 0, status;
	for (int i = 0; i < 16; i++) {
		assert_true(wait(&status) > 0);
		won += status == 0;
		lost += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	assert_int_equal(won, 1);
	assert_int_equal(lost, 15);
}

static void makes_volumes(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct error err = {0};
	cleanup_free char *path = NULL, *again = NULL, *anonymous = NULL;
	bool made;
	char id[CONTAINER_ID_SIZE];
	add_named(store, "owner", id);
	assert_ok(volume_ensure(store, "data", NULL, &path, &made, &err), &err);
	assert_true(made);
	cleanup_free char *wanted = format_string("%s/volumes/data/_data", store->root);
	assert_string_equal(path, wanted);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0755);
	assert_ok(volume_ensure(store, "data", NULL, &again, &made, &err), &err);
	assert_false(made);
	assert_ok(volume_ensure(store, id, id, &anonymous, &made, &err), &err);
	assert_ok(volume_remove_anonymous(store, id, NULL, NULL, &err), &err);
	assert_int_equal(stat(anonymous, &status), -1);
	assert_int_equal(stat(path, &status), 0);
	cleanup_volume_list struct volume_list list = {0};
	assert_ok(volume_list(store, &list, &err), &err);
	assert_int_equal(list.count, 1);
	assert_ok(volume_remove(store, "data", NULL, NULL, &err), &err);
	assert_fails(volume_remove(store, "data", NULL, NULL, &err), &err, ERROR_NOT_FOUND);
	assert_int_equal(stat(path, &status), -1);
	static const char *const bad[] = {"", "a", "..", "../x", "a/b", ".hidden", "-x", "a\tb"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_fails(volume_ensure(store, bad[i], NULL, &again, &made, &err), &err, ERROR_INVALID);
}

static int refuse_removal(struct store *store, const char *name, void *context, struct error *err)
{
	(void)store;
	++*(int *)context;
	return error_set(err, ERROR_CONFLICT, "%s is in use", name);
}

static void keeps_what_may_not_go(void **state)
{
	struct fixture *fixture = *state;
	struct store *store = fixture->store;
	struct error err = {0};
	int asked = 0;
	struct stat status;
	cleanup_free char *name = NULL, *anonymous = NULL;
	cleanup_string_list struct string_list labels = {0};
	cleanup_volume_record struct volume_record record = {0};
	string_list_add(&labels, "a=1");
	assert_ok(volume_create(store, "kept", &labels, &name, &err), &err);
	assert_ok(volume_create(store, NULL, &(struct string_list){0}, &anonymous, &err), &err);
	assert_int_equal(strlen(anonymous), 64);
	assert_fails(volume_remove(store, "kept", refuse_removal, &asked, &err), &err, ERROR_CONFLICT);
	assert_int_equal(asked, 1);
	cleanup_free char *path = volume_path(store, "kept");
	assert_int_equal(stat(path, &status), 0);
	assert_ok(volume_find(store, "kept", &record, &err), &err);
	assert_false(record.is_anonymous);
	assert_int_equal(record.labels.count, 1);
	assert_string_equal(record.labels.items[0], "a=1");
	volume_record_release(&record);
	assert_ok(volume_find(store, anonymous, &record, &err), &err);
	assert_true(record.is_anonymous);
	/* What a killed removal left goes with the next one. */
	cleanup_free char *left = format_string("%s/volumes/.removed-0123", store->root);
	assert_int_equal(mkdir(left, 0700), 0);
	assert_ok(volume_remove(store, anonymous, NULL, NULL, &err), &err);
	assert_int_equal(stat(left, &status), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(adds_and_finds, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_ambiguous_prefixes, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_names_in_use, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_names_that_are_ids, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(refuses_an_image_that_is_not_here, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(keeps_times_and_order, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_is_due, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(makes_up_names, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(one_wins_a_name, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(makes_volumes, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_may_not_go, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
