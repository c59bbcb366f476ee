/* The log of events: order, bounds, many writers. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/event.h"
#include "support.h"

#define WRITERS 4
#define EACH	300

/* Reads what there is; the number of events whose Actor.ID is `id` (NULL: all). */
static int count_events(struct event_reader *reader, const char *id)
{
	struct error err = {0};
	int count = 0;
	for (;;) {
		cleanup_json json_t *event = NULL;
		int got = event_reader_next(reader, &event, &err);
		assert_true(got >= 0);
		if (got == 0)
			return count;
		const char *found = json_string_value(json_object_get(json_object_get(event, "Actor"), "ID"));
		assert_non_null(found);
		count += !id || strcmp(found, id) == 0;
	}
}

static void events_are_read_back(void **state)
{
	struct store *store = ((struct fixture *)*state)->store;
	struct error err = {0};
	event_add(store, "volume", "create", "first", json_pack("{s:s, s:s}", "z", "1", "a", "2"));
	nanoseconds between = time_now();
	event_add(store, "container", "create", "second", json_pack("{s:s}", "image", "probe:1"));
	cleanup_event_reader struct event_reader *reader = NULL;
	cleanup_json json_t *event = NULL;
	assert_ok(event_reader_open(store, between, &reader, &err), &err);
	assert_int_equal(event_reader_next(reader, &event, &err), 1);
	assert_string_equal(json_string_value(json_object_get(event, "id")), "second");
	assert_string_equal(json_string_value(json_object_get(event, "from")), "probe:1");
	assert_int_equal(count_events(reader, NULL), 0);
	/* Further ones come to the same reader; one that is not there yet is slept for. */
	event_add(store, "volume", "destroy", "first", NULL);
	assert_int_equal(event_reader_wait(reader, time_now() + NANOSECONDS_PER_SECOND, &err), 1);
	assert_int_equal(count_events(reader, "first"), 1);
	assert_int_equal(event_reader_wait(reader, time_now() - 1, &err), 0);
}

static void log_is_bounded_and_nothing_is_lost_between(void **state)
{
	const struct fixture *fixture = *state;
	struct error err = {0};
	struct stat now, old;
	cleanup_event_reader struct event_reader *reader = NULL;
	assert_ok(event_reader_open(fixture->store, 0, &reader, &err), &err);
	cleanup_free char *filler = allocate(1024);
	memset(filler, 'x', 1000);
	/* Over the bound once, read up at each step: all of them are seen. */
	int written = 0, seen = 0;
	for (; written < 1500; written++) {
		event_add(fixture->store, "volume", "create", filler, NULL);
		if (written % 100 == 0)
			seen += count_events(reader, NULL);
	}
	seen += count_events(reader, NULL);
	assert_int_equal(seen, written);
	assert_int_equal(fstatat(fixture->store->run_root_fd, "events", &now, 0), 0);
	assert_int_equal(fstatat(fixture->store->run_root_fd, "events.old", &old, 0), 0);
	assert_true(now.st_size < EVENTS_FILE_LIMIT);
	assert_true(old.st_size < EVENTS_FILE_LIMIT + EVENT_LIMIT);
	/* One that is too long comes without its attributes. */
	cleanup_free char *huge = allocate(EVENT_LIMIT + 1);
	memset(huge, 'y', EVENT_LIMIT);
	event_add(fixture->store, "container", "create", "huge", json_pack("{s:s}", "label", huge));
	assert_int_equal(count_events(reader, "huge"), 1);
}

static void many_writers_tear_nothing(void **state)
{
	const struct fixture *fixture = *state;
	struct error err = {0};
	cleanup_event_reader struct event_reader *reader = NULL;
	assert_ok(event_reader_open(fixture->store, 0, &reader, &err), &err);
	pid_t writers[WRITERS];
	for (int i = 0; i < WRITERS; i++) {
		writers[i] = fork();
		if (writers[i] == 0) {
			/* The database is the parent's; the folder is all that is used. */
			for (int j = 0; j < EACH; j++)
				event_add(fixture->store, "volume", "create", "name", NULL);
			_exit(0);
		}
	}
	for (int i = 0; i < WRITERS; i++)
		waitpid(writers[i], NULL, 0);
	assert_int_equal(count_events(reader, "name"), WRITERS * EACH);
}

static void garbage_is_passed_over(void **state)
{
	const struct fixture *fixture = *state;
	struct error err = {0};
	static const char garbage[] = "x\n{\"half\n\0\0\n[]\n{\"timeNano\":\"text\"}\n\xff\xfe\n";
	int fd = openat(fixture->store->run_root_fd, "events", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, garbage, sizeof garbage - 1), sizeof garbage - 1);
	close(fd);
	event_add(fixture->store, "volume", "create", "name", NULL);
	/* Words of a command need not be UTF-8. */
	event_add(fixture->store, "container", "exec_create: \xff\xfe", "name", NULL);
	cleanup_event_reader struct event_reader *reader = NULL;
	assert_ok(event_reader_open(fixture->store, 1, &reader, &err), &err);
	assert_int_equal(count_events(reader, NULL), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(events_are_read_back, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(log_is_bounded_and_nothing_is_lost_between, fixture_set_up,
						fixture_tear_down),
		cmocka_unit_test_setup_teardown(many_writers_tear_nothing, fixture_set_up, fixture_tear_down),
		cmocka_unit_test_setup_teardown(garbage_is_passed_over, fixture_set_up, fixture_tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
