/*
 * Reads forward from an offset of its own, writes the text of each record to the descriptor of its stream. Parts are
 * put together by what is written: only an F record brings a newline, and time and bounds are looked at where a line
 * begins.
 *
 * Following sleeps on two things: inotify for what happens in the folder, and the pidfd of whoever holds the
 * container's lock. The watch is set before a file is read and the holder is asked for before the last read, so nothing
 * falls between. Nor does it in a rotation: a file is left only if it had lost its name before it was read to its end.
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
#include "monitor/log_files.h"
#include "monitor/log_position.h"
#include "monitor/log_record.h"

/* Holds the longest record of ours many times over; a longer line is nobody's record and is passed over. */
#define INPUT_SIZE  (256 * 1024)
#define OUTPUT_SIZE (64 * 1024)
#define LOOK_AGAIN  (10 * 1000 * 1000LL)

struct reader {
	const struct log_query *query;
	int folder_fd;
	struct log_file file;	      /* fd -1: none is open now */
	struct log_position position; /* of the next read */
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
	if (reader->file.fd >= 0)
		close(reader->file.fd);
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

/* All that was asked for has been written. */
static bool is_done(const struct reader *reader)
{
	const bool inside[] = {reader->streams[0].is_inside && !reader->streams[0].is_left_out,
			       reader->streams[1].is_inside && !reader->streams[1].is_left_out};
	return reader->is_past_until && !inside[0] && !inside[1];
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

/* What comes before a line. */
static int put_head(struct reader *reader, int fd, const struct log_record *record, struct error *err)
{
	const char *details = reader->query->details;
	if (reader->query->timestamps &&
	    (put(reader, fd, record->time, record->time_size, err) < 0 || put(reader, fd, " ", 1, err) < 0))
		return -1;
	return details && (put(reader, fd, details, strlen(details), err) < 0 || put(reader, fd, " ", 1, err) < 0) ? -1
														   : 0;
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
	if (begins && put_head(reader, fd, &record, err) < 0)
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
	if (fstat(reader->file.fd, &info) < 0)
		return error_set_errno(err, errno, "look at the log");
	if (info.st_size < reader->position.offset) {
		reader->position.offset = 0;
		reader->input_size = 0;
		reader->is_passing = false;
		memset(reader->streams, 0, sizeof reader->streams);
	}
	return 0;
}

static int read_file_to_end(struct reader *reader, struct error *err)
{
	if (check_cut(reader, err) < 0)
		return -1;
	while (!is_done(reader)) {
		ssize_t got = pread(reader->file.fd, reader->input + reader->input_size,
				    INPUT_SIZE - reader->input_size, reader->position.offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(err, errno, "read the log");
		if (got == 0)
			break;
		reader->position.offset += got;
		reader->input_size += (size_t)got;
		if (take_lines(reader, err) < 0)
			return -1;
	}
	return flush(reader, err);
}

/* A record that was cut off is shown as far as it goes. */
static int take_rest(struct reader *reader, bool is_whole, struct error *err)
{
	size_t size = reader->input_size;
	reader->input_size = 0;
	if (size > 0 && !reader->is_passing && !is_done(reader) &&
	    take_line(reader, reader->input, size, is_whole, err) < 0)
		return -1;
	reader->is_passing = false;
	return flush(reader, err);
}

static int open_file(struct reader *reader, struct error *err)
{
	while (log_file_open(reader->folder_fd, reader->position.number, &reader->file, err) < 0) {
		struct log_numbers numbers;
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		/* A reader that is so slow, or a gap: on with what there is. */
		error_clear(err);
		if (log_numbers_read(reader->folder_fd, &numbers, err) < 0)
			return -1;
		reader->position.number++;
		reader->position.offset = 0;
		if (reader->position.number < numbers.first)
			reader->position.number = numbers.first;
	}
	return 0;
}

/* The file that is open has been read to its end and will not grow. Where no old files are kept, the next has the
 * number of this one. */
static int leave_file(struct reader *reader, struct error *err)
{
	struct log_numbers numbers;
	if (take_rest(reader, true, err) < 0 || log_numbers_read(reader->folder_fd, &numbers, err) < 0)
		return -1;
	if (!reader->file.is_growing || numbers.last >= reader->position.number)
		reader->position.number++;
	reader->position.offset = 0;
	close(steal_fd(&reader->file.fd));
	return 0;
}

static int read_to_end(struct reader *reader, struct error *err)
{
	for (;;) {
		if (reader->file.fd < 0 && open_file(reader, err) < 0)
			return -1;
		/* Not there yet: the next one of a monitor that was killed while it turned over. */
		if (reader->file.fd < 0)
			return 0;
		bool is_complete = !reader->file.is_growing || log_file_was_rotated(reader->folder_fd, reader->file.fd);
		if (read_file_to_end(reader, err) < 0)
			return -1;
		if (!is_complete || is_done(reader))
			return 0;
		if (leave_file(reader, err) < 0)
			return -1;
	}
}

/* At the very end. */
static int finish(struct reader *reader, struct error *err)
{
	return read_to_end(reader, err) < 0 ? -1 : take_rest(reader, false, err);
}

static int add_watch(int inotify_fd, int fd, uint32_t events, struct error *err)
{
	cleanup_free char *path = format_string("/proc/self/fd/%d", fd);
	if (inotify_add_watch(inotify_fd, path, events) < 0)
		return error_set_errno(err, errno, "watch the log for new lines (inotify)");
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

/* Whether the run that is followed is over. A next one may have begun: it is not followed, as Docker does not. */
static bool is_run_over(const struct lock_state *holder, pid_t *followed)
{
	if (!holder->held || holder->role == LOCK_WAITER)
		return true;
	if (holder->role != LOCK_MONITOR)
		return false;
	if (*followed == 0)
		*followed = holder->pid;
	return holder->pid != *followed;
}

static int follow_holder(struct reader *reader, int inotify_fd, int lock, struct error *err)
{
	pid_t followed = 0;
	for (pid_t ended = 0;;) {
		struct lock_state holder;
		cleanup_close int pidfd = -1;
		if (lock_holder(lock, &holder, &pidfd, err) < 0 || read_to_end(reader, err) < 0)
			return -1;
		if (is_run_over(&holder, &followed))
			return finish(reader, err);
		if (is_done(reader))
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

static int follow(struct reader *reader, int run_folder_fd, struct error *err)
{
	cleanup_close int inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	cleanup_close int lock = -1;
	struct error missing = {0};
	if (run_folder_fd < 0 || lock_open(run_folder_fd, &lock, &missing) < 0)
		return finish(reader, err);
	if (inotify_fd < 0)
		return error_set_errno(err, errno, "watch the log for new lines (inotify)");
	/* The lock's text tells when the run is over, its holder's end when the cleanup is. */
	if (add_watch(inotify_fd, reader->folder_fd, IN_MODIFY | IN_MOVED_TO | IN_CREATE, err) < 0 ||
	    add_watch(inotify_fd, lock, IN_MODIFY, err) < 0)
		return -1;
	return follow_holder(reader, inotify_fd, lock, err);
}

/* The later one of the places that the query asks for. */
static int find_position(struct reader *reader, struct error *err)
{
	const struct log_query *query = reader->query;
	struct log_position since;
	if (query->tail >= 0 ? log_find_tail(reader->folder_fd, query->tail, &reader->position, err) < 0
			     : log_find_start(reader->folder_fd, &reader->position, err) < 0)
		return -1;
	if (query->since == 0 || query->tail == 0)
		return 0;
	if (log_find_time(reader->folder_fd, query->since, &since, err) < 0)
		return -1;
	if (log_position_is_later(&since, &reader->position))
		reader->position = since;
	return 0;
}

int log_read(int folder_fd, int run_folder_fd, const struct log_query *query, struct error *err)
{
	CLEANUP(reader_release)
	struct reader reader = {
		.query = query,
		.folder_fd = folder_fd,
		.file.fd = -1,
		.input = allocate(INPUT_SIZE),
		.output = allocate(OUTPUT_SIZE),
		.output_fd = -1,
	};
	struct error inner = {0};
	if (find_position(&reader, &inner) < 0) {
		/* The oldest file went while it was looked for. */
		if (inner.kind == ERROR_NOT_FOUND && log_find_start(folder_fd, &reader.position, err) < 0)
			return -1;
		if (inner.kind != ERROR_NOT_FOUND) {
			*err = inner;
			return -1;
		}
	}
	return query->follow ? follow(&reader, run_folder_fd, err) : finish(&reader, err);
}
