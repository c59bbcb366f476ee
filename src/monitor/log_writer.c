/*
 * Time texts are made here rather than by libc: its calendar reads the time zone's file and brings in stdio, which
 * would double the memory of a monitor, and the text of a second can be kept, since most chunks fall into the same one.
 */
#include "monitor/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/text.h"

/* "2026-11-24T03:04:05.000000006Z stdout F " */
#define PREFIX_SIZE 40
#define TAG_AT	    38

#define BATCH_SIZE (128 * 1024)
static char batch[BATCH_SIZE] __attribute__((aligned(4096)));

void log_trim(void)
{
	madvise(batch, sizeof batch, MADV_DONTNEED);
}

static void put_number(char *text, int digits, int64_t number)
{
	for (int i = digits - 1; i >= 0; i--, number /= 10)
		text[i] = (char)('0' + number % 10);
}

/* The civil date of a day counted from 1970-01-01: years begin in March, so that a leap day is a year's last. */
static void put_second(char text[20], int64_t second)
{
	int64_t day = second / 86400;
	int64_t rest = second % 86400;
	int64_t shifted = day + 719468; /* days from 0000-03-01 */
	int64_t era = shifted / 146097;
	int64_t of_era = shifted % 146097;
	int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * of_year + 2) / 153;
	int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	memcpy(text, "0000-00-00T00:00:00", 20);
	put_number(text, 4, era * 400 + year_of_era + (month <= 2));
	put_number(text + 5, 2, month);
	put_number(text + 8, 2, of_year - (153 * month_from_march + 2) / 5 + 1);
	put_number(text + 11, 2, rest / 3600);
	put_number(text + 14, 2, rest / 60 % 60);
	put_number(text + 17, 2, rest % 60);
}

static void make_prefix(struct log_writer *writer, enum log_stream stream, nanoseconds now, char prefix[PREFIX_SIZE])
{
	if (now < 0)
		now = 0;
	int64_t second = now / NANOSECONDS_PER_SECOND;
	if (second != writer->text_second) {
		put_second(writer->text, second);
		writer->text_second = second;
	}
	memcpy(prefix, writer->text, 19);
	prefix[19] = '.';
	put_number(prefix + 20, 9, now % NANOSECONDS_PER_SECOND);
	memcpy(prefix + 29, stream == LOG_STDOUT ? "Z stdout F " : "Z stderr F ", 11);
}

/* As much as goes; -1 with errno set where not all did. *ret_put is set in both cases. */
static int write_all(int fd, const char *bytes, size_t size, size_t *ret_put)
{
	*ret_put = 0;
	while (*ret_put < size) {
		ssize_t put = write(fd, bytes + *ret_put, size - *ret_put);
		if (put > 0)
			*ret_put += (size_t)put;
		else if (put == 0 || errno != EINTR)
			return -1;
	}
	return 0;
}

static int close_torn_record(struct log_writer *writer)
{
	size_t put;
	if (writer->is_torn && write_all(writer->fd, "\n", 1, &put) < 0)
		return -1;
	writer->is_torn = false;
	return 0;
}

/* Says in the log what it lacks. */
static int write_loss(struct log_writer *writer, const char prefix[PREFIX_SIZE])
{
	if (writer->lost == 0)
		return 0;
	char note[256];
	size_t size = sizeof note - 1;
	memcpy(note, prefix, PREFIX_SIZE);
	memcpy(note + 31, "stderr F", 8);
	size_t used = text_add(note, size, PREFIX_SIZE, "coracle: ");
	used = text_add_number(note, size, used, writer->lost);
	used = text_add(note, size, used, " bytes of this log are lost: it could not be written: ");
	const char *reason = strerrordesc_np(writer->lost_errno);
	used = text_add(note, size, used, reason ? reason : "unknown error");
	note[used++] = '\n';
	size_t put;
	if (write_all(writer->fd, note, used, &put) < 0) {
		writer->is_torn = put > 0;
		return -1;
	}
	writer->lost = 0;
	return 0;
}

static void flush(struct log_writer *writer, const char prefix[PREFIX_SIZE], size_t size)
{
	size_t put = 0;
	if (size == 0)
		return;
	if (close_torn_record(writer) == 0 && write_loss(writer, prefix) == 0 &&
	    write_all(writer->fd, batch, size, &put) == 0)
		return;
	writer->lost_errno = errno;
	writer->lost += size - put;
	if (put > 0)
		writer->is_torn = batch[put - 1] != '\n';
}

void log_writer_init(struct log_writer *writer, int fd)
{
	*writer = (struct log_writer){.fd = fd, .text_second = -1};
	if (fd < 0)
		return;
	/* The descriptor is for appending only, so the end is read through one of our own. */
	char path[48] = {0};
	text_add_number(path, sizeof path - 1, text_add(path, sizeof path - 1, 0, "/proc/self/fd/"), (uint64_t)fd);
	cleanup_close int reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	char last;
	if (reader >= 0 && fstat(reader, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0 &&
	    pread(reader, &last, 1, info.st_size - 1) == 1)
		writer->is_torn = last != '\n';
}

void log_write(struct log_writer *writer, enum log_stream stream, nanoseconds now, const char *bytes, size_t size)
{
	if (writer->fd < 0)
		return;
	char prefix[PREFIX_SIZE];
	make_prefix(writer, stream, now, prefix);
	size_t used = 0;
	for (const char *at = bytes, *end = bytes + size; at < end;) {
		size_t length = (size_t)(end - at);
		if (length > LOG_PART_LIMIT)
			length = LOG_PART_LIMIT;
		const char *newline = memchr(at, '\n', length);
		if (newline)
			length = (size_t)(newline - at);
		if (used + PREFIX_SIZE + length + 1 > sizeof batch) {
			flush(writer, prefix, used);
			used = 0;
		}
		memcpy(batch + used, prefix, PREFIX_SIZE);
		if (!newline)
			batch[used + TAG_AT] = 'P';
		memcpy(batch + used + PREFIX_SIZE, at, length);
		used += PREFIX_SIZE + length;
		batch[used++] = '\n';
		at += length + (newline ? 1 : 0);
	}
	flush(writer, prefix, used);
}
