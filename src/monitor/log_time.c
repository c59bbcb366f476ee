/*
 * The file is found by when files were last written to, the place in it by halving: any record's head tells its time.
 * The place that is returned is a bit before: the parts of a line that began earlier are then known as its parts.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/log_files.h"
#include "monitor/log_position.h"
#include "monitor/log_record.h"

#define BLOCK_SIZE 65536
/* Less is read rather than halved. */
#define NEAR_ENOUGH (2 * BLOCK_SIZE)
/* For the parts of long lines. */
#define STEP_BACK (256 * 1024)
/* A file's time comes from a clock that is some milliseconds behind. */
#define TIME_MARGIN NANOSECONDS_PER_SECOND

static bool parse_time(const char *line, size_t size, nanoseconds *ret_time)
{
	struct log_record record;
	char text[TIME_TEXT_SIZE + 4];
	if (!log_record_parse(line, size, &record) || record.time_size >= sizeof text)
		return false;
	memcpy(text, record.time, record.time_size);
	text[record.time_size] = '\0';
	return time_parse_rfc3339(text, ret_time);
}

/* The first record that begins behind `offset` within a block. 0: there is none. */
static int find_record(int fd, off_t offset, char *block, off_t *ret_start, nanoseconds *ret_time, struct error *err)
{
	ssize_t got = pread(fd, block, BLOCK_SIZE, offset);
	if (got < 0)
		return error_set_errno(err, errno, "read the log");
	const char *end = block + got;
	for (const char *at = block; (at = memchr(at, '\n', (size_t)(end - at)));) {
		at++;
		const char *line_end = memchr(at, '\n', (size_t)(end - at));
		size_t size = (size_t)((line_end ? line_end : end) - at);
		if (!parse_time(at, size < LOG_HEAD_LIMIT ? size : LOG_HEAD_LIMIT, ret_time))
			continue;
		*ret_start = offset + (at - block);
		return 1;
	}
	return 0;
}

static int halve(int fd, off_t size, nanoseconds since, off_t *ret_offset, struct error *err)
{
	cleanup_free char *block = allocate(BLOCK_SIZE);
	off_t low = 0, start;
	nanoseconds time;
	for (off_t high = size; high - low > NEAR_ENOUGH;) {
		off_t middle = low + (high - low) / 2;
		int is_found = find_record(fd, middle, block, &start, &time, err);
		if (is_found < 0)
			return -1;
		if (is_found && time < since && start < high)
			low = start;
		else
			high = middle;
	}
	*ret_offset = 0;
	if (low > STEP_BACK) {
		int is_found = find_record(fd, low - STEP_BACK, block, &start, &time, err);
		if (is_found < 0)
			return -1;
		*ret_offset = is_found ? start : low;
	}
	return 0;
}

/* Whether the file of that number, which has one, ends before `since`. */
static bool ends_before(int folder_fd, uint64_t number, nanoseconds since)
{
	char name[LOG_NAME_SIZE];
	struct stat info;
	log_name_numbered(name, number, "");
	if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0) {
		log_name_numbered(name, number, ".gz");
		if (fstatat(folder_fd, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
			return false;
	}
	return info.st_mtim.tv_sec * NANOSECONDS_PER_SECOND + info.st_mtim.tv_nsec + TIME_MARGIN < since;
}

int log_find_start(int folder_fd, struct log_position *ret_position, struct error *err)
{
	struct log_numbers numbers;
	if (log_numbers_read(folder_fd, &numbers, err) < 0)
		return -1;
	*ret_position = (struct log_position){.number = numbers.first ? numbers.first : 1};
	return 0;
}

int log_find_time(int folder_fd, nanoseconds since, struct log_position *ret_position, struct error *err)
{
	struct log_numbers numbers;
	struct log_file file;
	if (log_numbers_read(folder_fd, &numbers, err) < 0)
		return -1;
	struct log_position position = {.number = numbers.last + 1};
	while (numbers.first && position.number > numbers.first && !ends_before(folder_fd, position.number - 1, since))
		position.number--;
	if (log_file_open(folder_fd, position.number, &file, err) < 0)
		return -1;
	cleanup_close int fd = file.fd;
	struct stat info = {0};
	if (fd >= 0 && fstat(fd, &info) < 0)
		return error_set_errno(err, errno, "look at the log");
	if (fd >= 0 && halve(fd, info.st_size, since, &position.offset, err) < 0)
		return -1;
	*ret_position = position;
	return 0;
}
