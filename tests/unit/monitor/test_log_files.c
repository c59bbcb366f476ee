/* The files of a log: how they are turned over, and how they are read as one. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "harness.h"
#include "monitor/log_files.h"
#include "monitor/log_position.h"
#include "monitor/log_reader.h"
#include "monitor/log_writer.h"

#define START (1800000000 * NANOSECONDS_PER_SECOND)

struct place {
	char path[40];
	int folder_fd;
};

static void place_make(struct place *place)
{
	strcpy(place->path, "/tmp/coracle-log-test-XXXXXX");
	assert_non_null(mkdtemp(place->path));
	place->folder_fd = open(place->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(place->folder_fd >= 0);
}

static void place_end(struct place *place)
{
	struct error err = {0};
	int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(remove_tree_at(parent, strrchr(place->path, '/') + 1, &err), 0);
	close(parent);
	close(place->folder_fd);
}

/* As a start opens it. */
static void writer_open(const struct place *place, int64_t max_size, int64_t keep, struct log_writer *writer)
{
	struct error err = {0};
	struct log_numbers numbers;
	assert_int_equal(log_files_limit(place->folder_fd, (uint64_t)keep, &err), 0);
	assert_int_equal(log_numbers_read(place->folder_fd, &numbers, &err), 0);
	int fd = openat(place->folder_fd, LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	log_writer_init(writer, fd,
			&(struct log_rotation){.folder_fd = place->folder_fd,
					       .max_size = max_size,
					       .keep = keep,
					       .number = (int64_t)numbers.last + 1});
}

/* "line I", a second each. */
static void write_lines(struct log_writer *writer, long first, long last)
{
	for (long i = first; i <= last; i++) {
		char text[64];
		int size = snprintf(text, sizeof text, "line %ld\n", i);
		log_write(writer, i % 2 ? LOG_STDOUT : LOG_STDERR, START + i * NANOSECONDS_PER_SECOND, text,
			  (size_t)size);
	}
}

static char *show(const struct place *place, struct log_query query)
{
	struct error err = {0};
	int out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	query.stdout_fd = query.stderr_fd = out;
	if (log_read(place->folder_fd, -1, &query, &err) < 0)
		fail_msg("%s", err.message);
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	lseek(out, 0, SEEK_SET);
	assert_int_equal(read_fd(out, 1 << 30, &text, &err), 0);
	close(out);
	return text.size ? buffer_steal(&text) : duplicate_string("");
}

/* That the text is "line FIRST" to "line LAST" and nothing else. */
static void expect_lines(const char *text, long first, long last)
{
	const char *at = text;
	for (long i = first; i <= last; i++) {
		char line[64];
		int size = snprintf(line, sizeof line, "line %ld\n", i);
		if (strncmp(at, line, (size_t)size) != 0)
			fail_msg("instead of %.*s there is %.40s", size - 1, line, at);
		at += size;
	}
	assert_string_equal(at, "");
}

static void expect_shown(const struct place *place, struct log_query query, long first, long last)
{
	cleanup_free char *text = show(place, query);
	expect_lines(text, first, last);
}

static long count_files(const struct place *place)
{
	long count = 0;
	DIR *listing = opendir(place->path);
	for (const struct dirent *entry; (entry = readdir(listing));)
		count += entry->d_name[0] != '.';
	closedir(listing);
	return count;
}

static void a_full_file_is_turned_over(void **state)
{
	struct place place;
	struct log_writer writer;
	struct stat info;
	place_make(&place);
	writer_open(&place, 1000, 3, &writer);
	write_lines(&writer, 100, 999);
	/* A record is 49 bytes, so that 20 of them fit. */
	assert_int_equal(count_files(&place), 4);
	assert_int_equal(fstatat(place.folder_fd, "container.log.44", &info, 0), 0);
	assert_int_equal(info.st_size, 980);
	assert_int_equal(fstatat(place.folder_fd, "container.log.41", &info, 0), -1);
	assert_true(writer.has_turned);
	expect_shown(&place, (struct log_query){.tail = -1}, 920, 999);
	close(writer.fd);
	/* The next start goes on. */
	writer_open(&place, 1000, 3, &writer);
	write_lines(&writer, 1000, 1019);
	assert_int_equal(count_files(&place), 4);
	expect_shown(&place, (struct log_query){.tail = 20}, 1000, 1019);
	close(writer.fd);
	place_end(&place);
}

static void one_file_alone_is_emptied(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 1000, 0, &writer);
	write_lines(&writer, 100, 150);
	assert_int_equal(count_files(&place), 1);
	expect_shown(&place, (struct log_query){.tail = -1}, 140, 150);
	close(writer.fd);
	place_end(&place);
}

static void a_record_that_is_too_large_has_a_file_of_its_own(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 100, 5, &writer);
	char text[1000];
	memset(text, 'x', sizeof text);
	log_write(&writer, LOG_STDOUT, START, text, sizeof text);
	log_write(&writer, LOG_STDOUT, START, "\nshort\n", 7);
	cleanup_free char *shown = show(&place, (struct log_query){.tail = -1});
	assert_int_equal(strlen(shown), 1007);
	assert_int_equal(count_files(&place), 2);
	/* Its parts are one line, although they lie in two files. */
	cleanup_free char *two = show(&place, (struct log_query){.tail = 2});
	assert_string_equal(two, shown);
	close(writer.fd);
	place_end(&place);
}

static void where_no_file_can_be_made_the_old_one_grows(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 1000, 2, &writer);
	/* A folder in the way; we may be root, whom no mode keeps out. */
	assert_int_equal(mkdirat(place.folder_fd, LOG_NAME_NEW, 0700), 0);
	write_lines(&writer, 100, 199);
	assert_int_equal(count_files(&place), 2);
	expect_shown(&place, (struct log_query){.tail = -1}, 100, 199);
	assert_int_equal(unlinkat(place.folder_fd, LOG_NAME_NEW, AT_REMOVEDIR), 0);
	write_lines(&writer, 200, 9999);
	assert_int_equal(count_files(&place), 3);
	expect_shown(&place, (struct log_query){.tail = 30}, 9970, 9999);
	close(writer.fd);
	place_end(&place);
}

static void places_are_found_in_all_files(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 400000, 9, &writer);
	write_lines(&writer, 10000, 59999);
	for (long lines = 0; lines <= 50000; lines = lines * 2 + 1)
		expect_shown(&place, (struct log_query){.tail = lines}, 60000 - lines, 59999);
	/* The files' times are those of this test, so make them those of their records. */
	struct error err = {0};
	struct log_numbers numbers;
	assert_int_equal(log_numbers_read(place.folder_fd, &numbers, &err), 0);
	assert_true(numbers.last > 5);
	for (uint64_t number = 1; number <= numbers.last; number++) {
		char name[LOG_NAME_SIZE];
		log_name_numbered(name, number, "");
		/* 51 bytes a record. */
		time_t end = START / NANOSECONDS_PER_SECOND + 10000 + (time_t)number * (400000 / 51) - 1;
		const struct timespec times[] = {{.tv_sec = end}, {.tv_sec = end}};
		assert_int_equal(utimensat(place.folder_fd, name, times, 0), 0);
	}
	for (long from = 9990; from < 60010; from += 997) {
		nanoseconds since = START + from * NANOSECONDS_PER_SECOND;
		long first = from < 10000 ? 10000 : from;
		expect_shown(&place, (struct log_query){.tail = -1, .since = since}, first, 59999);
		expect_shown(&place, (struct log_query){.tail = -1, .since = since, .until = since + 7}, first,
			     from < 10000 || from > 59999 ? first - 1 : from);
		expect_shown(&place, (struct log_query){.tail = 100, .since = since}, from < 59900 ? 59900 : from,
			     59999);
	}
	close(writer.fd);
	place_end(&place);
}

/* Of one long file a few blocks are read. */
static void a_place_is_found_without_reading_all(void **state)
{
	struct place place;
	struct log_writer writer;
	struct error err = {0};
	struct log_position position;
	place_make(&place);
	writer_open(&place, 0, 0, &writer);
	write_lines(&writer, 1000000, 1199999);
	for (long from = 1000000; from < 1200000; from += 17777) {
		assert_int_equal(log_find_time(place.folder_fd, START + from * NANOSECONDS_PER_SECOND, &position, &err),
				 0);
		off_t wanted = (from - 1000000) * 53;
		assert_true(position.offset % 53 == 0 && position.offset <= wanted);
		assert_true(position.offset >= wanted - 600 * 1024);
	}
	close(writer.fd);
	place_end(&place);
}

/* A line whose parts began before the time is not shown, also where they are many. */
static void since_does_not_show_the_rest_of_an_older_line(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 0, 0, &writer);
	static char text[16384];
	memset(text, 'x', sizeof text);
	for (long i = 0; i < 40; i++)
		write_lines(&writer, i, i);
	for (long i = 40; i < 52; i++)
		log_write(&writer, LOG_STDOUT, START + i * NANOSECONDS_PER_SECOND, text, sizeof text);
	log_write(&writer, LOG_STDOUT, START + 52 * NANOSECONDS_PER_SECOND, "\n", 1);
	write_lines(&writer, 53, 60);
	for (long from = 41; from <= 52; from++)
		expect_shown(&place, (struct log_query){.tail = -1, .since = START + from * NANOSECONDS_PER_SECOND}, 53,
			     60);
	close(writer.fd);
	place_end(&place);
}

static void compress_file(const struct place *place, uint64_t number)
{
	struct error err = {0};
	char name[LOG_NAME_SIZE];
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	log_name_numbered(name, number, "");
	assert_int_equal(read_file_at(place->folder_fd, name, 1 << 30, &text, &err), 0);
	unlinkat(place->folder_fd, name, 0);
	log_name_numbered(name, number, ".gz");
	gzFile file = gzdopen(openat(place->folder_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), "wb");
	assert_int_equal(gzwrite(file, text.bytes, (unsigned)text.size), (int)text.size);
	gzclose(file);
}

static void compressed_files_are_read_too(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 1000, 5, &writer);
	write_lines(&writer, 100, 210);
	compress_file(&place, 2);
	compress_file(&place, 4);
	expect_shown(&place, (struct log_query){.tail = -1}, 100, 210);
	for (long lines = 1; lines < 110; lines += 9)
		expect_shown(&place, (struct log_query){.tail = lines}, 211 - lines, 210);
	/* They are counted as the others are. */
	write_lines(&writer, 211, 300);
	assert_int_equal(count_files(&place), 6);
	/* Damage is told. */
	int fd = openat(place.folder_fd, "container.log.7.gz", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "\x1f\x8b\x08 damaged, for sure", 21), 21);
	close(fd);
	unlinkat(place.folder_fd, "container.log.7", 0);
	struct error err = {0};
	struct log_query query = {.tail = -1, .stdout_fd = -1, .stderr_fd = -1};
	assert_int_equal(log_read(place.folder_fd, -1, &query, &err), -1);
	assert_non_null(strstr(err.message, "damaged"));
	close(writer.fd);
	place_end(&place);
}

/* Every state that a kill in the middle can leave is read in full, and gone on from. */
static void what_a_kill_leaves_is_whole(void **state)
{
	struct place place;
	struct log_writer writer;
	place_make(&place);
	writer_open(&place, 1000, 3, &writer);
	write_lines(&writer, 100, 175);
	close(writer.fd);
	/* The new file is made, nothing renamed. */
	close(openat(place.folder_fd, LOG_NAME_NEW, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	expect_shown(&place, (struct log_query){.tail = -1}, 100, 175);
	expect_shown(&place, (struct log_query){.tail = 3}, 173, 175);
	/* The full file has its number, and there is none to write to. */
	assert_int_equal(renameat(place.folder_fd, LOG_NAME, place.folder_fd, LOG_NAME ".4"), 0);
	expect_shown(&place, (struct log_query){.tail = -1}, 100, 175);
	expect_shown(&place, (struct log_query){.tail = 0}, 176, 175);
	expect_shown(&place, (struct log_query){.tail = 20}, 156, 175);
	/* Nor was the oldest removed: the next start does it. */
	writer_open(&place, 1000, 3, &writer);
	write_lines(&writer, 176, 177);
	assert_int_equal(count_files(&place), 5);
	expect_shown(&place, (struct log_query){.tail = -1}, 120, 177);
	write_lines(&writer, 178, 199);
	assert_int_equal(count_files(&place), 4);
	close(writer.fd);
	place_end(&place);
}

/* A writer is killed at any moment, again and again; what it said to have written is there, in order, once. */
static void kills_lose_nothing(void **state)
{
	struct place place;
	long *written = mmap(NULL, sizeof *written, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	place_make(&place);
	*written = 999999;
	for (int round = 0; round < 150; round++) {
		pid_t pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct log_writer writer;
			writer_open(&place, 300, 30, &writer);
			for (long i = *written + 1;; i++) {
				write_lines(&writer, i, i);
				__atomic_store_n(written, i, __ATOMIC_SEQ_CST);
			}
		}
		usleep((useconds_t)(round * 7 % 40) * 100);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		cleanup_free char *text = show(&place, (struct log_query){.tail = -1});
		if (!*text)
			continue;
		long first = strtol(text + strlen("line "), NULL, 10);
		cleanup_free char *tail = show(&place, (struct log_query){.tail = 1});
		long last = strtol(tail + strlen("line "), NULL, 10);
		/* One may have been written, and not said. */
		assert_true(last == *written || last == *written + 1);
		*written = last;
		expect_lines(text, first, last);
	}
	munmap(written, sizeof *written);
	place_end(&place);
}

static void following_goes_over_rotations(void **state)
{
	struct harness harness;
	harness_start(&harness, &(struct harness_options){.command = "i=100000; while [ $i -lt 103000 ]; do "
								     "echo line $i; i=$((i+1)); done",
							  .log_max_size = 5000,
							  .log_keep = 1000});
	int out = open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	struct error err = {0};
	struct log_query query = {.follow = true, .tail = -1, .stdout_fd = out, .stderr_fd = out};
	if (log_read(harness.folder_fd, harness.folder_fd, &query, &err) < 0)
		fail_msg("%s", err.message);
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	lseek(out, 0, SEEK_SET);
	assert_int_equal(read_fd(out, 1 << 30, &text, &err), 0);
	expect_lines(buffer_text(&text), 100000, 102999);
	close(out);
	assert_int_equal(faccessat(harness.folder_fd, "container.log.20", F_OK, 0), 0);
	harness_wait(&harness);
	harness_end(&harness);
}

int main(int count, char **arguments)
{
	if (count < 2)
		return 2;
	harness_program = arguments[1];
	if (count > 2)
		cmocka_set_test_filter(arguments[2]);
	alarm(300);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_file_is_turned_over),
		cmocka_unit_test(one_file_alone_is_emptied),
		cmocka_unit_test(a_record_that_is_too_large_has_a_file_of_its_own),
		cmocka_unit_test(where_no_file_can_be_made_the_old_one_grows),
		cmocka_unit_test(places_are_found_in_all_files),
		cmocka_unit_test(a_place_is_found_without_reading_all),
		cmocka_unit_test(since_does_not_show_the_rest_of_an_older_line),
		cmocka_unit_test(compressed_files_are_read_too),
		cmocka_unit_test(what_a_kill_leaves_is_whole),
		cmocka_unit_test(kills_lose_nothing),
		cmocka_unit_test(following_goes_over_rotations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
