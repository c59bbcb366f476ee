#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "harness.h"
#include "monitor/log_reader.h"
#include "monitor/log_writer.h"

/* A file without a name, holding `text`. */
static int make_file(const char *text, size_t size)
{
	struct error err = {0};
	int fd = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, size, &err), 0);
	return fd;
}

/* A folder with a log that holds `text`. */
static int make_log(const char *text, size_t size)
{
	struct error err = {0};
	char path[] = "/tmp/coracle-log-test-XXXXXX";
	assert_non_null(mkdtemp(path));
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(folder, "container.log", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write_full(fd, text, size, &err), 0);
	close(fd);
	return folder;
}

static void end_log(int folder)
{
	struct error err = {0};
	char link[64], path[PATH_MAX] = "";
	snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
	assert_true(readlink(link, path, sizeof path - 1) > 0);
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(remove_tree_at(parent, strrchr(path, '/') + 1, &err), 0);
	close(parent);
	close(folder);
}

static char *show(int log, struct log_query query)
{
	struct error err = {0};
	int out = make_file("", 0);
	if (query.stdout_fd == 0)
		query.stdout_fd = out;
	if (query.stderr_fd == 0)
		query.stderr_fd = out;
	if (log_read(log, -1, &query, &err) < 0)
		fail_msg("%s", err.message);
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	lseek(out, 0, SEEK_SET);
	assert_int_equal(read_fd(out, 1 << 30, &text, &err), 0);
	close(out);
	return buffer_steal(&text);
}

static void check(const char *log_text, struct log_query query, const char *expected)
{
	int log = make_log(log_text, strlen(log_text));
	cleanup_free char *shown = show(log, query);
	assert_string_equal(shown, expected);
	end_log(log);
}

#define T1 "2026-11-24T03:04:01.000000001Z"
#define T2 "2026-11-24T03:04:02.000000002Z"
#define T3 "2026-11-24T03:04:03.000000003Z"

static const char sample[] = T1 " stdout F one\n" T1 " stderr F two\n" T2 " stdout P th\n" T3 " stdout P re\n" T3
				" stdout F e\n" T3 " stdout F \n" T3 " stdout F four\n";

static void lines_parts_and_streams(void **state)
{
	check(sample, (struct log_query){.tail = -1}, "one\ntwo\nthree\n\nfour\n");
	check(sample, (struct log_query){.tail = -1, .stderr_fd = -1}, "one\nthree\n\nfour\n");
	check(sample, (struct log_query){.tail = -1, .stdout_fd = -1}, "two\n");
	check(sample, (struct log_query){.tail = -1, .timestamps = true},
	      T1 " one\n" T1 " two\n" T2 " three\n" T3 " \n" T3 " four\n");
	check("", (struct log_query){.tail = -1}, "");
}

static void tail(void **state)
{
	static const char *const expected[] = {"",
					       "four\n",
					       "\nfour\n",
					       "three\n\nfour\n",
					       "two\nthree\n\nfour\n",
					       "one\ntwo\nthree\n\nfour\n",
					       "one\ntwo\nthree\n\nfour\n"};
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++)
		check(sample, (struct log_query){.tail = (int64_t)i}, expected[i]);
	check("", (struct log_query){.tail = 3}, "");
	/* A line without an end counts. */
	check(T1 " stdout F a\n" T1 " stdout P b\n" T1 " stdout P c\n", (struct log_query){.tail = 1}, "bc");
	check(T1 " stdout F a\n" T1 " stdout P b\n" T1 " stdout P c\n", (struct log_query){.tail = 2}, "a\nbc");
}

/* Against a plain count, over many blocks and with lines that lie across their borders. */
static void tail_of_a_long_log(void **state)
{
	cleanup_buffer struct buffer log_text = BUFFER_INIT(1 << 26);
	struct error err = {0};
	unsigned int seed = 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 1103515245 + 12345;
		assert_int_equal(buffer_append_format(&log_text, &err, T1 " std%s P %.*s\n", "out",
						      (int)(seed >> 20 & 63),
						      "........................................................."
						      "......."),
				 0);
		assert_int_equal(buffer_append_format(&log_text, &err, T1 " stdout F #%d\n", i), 0);
	}
	int log = make_log(log_text.bytes, log_text.size);
	for (int64_t lines = 1; lines < 20000; lines = lines * 3 + 1) {
		cleanup_free char *shown = show(log, (struct log_query){.tail = lines});
		int64_t count = 0;
		for (const char *at = shown; *at; at++)
			count += *at == '\n';
		assert_int_equal(count, lines);
		char first[32];
		snprintf(first, sizeof first, "#%d\n", (int)(20000 - lines));
		const char *dots = shown + strspn(shown, ".");
		assert_int_equal(strncmp(dots, first, strlen(first)), 0);
	}
	end_log(log);
}

static void since_and_until(void **state)
{
	nanoseconds second, third;
	assert_true(time_parse_rfc3339(T2, &second));
	assert_true(time_parse_rfc3339(T3, &third));
	check(sample, (struct log_query){.tail = -1, .since = second}, "three\n\nfour\n");
	check(sample, (struct log_query){.tail = -1, .since = second + 1}, "\nfour\n");
	check(sample, (struct log_query){.tail = -1, .until = second}, "one\ntwo\nthree\n");
	check(sample, (struct log_query){.tail = -1, .until = second - 1}, "one\ntwo\n");
	check(sample, (struct log_query){.tail = -1, .since = third + 1}, "");
	check(sample, (struct log_query){.tail = 4, .until = second}, "two\nthree\n");
}

static void torn_and_foreign_lines(void **state)
{
	check(T1 " stdout F one\n" T1 " stdout F tw", (struct log_query){.tail = -1}, "one\ntw");
	check(T1 " stdout F one\n2026-11-24T03:0", (struct log_query){.tail = -1}, "one\n");
	check("garbage\n\n\n \n" T1 " stdout F one\n" T1 " stdin F x\n" T1 " stdout X x\n" T1 "\n" T1 " \n" T1
	      " stdout\n" T1 " stdout \n" T1 " stdout Fx\n" T1 " stdout F:tag two\n" T1 " stdout F\n"
	      "2026-11-24T03:04:01+01:00 stderr F three\n",
	      (struct log_query){.tail = -1}, "one\ntwo\n\nthree\n");
}

static void garbage_never_harms(void **state)
{
	static const char *const pieces[] = {T1,   " ",	   "stdout", "stderr", " F ", " P ", "\n",   "F",  "P:",
					     "\0", "\xff", "2026-",  "Z",      ":",   "T",   "\n\n", "xyz"};
	unsigned int seed = 42;
	static char block[300000];
	for (int round = 0; round < 300; round++) {
		size_t size = 0;
		size_t limit = round % 50 == 0 ? sizeof block : 3000;
		while (size + 64 < limit) {
			seed = seed * 1103515245 + 12345;
			const char *piece = pieces[(seed >> 16) % ARRAY_SIZE(pieces)];
			/* Now and then a line that is longer than any buffer. */
			size_t length = *piece ? strlen(piece) : 1;
			if (round % 50 == 0 && *piece == '\n' && seed >> 24 > 1)
				continue;
			memcpy(block + size, piece, length);
			size += length;
		}
		int log = make_log(block, size);
		free(show(log, (struct log_query){.tail = -1, .timestamps = true}));
		free(show(log, (struct log_query){.tail = round % 7, .since = 1, .until = 1LL << 62}));
		end_log(log);
	}
}

static void very_long_line_is_passed_over(void **state)
{
	size_t size = 1000000;
	cleanup_free char *block = allocate(size + 200);
	memset(block, 'x', size);
	memcpy(block + size, "\n" T1 " stdout F after\n", 1 + 30 + 16);
	check(block, (struct log_query){.tail = -1}, "after\n");
	check(block, (struct log_query){.tail = 1}, "after\n");
}

struct growth {
	int fd;
	off_t wanted;
};

static bool has_grown(void *context)
{
	struct growth *growth = context;
	return lseek(growth->fd, 0, SEEK_END) >= growth->wanted;
}

/* `logs -f` in a process of its own; its output in a file. */
static pid_t follow(struct harness *harness, int out, nanoseconds until)
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct error err = {0};
	struct log_query query = {.follow = true, .tail = -1, .until = until, .stdout_fd = out, .stderr_fd = out};
	_exit(log_read(harness->folder_fd, harness->folder_fd, &query, &err) == 0 ? 0 : 1);
}

static char *content(int fd)
{
	struct error err = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(read_fd(fd, 1 << 30, &text, &err), 0);
	return buffer_steal(&text);
}

static void following_shows_lines_as_they_come(void **state)
{
	struct harness harness;
	harness_start(&harness,
		      &(struct harness_options){
			      .command = "echo a; while ! test -e /proc/self/fd/0; do :; done; read x; printf b;"
					 "read x; echo c; printf end",
			      .client = true,
			      .input = true,
			      .cleanup = "sleep 0.2"});
	int out = make_file("", 0);
	pid_t follower = follow(&harness, out, 0);
	assert_true(harness_wait_for(has_grown, &(struct growth){out, 2}));
	harness_send(harness.client_fd, 'i', "\n", 1);
	assert_true(harness_wait_for(has_grown, &(struct growth){out, 3}));
	assert_int_equal(waitpid(follower, NULL, WNOHANG), 0);
	harness_send(harness.client_fd, 'i', "\n", 1);
	int status;
	assert_int_equal(waitpid(follower, &status, 0), follower);
	assert_int_equal(status, 0);
	cleanup_free char *text = content(out);
	assert_string_equal(text, "a\nbc\nend");
	close(out);
	harness_wait(&harness);
	harness_end(&harness);
}

static void following_ends_with_a_killed_monitor(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "echo a; sleep 100"});
	int out = make_file("", 0);
	pid_t follower = follow(&harness, out, 0);
	assert_true(harness_wait_for(has_grown, &(struct growth){out, 2}));
	kill(harness.monitor, SIGKILL);
	int status;
	assert_int_equal(waitpid(follower, &status, 0), follower);
	assert_int_equal(status, 0);
	kill(harness.container, SIGKILL);
	close(out);
	harness_end(&harness);
}

static void following_ends_at_its_time(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "echo a; sleep 100"});
	int out = make_file("", 0);
	pid_t follower = follow(&harness, out, time_now() + NANOSECONDS_PER_SECOND / 2);
	int status;
	assert_int_equal(waitpid(follower, &status, 0), follower);
	assert_int_equal(status, 0);
	cleanup_free char *text = content(out);
	assert_string_equal(text, "a\n");
	close(out);
	kill(harness.container, SIGKILL);
	harness_wait(&harness);
	harness_end(&harness);
}

static void following_many_lines_loses_none(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "seq 1 200000; sleep 0.1; seq 1 100000"});
	int out = make_file("", 0);
	pid_t follower = follow(&harness, out, 0);
	int status;
	assert_int_equal(waitpid(follower, &status, 0), follower);
	assert_int_equal(status, 0);
	assert_int_equal(lseek(out, 0, SEEK_END), 1288895 + 588895);
	close(out);
	harness_wait(&harness);
	harness_end(&harness);
}

static void writer_makes_dates(void **state)
{
	static const char *const times[] = {"1970-01-01T00:00:00.000000000Z", "2000-02-29T23:59:59.999999999Z",
					    "2026-11-24T03:04:05.000000006Z", "2100-02-28T12:00:00.100000000Z",
					    "2100-03-01T00:00:00.000000001Z", "2024-12-31T23:59:59.000000000Z"};
	struct log_writer writer;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		nanoseconds time;
		assert_true(time_parse_rfc3339(times[i], &time));
		int fd = make_file("", 0);
		log_writer_init(&writer, fd, NULL);
		log_write(&writer, LOG_STDERR, time, "x\n", 2);
		cleanup_free char *text = content(fd);
		assert_memory_equal(text, times[i], 30);
		assert_string_equal(text + 30, " stderr F x\n");
		close(fd);
	}
	log_trim();
}

static void writer_closes_a_torn_record(void **state)
{
	int log = make_log(T1 " stdout F to", 42);
	int fd = openat(log, "container.log", O_WRONLY | O_APPEND | O_CLOEXEC);
	struct log_writer writer;
	log_writer_init(&writer, fd, NULL);
	log_write(&writer, LOG_STDOUT, 0, "new\n", 4);
	cleanup_free char *shown = show(log, (struct log_query){.tail = -1});
	assert_string_equal(shown, "to\nnew\n");
	close(fd);
	end_log(log);
}

static void writer_says_what_is_lost(void **state)
{
	int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct log_writer writer;
	log_writer_init(&writer, full, NULL);
	log_write(&writer, LOG_STDOUT, 0, "one\n", 4);
	log_write(&writer, LOG_STDOUT, 0, "two\n", 4);
	close(full);
	int log = make_log("", 0);
	writer.fd = openat(log, "container.log", O_WRONLY | O_APPEND | O_CLOEXEC);
	log_write(&writer, LOG_STDOUT, 0, "three\n", 6);
	cleanup_free char *shown = show(log, (struct log_query){.tail = -1});
	assert_string_equal(shown, "coracle: 88 bytes of this log are lost: it could not be written: "
				   "No space left on device\nthree\n");
	close(writer.fd);
	end_log(log);
}

int main(int count, char **arguments)
{
	if (count < 2)
		return 2;
	harness_program = arguments[1];
	if (count > 2)
		cmocka_set_test_filter(arguments[2]);
	alarm(120);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_parts_and_streams),
		cmocka_unit_test(tail),
		cmocka_unit_test(tail_of_a_long_log),
		cmocka_unit_test(since_and_until),
		cmocka_unit_test(torn_and_foreign_lines),
		cmocka_unit_test(garbage_never_harms),
		cmocka_unit_test(very_long_line_is_passed_over),
		cmocka_unit_test(following_shows_lines_as_they_come),
		cmocka_unit_test(following_ends_with_a_killed_monitor),
		cmocka_unit_test(following_ends_at_its_time),
		cmocka_unit_test(following_many_lines_loses_none),
		cmocka_unit_test(writer_makes_dates),
		cmocka_unit_test(writer_closes_a_torn_record),
		cmocka_unit_test(writer_says_what_is_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
