/* error, buffer, string_list, time, json, atomic_file, fd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/json.h"
#include "base/process.h"
#include "base/stream.h"
#include "base/time.h"

static void error_is_wrapped_from_the_inside_out(void **state)
{
	struct error err = {0};
	assert_int_equal(error_set_errno(&err, ENOENT, "open %s", "a"), -1);
	assert_int_equal(error_wrap(&err, "read %d", 7), -1);
	assert_string_equal(err.message, "read 7: open a: No such file or directory");
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	assert_int_equal(err.system_errno, ENOENT);
	assert_int_equal(error_set(NULL, ERROR_INVALID, "nobody listens"), -1);
}

static void error_too_long_is_cut(void **state)
{
	struct error err = {0};
	char text[3 * ERROR_MESSAGE_SIZE];
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	error_set(&err, ERROR_INVALID, "%s", text);
	error_wrap(&err, "%s", text);
	assert_int_equal(strlen(err.message), ERROR_MESSAGE_SIZE - 1);
}

static void buffer_never_grows_past_its_cap(void **state)
{
	struct error err = {0};
	cleanup_buffer struct buffer buffer = BUFFER_INIT(10);
	assert_int_equal(buffer_append(&buffer, "12345", 5, &err), 0);
	assert_int_equal(buffer_append_format(&buffer, &err, "%d", 67890), 0);
	assert_int_equal(buffer_append(&buffer, "!", 1, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_string_equal(buffer_text(&buffer), "1234567890");
	assert_int_equal(buffer_append(&buffer, "!", SIZE_MAX, &err), -1);
	buffer_consume(&buffer, 3);
	assert_string_equal(buffer_text(&buffer), "4567890");
	buffer_consume(&buffer, 100);
	assert_string_equal(buffer_text(&buffer), "");
}

static void environment_keys_are_replaced_in_place(void **state)
{
	cleanup_string_list struct string_list list = {0};
	string_list_add(&list, "A=1");
	string_list_add(&list, "AB=2");
	string_list_set_key(&list, "A", "3");
	string_list_set_key(&list, "C", "");
	cleanup_free char *text = string_list_join(&list, ",");
	assert_string_equal(text, "A=3,AB=2,C=");
	assert_string_equal(string_list_get_key(&list, "AB"), "2");
	assert_null(string_list_get_key(&list, "B"));
	assert_null(list.items[list.count]);
}

static void time_round_trips(void **state)
{
	char text[TIME_TEXT_SIZE];
	nanoseconds time;
	time_format_rfc3339(1764000000123456789, text);
	assert_string_equal(text, "2025-11-24T16:00:00.123456789Z");
	assert_true(time_parse_rfc3339(text, &time));
	assert_int_equal(time, 1764000000123456789);
	assert_true(time_parse_rfc3339("2025-11-24T17:30:00+01:30", &time));
	assert_int_equal(time, 1764000000000000000);
	static const char *const wrong[] = {"",
					    "2025",
					    "2025-13-01T00:00:00Z",
					    "2025-11-24T16:00:00",
					    "2025-11-24T16:00:00.Z",
					    "2025-11-24T16:00:00Zx",
					    "2025-11-24 16:00"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(time_parse_rfc3339(wrong[i], &time));
}

static void spans_and_sizes_are_dockers(void **state)
{
	static const struct {
		long long seconds;
		const char *text;
	} spans[] = {{0, "Less than a second"}, {1, "1 second"},	 {59, "59 seconds"}, {60, "About a minute"},
		     {240, "4 minutes"},	{3600, "About an hour"}, {7200, "2 hours"},  {172800, "2 days"},
		     {1209600, "2 weeks"},	{5184000, "2 months"}};
	char text[64];
	for (size_t i = 0; i < ARRAY_SIZE(spans); i++) {
		time_format_human(spans[i].seconds * NANOSECONDS_PER_SECOND, text, sizeof text);
		assert_string_equal(text, spans[i].text);
	}
	static const struct {
		uint64_t bytes;
		const char *text;
	} sizes[] = {{0, "0B"},	       {999, "999B"},	     {1000, "1kB"},
		     {1220, "1.22kB"}, {230000000, "230MB"}, {1500000000, "1.5GB"}};
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_format_human(sizes[i].bytes, text, sizeof text);
		assert_string_equal(text, sizes[i].text);
	}
	size_format_human_precise(16434567, text, sizeof text);
	assert_string_equal(text, "16.43MB");
	size_format_human_precise(1000, text, sizeof text);
	assert_string_equal(text, "1kB");
}

static void moments_are_spans_dates_or_seconds(void **state)
{
	const nanoseconds now = 1770000000 * NANOSECONDS_PER_SECOND;
	const nanoseconds day = 1767312000; /* 2026-01-02T00:00:00Z */
	static const struct {
		const char *text;
		int64_t seconds, before_now; /* the one or the other */
	} good[] = {{"42m", 0, 42 * 60},
		    {"1h30m", 0, 5400},
		    {"1.5h", 0, 5400},
		    {"300ms1.7s", 0, 2},
		    {"-10s", 0, -10},
		    {"1767312000", 1767312000, 0},
		    {"1767312000.000", 1767312000, 0},
		    {"2026-01-02", 1767312000, 0},
		    {"2026-01-02Z", 1767312000, 0},
		    {"2026-01-02T01", 1767312000 + 3600, 0},
		    {"2026-01-02T01:02", 1767312000 + 3720, 0},
		    {"2026-01-02T01:02:03", 1767312000 + 3723, 0},
		    {"2026-01-02T01:02:03Z", 1767312000 + 3723, 0},
		    {"2026-01-02T01:02:03+01:00", 1767312000 + 123, 0},
		    {"2026-01-02T01:02:03-01:00", 1767312000 + 7323, 0},
		    {"2026-01-02T01:02-01:00", 1767312000 + 7320, 0},
		    {"2026-01-02-01:00", 1767312000 + 3600, 0}};
	static const char *const bad[] = {"",
					  "x",
					  "2026-13-02",
					  "2026-01",
					  "1h30",
					  "h",
					  "5x",
					  "1e3",
					  "--1s",
					  "99999999999999h",
					  "2026-01-02T",
					  "1.2.3",
					  "2026-01-02T01.5"};
	nanoseconds moment;
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_true(time_parse_moment(good[i].text, now, &moment));
		nanoseconds wanted = good[i].seconds ? good[i].seconds * NANOSECONDS_PER_SECOND
						     : now - good[i].before_now * NANOSECONDS_PER_SECOND;
		assert_int_equal(moment, wanted);
	}
	assert_true(time_parse_moment("2026-01-02T00:00:00.5", now, &moment));
	assert_int_equal(moment, day * NANOSECONDS_PER_SECOND + NANOSECONDS_PER_SECOND / 2);
	setenv("TZ", "XXX-2", 1);
	tzset();
	assert_true(time_parse_moment("2026-01-02T02:00", now, &moment));
	assert_int_equal(moment, day * NANOSECONDS_PER_SECOND);
	setenv("TZ", "UTC", 1);
	tzset();
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(time_parse_moment(bad[i], now, &moment));
}

static void json_from_others_is_bounded(void **state)
{
	struct error err = {0};
	json_t *value = NULL;
	char deep[2 * JSON_DEPTH_LIMIT + 3];
	memset(deep, '[', JSON_DEPTH_LIMIT + 1);
	memset(deep + JSON_DEPTH_LIMIT + 1, ']', JSON_DEPTH_LIMIT + 1);
	assert_int_equal(json_parse(deep, 2 * JSON_DEPTH_LIMIT + 2, &value, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	static const char *const wrong[] = {"", "{", "{\"a\":1,\"a\":2}", "{} {}", "{\"a\":\"\\u0000\"}x"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(json_parse(wrong[i], strlen(wrong[i]), &value, &err), -1);
}

static void json_members_are_typed(void **state)
{
	static const char text[] = "{\"s\":\"x\",\"n\":3,\"none\":null,\"list\":[\"a\",\"b\"],\"mixed\":[\"a\",1]}";
	struct error err = {0};
	cleanup_json json_t *value = NULL;
	const char *string = "untouched";
	int64_t number = 0;
	cleanup_string_list struct string_list list = {0};
	assert_int_equal(json_parse(text, sizeof text - 1, &value, &err), 0);
	assert_int_equal(json_get_string(value, "none", &string, &err), 0);
	assert_string_equal(string, "untouched");
	assert_int_equal(json_need_string(value, "none", &string, &err), -1);
	assert_int_equal(json_get_string(value, "n", &string, &err), -1);
	assert_string_equal(err.message, "\"n\" is not a string");
	assert_int_equal(json_need_integer(value, "n", &number, &err), 0);
	assert_int_equal(number, 3);
	assert_int_equal(json_get_strings(value, "list", &list, &err), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(json_get_strings(value, "mixed", &list, &err), -1);
	assert_int_equal(list.count, 2);
}

static int make_folder(char *path)
{
	struct error err = {0};
	assert_non_null(mkdtemp(path));
	int fd = open_folder(path, false, 0, &err);
	assert_true(fd >= 0);
	return fd;
}

static int count_names(int folder)
{
	int copy = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), count = 0;
	DIR *directory = fdopendir(copy);
	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

static void atomic_output_is_whole_or_not_there(void **state)
{
	char path[] = "/tmp/base-test-XXXXXX";
	struct error err = {0};
	cleanup_close int folder = make_folder(path);
	cleanup_free char *file = format_string("%s/file", path);
	cleanup_buffer struct buffer text = {0};
	for (int i = 0; i < 2; i++) {
		cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
		assert_int_equal(atomic_output_open(file, 0600, &output, &err), 0);
		assert_int_equal(write_full(output.fd, i ? "second" : "first", i ? 6 : 5, &err), 0);
		assert_int_equal(faccessat(folder, "file", F_OK, 0), i ? 0 : -1);
		assert_int_equal(atomic_output_commit(&output, &err), 0);
	}
	assert_int_equal(read_file_at(folder, "file", 100, &text, &err), 0);
	assert_string_equal(buffer_text(&text), "second");
	{
		cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
		assert_int_equal(atomic_output_open(file, 0600, &output, &err), 0);
		assert_int_equal(write_full(output.fd, "lost", 4, &err), 0);
	}
	cleanup_buffer struct buffer same = {0};
	assert_int_equal(read_file_at(folder, "file", 100, &same, &err), 0);
	assert_string_equal(buffer_text(&same), "second");
	assert_int_equal(count_names(folder), 1);

	struct atomic_output none = ATOMIC_OUTPUT_INIT;
	assert_int_equal(atomic_output_open(path, 0600, &none, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	cleanup_free char *missing = format_string("%s/no/file", path);
	assert_int_equal(atomic_output_open(missing, 0600, &none, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
	/* What is no file stays what it is. */
	struct stat status;
	cleanup_atomic_output struct atomic_output device = ATOMIC_OUTPUT_INIT;
	assert_int_equal(atomic_output_open("/dev/null", 0600, &device, &err), 0);
	assert_int_equal(atomic_output_commit(&device, &err), 0);
	assert_int_equal(stat("/dev/null", &status), 0);
	assert_true(S_ISCHR(status.st_mode));
	assert_int_equal(remove_tree_at(AT_FDCWD, path, &err), 0);
}

static void atomic_file_leaves_the_old_one_on_failure(void **state)
{
	char path[] = "/tmp/base-test-XXXXXX";
	struct error err = {0};
	cleanup_close int folder = make_folder(path);
	assert_int_equal(atomic_file_write(folder, "f", "old", 3, 0640, ATOMIC_FILE_DURABLE, &err), 0);
	assert_int_equal(mkdirat(folder, "d", 0700), 0);
	assert_int_equal(atomic_file_write(folder, "d", "x", 1, 0600, ATOMIC_FILE_DURABLE, &err), -1);
	cleanup_buffer struct buffer text = {0};
	assert_int_equal(read_file_at(folder, "f", 100, &text, &err), 0);
	assert_string_equal(buffer_text(&text), "old");
	struct buffer more = {0};
	assert_int_equal(read_file_at(folder, "f", 2, &more, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	struct stat status;
	assert_int_equal(fstatat(folder, "f", &status, 0), 0);
	assert_int_equal(status.st_mode & 07777, 0640);
	assert_int_equal(remove_tree_at(AT_FDCWD, path, &err), 0);
	assert_int_equal(remove_tree_at(AT_FDCWD, path, &err), 0);
}

static void open_in_root_never_leaves_the_root(void **state)
{
	char path[] = "/tmp/base-test-XXXXXX";
	struct error err = {0};
	cleanup_close int folder = make_folder(path);
	assert_int_equal(symlinkat("/etc", folder, "absolute"), 0);
	assert_int_equal(symlinkat("../../../../etc", folder, "relative"), 0);
	assert_int_equal(open_in_root(folder, "absolute/passwd", O_RDONLY, 0), -1);
	assert_int_equal(open_in_root(folder, "../../etc/passwd", O_RDONLY, 0), -1);
	assert_int_equal(open_in_root(folder, "relative/passwd", O_RDONLY, 0), -1);
	assert_int_equal(symlinkat(".", folder, "here"), 0);
	cleanup_close int self = open_beneath(folder, ".", O_RDONLY);
	assert_true(self >= 0);
	assert_int_equal(open_beneath(folder, "..", O_RDONLY), -1);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(open_beneath(folder, "here", O_RDONLY), -1);
	assert_int_equal(errno, ELOOP);
	/* Through the links, folders are made inside. */
	cleanup_close int made = make_folders_in_root(folder, "new/folder", 0755);
	assert_true(made >= 0);
	struct stat status;
	assert_int_equal(fstatat(folder, "new/folder", &status, 0), 0);
	assert_int_equal(remove_tree_at(AT_FDCWD, path, &err), 0);
}

static void process_finds_programs_in_absolute_folders_alone(void **state)
{
	cleanup_free char *before = duplicate_string(getenv("PATH"));
	cleanup_free char *found = NULL;
	setenv("PATH", "bin:.::/nowhere:/bin", 1);
	found = process_find_program("sh");
	assert_string_equal(found, "/bin/sh");
	assert_null(process_find_program("no-such-program"));
	setenv("PATH", before ? before : "", 1);
}

static void process_gets_only_the_fds_that_are_listed(void **state)
{
	struct error err = {0};
	int ends[2];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	char *arguments[] = {(char[]){"/bin/sh"}, (char[]){"-c"},
			     (char[]){"echo out >&5; ls /proc/self/fd | wc -l >&5"}, NULL};
	struct process_options options = {
		.arguments = arguments, .standard_fds = {-1, -1, -1}, .fds = {{ends[1], 5}}, .fd_count = 1};
	pid_t pid;
	int status;
	assert_int_equal(process_start(&options, &pid, &err), 0);
	close(ends[1]);
	cleanup_buffer struct buffer text = {0};
	assert_int_equal(read_fd(ends[0], 100, &text, &err), 0);
	close(ends[0]);
	/* 0, 1, 2, 5 and the one that ls reads the folder with. */
	assert_string_equal(buffer_text(&text), "out\n5\n");
	assert_int_equal(process_wait(pid, &status, &err), 0);
	assert_int_equal(status, 0);
	arguments[0] = (char[]){"/does/not/exist"};
	options.fd_count = 0;
	assert_int_equal(process_start(&options, &pid, &err), -1);
	assert_int_equal(err.kind, ERROR_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_is_wrapped_from_the_inside_out),
		cmocka_unit_test(error_too_long_is_cut),
		cmocka_unit_test(buffer_never_grows_past_its_cap),
		cmocka_unit_test(environment_keys_are_replaced_in_place),
		cmocka_unit_test(time_round_trips),
		cmocka_unit_test(spans_and_sizes_are_dockers),
		cmocka_unit_test(moments_are_spans_dates_or_seconds),
		cmocka_unit_test(json_from_others_is_bounded),
		cmocka_unit_test(json_members_are_typed),
		cmocka_unit_test(atomic_file_leaves_the_old_one_on_failure),
		cmocka_unit_test(atomic_output_is_whole_or_not_there),
		cmocka_unit_test(open_in_root_never_leaves_the_root),
		cmocka_unit_test(process_finds_programs_in_absolute_folders_alone),
		cmocka_unit_test(process_gets_only_the_fds_that_are_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
