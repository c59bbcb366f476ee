/*
 * Time texts are made here rather than by libc: its calendar reads the time zone's file and brings in stdio, which
 * would double the memory of a monitor, and the text of a second can be kept, since most chunks fall into the same one.
 *
 * One writev a batch. The text of long records is written from where it was read to; short ones are put together first,
 * since a part of a writev costs more than to copy them.
 */
#include "monitor/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/log_files.h"
#include "monitor/text.h"

/* "2026-11-24T03:04:05.000000006Z stdout F " */
#define PREFIX_SIZE 40
#define TAG_AT	    38

/* More is written from its place. */
#define COPY_LIMIT 512
/* After a rotation that failed. */
#define TRY_AGAIN_AFTER (256 * 1024)

#define BATCH_SIZE (128 * 1024)
#define PART_LIMIT 64
static char batch[BATCH_SIZE] __attribute__((aligned(4096)));

/* What the next writev writes, in order; parts of `batch` and of the chunk. */
struct pending {
	struct iovec parts[PART_LIMIT];
	int count;
	size_t used; /* of batch */
	size_t size; /* of all parts */
};

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

/* As much as goes; -1 with errno set where not all did. *ret_put is set in both cases. The parts are used up. */
static int write_parts(int fd, struct iovec *parts, int count, size_t *ret_put)
{
	*ret_put = 0;
	while (count > 0) {
		ssize_t put = writev(fd, parts, count);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return -1;
		*ret_put += (size_t)put;
		for (; count > 0 && (size_t)put >= parts->iov_len; parts++, count--)
			put -= (ssize_t)parts->iov_len;
		if (count > 0) {
			parts->iov_base = (char *)parts->iov_base + put;
			parts->iov_len -= (size_t)put;
		}
	}
	return 0;
}

static int write_all(struct log_writer *writer, const char *bytes, size_t size, size_t *ret_put)
{
	struct iovec part = {(void *)bytes, size};
	int result = write_parts(writer->fd, &part, 1, ret_put);
	writer->size += *ret_put;
	return result;
}

static int close_torn_record(struct log_writer *writer)
{
	size_t put;
	if (writer->is_torn && write_all(writer, "\n", 1, &put) < 0)
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
	size_t used = text_add_loss(note, size, PREFIX_SIZE, writer->lost, writer->lost_errno);
	note[used++] = '\n';
	size_t put;
	if (write_all(writer, note, used, &put) < 0) {
		writer->is_torn = put > 0;
		return -1;
	}
	writer->lost = 0;
	return 0;
}

void log_lose(struct log_writer *writer, uint64_t bytes, int reason)
{
	writer->lost_errno = reason;
	writer->lost += bytes;
}

static void flush(struct log_writer *writer, const char prefix[PREFIX_SIZE], struct pending *pending)
{
	size_t put = 0;
	size_t size = pending->size;
	if (size == 0 && writer->lost == 0)
		return;
	int result = close_torn_record(writer) < 0 || write_loss(writer, prefix) < 0
			     ? -1
			     : write_parts(writer->fd, pending->parts, pending->count, &put);
	writer->size += put;
	if (result < 0) {
		log_lose(writer, size - put, errno);
		/* Records are not long, so it is as good as sure that the cut is inside of one. */
		if (put > 0)
			writer->is_torn = true;
	}
	*pending = (struct pending){.size = 0};
}

/* The rename that gives the full file its number is the moment of it all. */
static int turn_over(struct log_writer *writer)
{
	struct log_rotation *rotation = &writer->rotation;
	char full[LOG_NAME_SIZE];
	int folder = rotation->folder_fd;
	cleanup_close int fd =
		openat(folder, LOG_NAME_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	log_name_numbered(full, (uint64_t)rotation->number, "");
	if (fd < 0 || close_torn_record(writer) < 0 ||
	    (rotation->keep > 0 && renameat(folder, LOG_NAME, folder, full) < 0))
		return -1;
	if (renameat(folder, LOG_NAME_NEW, folder, LOG_NAME) < 0) {
		renameat(folder, full, folder, LOG_NAME);
		return -1;
	}
	close(writer->fd);
	writer->fd = steal_fd(&fd);
	writer->size = 0;
	writer->limit = (uint64_t)rotation->max_size;
	if (rotation->keep == 0)
		return 0;
	if (rotation->number > rotation->keep) {
		static const char *const suffixes[] = {"", ".gz"};
		for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
			log_name_numbered(full, (uint64_t)(rotation->number - rotation->keep), suffixes[i]);
			unlinkat(folder, full, 0);
		}
	}
	rotation->number++;
	writer->has_turned = true;
	return 0;
}

void log_writer_init(struct log_writer *writer, int fd, const struct log_rotation *rotation)
{
	*writer = (struct log_writer){.fd = fd, .text_second = -1, .rotation.folder_fd = -1};
	if (rotation)
		writer->rotation = *rotation;
	if (fd < 0)
		return;
	if (writer->rotation.folder_fd >= 0)
		writer->limit = (uint64_t)writer->rotation.max_size;
	/* The descriptor is for appending only, so the end is read through one of our own. */
	char path[48] = {0};
	text_add_number(path, sizeof path - 1, text_add(path, sizeof path - 1, 0, "/proc/self/fd/"), (uint64_t)fd);
	cleanup_close int reader = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat info;
	char last;
	if (reader < 0 || fstat(reader, &info) < 0 || !S_ISREG(info.st_mode))
		return;
	writer->size = (uint64_t)info.st_size;
	if (info.st_size > 0 && pread(reader, &last, 1, info.st_size - 1) == 1)
		writer->is_torn = last != '\n';
}

/* Behind what is there, which it joins where both are in the batch. */
static void add_part(struct pending *pending, const char *bytes, size_t size)
{
	struct iovec *last = pending->count > 0 ? &pending->parts[pending->count - 1] : NULL;
	if (last && (const char *)last->iov_base + last->iov_len == bytes)
		last->iov_len += size;
	else
		pending->parts[pending->count++] = (struct iovec){(void *)bytes, size};
	pending->size += size;
}

static void add_record(struct pending *pending, const char prefix[PREFIX_SIZE], bool is_full, const char *text,
		       size_t length)
{
	char *at = batch + pending->used;
	memcpy(at, prefix, PREFIX_SIZE);
	if (!is_full)
		at[TAG_AT] = 'P';
	size_t used = PREFIX_SIZE;
	if (length <= COPY_LIMIT) {
		memcpy(at + used, text, length);
		used += length;
	} else {
		add_part(pending, at, used);
		add_part(pending, text, length);
		at += used;
		pending->used += used;
		used = 0;
	}
	at[used++] = '\n';
	add_part(pending, at, used);
	pending->used += used;
}

size_t log_part_length(const char *bytes, size_t left, bool *ret_has_newline)
{
	size_t length = left > LOG_PART_LIMIT ? LOG_PART_LIMIT : left;
	const char *newline = memchr(bytes, '\n', length);
	*ret_has_newline = newline != NULL;
	return newline ? (size_t)(newline - bytes) : length;
}

void log_write(struct log_writer *writer, enum log_stream stream, nanoseconds now, const char *bytes, size_t size)
{
	if (writer->fd < 0)
		return;
	char prefix[PREFIX_SIZE];
	struct pending pending = {.size = 0};
	make_prefix(writer, stream, now, prefix);
	for (const char *at = bytes, *end = bytes + size; at < end;) {
		bool has_newline;
		size_t length = log_part_length(at, (size_t)(end - at), &has_newline);
		size_t record = PREFIX_SIZE + length + 1;
		bool is_full = writer->limit > 0 && writer->size + pending.size + record > writer->limit &&
			       writer->size + pending.size > 0;
		if (is_full || pending.used + PREFIX_SIZE + COPY_LIMIT + 1 > sizeof batch ||
		    pending.count + 3 > PART_LIMIT)
			flush(writer, prefix, &pending);
		if (is_full && turn_over(writer) < 0)
			writer->limit = writer->size + TRY_AGAIN_AFTER;
		add_record(&pending, prefix, has_newline, at, length);
		at += length + (has_newline ? 1 : 0);
	}
	flush(writer, prefix, &pending);
}
