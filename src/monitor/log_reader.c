/*
 * Reads forward from an offset of its own, writes the text of each record to the descriptor of its stream. Parts are
 * put together by what is written: only an F record brings a newline, and time and bounds are looked at where a line
 * begins.
 *
 * Following sleeps on two things: inotify for the file's growth, and the pidfd of whoever holds the container's lock.
 * The watch is set before the file is read and the holder is asked for before the last read, so nothing falls between.
 */
#include "monitor/log_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "monitor/lock.h"
#include "monitor/log_record.h"
#include "monitor/log_tail.h"

/* Holds the longest record of ours many times over; a longer line is nobody's record and is passed over. */
#define INPUT_SIZE  (256 * 1024)
#define OUTPUT_SIZE (64 * 1024)
#define LOOK_AGAIN  (10 * 1000 * 1000LL)

struct reader {
	const struct log_query *query;
	int fd;
	off_t offset; /* of the next read */
	char *input;
	size_t input_size;
	bool is_passing; /* inside a line that is too long */
	char *output;
	size_t output_size;
	int output_fd;
	struct {
		bool is_inside;	  /* a part was the last record */
		bool is_left_out; /* the line that we are inside of */
	} streams[2];
	bool is_past_until;
};

static void reader_release(struct reader *reader)
{
	free(reader->input);
	free(reader->output);
}

static int flush(struct reader *reader, struct error *err)
{
	size_t size = reader->output_size;
	reader->output_size = 0;
	if (size > 0 && write_full(reader->output_fd, reader->output, size, err) < 0)
		return error_wrap(err, "write the log");
	return 0;
}

static int put(struct reader *reader, int fd, const char *bytes, size_t size, struct error *err)
{
	if ((fd != reader->output_fd || size > OUTPUT_SIZE - reader->output_size) && flush(reader, err) < 0)
		return -1;
	reader->output_fd = fd;
	if (size > OUTPUT_SIZE)
		return write_full(fd, bytes, size, err) < 0 ? error_wrap(err, "write the log") : 0;
	memcpy(reader->output + reader->output_size, bytes, size);
	reader->output_size += size;
	return 0;
}

/* Whether the line that begins with this record is outside of the bounds. */
static bool is_out_of_bounds(struct reader *reader, const struct log_record *record)
{
	const struct log_query *query = reader->query;
	if (query->since == 0 && query->until == 0)
		return false;
	char text[TIME_TEXT_SIZE + 4];
	nanoseconds time;
	memcpy(text, record->time, record->time_size);
	text[record->time_size] = '\0';
	if (!time_parse_rfc3339(text, &time))
		return true;
	if (query->until != 0 && time > query->until) {
		reader->is_past_until = true;
		return true;
	}
	return query->since != 0 && time < query->since;
}

static int take_line(struct reader *reader, const char *line, size_t size, bool is_whole, struct error *err)
{
	struct log_record record;
	if (!log_record_parse(line, size, &record))
		return 0;
	int fd = record.source == LOG_FROM_STDOUT ? reader->query->stdout_fd : reader->query->stderr_fd;
	bool begins = !reader->streams[record.source].is_inside;
	reader->streams[record.source].is_inside = !record.is_full;
	if (begins)
		reader->streams[record.source].is_left_out = fd < 0 || is_out_of_bounds(reader, &record);
	if (reader->streams[record.source].is_left_out)
		return 0;
	if (begins && reader->query->timestamps &&
	    (put(reader, fd, record.time, record.time_size, err) < 0 || put(reader, fd, " ", 1, err) < 0))
		return -1;
	if (put(reader, fd, record.text, record.size, err) < 0)
		return -1;
	return record.is_full && is_whole ? put(reader, fd, "\n", 1, err) : 0;
}

/* All whole lines of the input. */
static int take_lines(struct reader *reader, struct error *err)
{
	char *at = reader->input;
	char *end = at + reader->input_size;
	for (char *newline; (newline = memchr(at, '\n', (size_t)(end - at))); at = newline + 1) {
		if (!reader->is_passing && take_line(reader, at, (size_t)(newline - at), true, err) < 0)
			return -1;
		reader->is_passing = false;
	}
	reader->input_size = (size_t)(end - at);
	memmove(reader->input, at, reader->input_size);
	if (reader->input_size == INPUT_SIZE) {
		reader->is_passing = true;
		reader->input_size = 0;
	}
	return 0;
}

/* A file that has become shorter was emptied: it is read from its start again. */
static int check_cut(struct reader *reader, struct error *err)
{
	struct stat info;
	if (fstat(reader->fd, &info) < 0)
		return error_set_errno(err, errno, "look at the log");
	if (info.st_size < reader->offset) {
		reader->offset = 0;
		reader->input_size = 0;
		reader->is_passing = false;
		memset(reader->streams, 0, sizeof reader->streams);
	}
	return 0;
}

static int read_to_end(struct reader *reader, struct error *err)
{
	if (check_cut(reader, err) < 0)
		return -1;
	for (;;) {
		ssize_t got = pread(reader->fd, reader->input + reader->input_size, INPUT_SIZE - reader->input_size,
				    reader->offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(err, errno, "read the log");
		if (got == 0)
			return flush(reader, err);
		reader->offset += got;
		reader->input_size += (size_t)got;
		if (take_lines(reader, err) < 0)
			return -1;
	}
}

/* At the very end: a record that was cut off is shown as far as it goes. */
static int finish(struct reader *reader, struct error *err)
{
	if (read_to_end(reader, err) < 0)
		return -1;
	if (reader->input_size > 0 && !reader->is_passing &&
	    take_line(reader, reader->input, reader->input_size, false, err) < 0)
		return -1;
	return flush(reader, err);
}

static int watch_file(int log_fd, int *ret_fd, struct error *err)
{
	cleanup_close int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_free char *path = format_string("/proc/self/fd/%d", log_fd);
	if (fd < 0 || inotify_add_watch(fd, path, IN_MODIFY) < 0)
		return error_set_errno(err, errno, "watch the log for new lines (inotify)");
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* 1: there may be more; 0: the time of `until` has come. */
static int sleep_for_more(const struct log_query *query, int inotify_fd, int holder_fd, bool *ret_holder_ended,
			  struct error *err)
{
	nanoseconds span = holder_fd < 0 ? LOOK_AGAIN : -1;
	if (query->until != 0) {
		nanoseconds left = query->until - time_now();
		if (left <= 0)
			return 0;
		if (span < 0 || left < span)
			span = left;
	}
	struct pollfd wanted[] = {{.fd = inotify_fd, .events = POLLIN}, {.fd = holder_fd, .events = POLLIN}};
	struct timespec limit = {.tv_sec = span / NANOSECONDS_PER_SECOND, .tv_nsec = span % NANOSECONDS_PER_SECOND};
	if (ppoll(wanted, 2, span < 0 ? NULL : &limit, NULL) < 0 && errno != EINTR)
		return error_set_errno(err, errno, "wait for more of the log");
	*ret_holder_ended = wanted[1].revents != 0;
	char events[4096];
	while (read_some(inotify_fd, events, sizeof events) > 0)
		;
	return 1;
}

static int follow(struct reader *reader, int run_folder_fd, struct error *err)
{
	cleanup_close int inotify_fd = -1;
	cleanup_close int lock = -1;
	struct error missing = {0};
	if (watch_file(reader->fd, &inotify_fd, err) < 0)
		return -1;
	if (run_folder_fd < 0 || lock_open(run_folder_fd, &lock, &missing) < 0)
		return finish(reader, err);
	for (pid_t ended = 0;;) {
		struct lock_state holder;
		cleanup_close int pidfd = -1;
		if (lock_holder(lock, &holder, &pidfd, err) < 0 || read_to_end(reader, err) < 0)
			return -1;
		if (!holder.held)
			return finish(reader, err);
		if (reader->is_past_until)
			return 0;
		bool has_ended = false;
		/* One that has ended while the lock is held on has a successor that is about to put down its name. */
		int holder_fd = holder.pid == ended ? -1 : pidfd;
		int more = sleep_for_more(reader->query, inotify_fd, holder_fd, &has_ended, err);
		if (more < 0)
			return -1;
		if (more == 0 || (has_ended && holder.role == LOCK_MONITOR))
			return finish(reader, err);
		if (has_ended)
			ended = holder.pid;
	}
}

int log_read(int log_fd, int run_folder_fd, const struct log_query *query, struct error *err)
{
	CLEANUP(reader_release)
	struct reader reader = {
		.query = query,
		.fd = log_fd,
		.input = allocate(INPUT_SIZE),
		.output = allocate(OUTPUT_SIZE),
		.output_fd = -1,
	};
	if (query->tail >= 0) {
		struct stat info;
		if (fstat(log_fd, &info) < 0)
			return error_set_errno(err, errno, "look at the log");
		if (log_tail_find(log_fd, info.st_size, query->tail, &reader.offset, err) < 0)
			return -1;
	}
	return query->follow ? follow(&reader, run_folder_fd, err) : finish(&reader, err);
}
