/*
 * The journal's files have a format of their own that its program alone should read: `journalctl -o export` gives what
 * is wanted as a stream. Following ends with the container: then the follower is ended, and what came since its last
 * entry is read once more without it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/process.h"
#include "engine/log_journal.h"
#include "monitor/journal_export.h"
#include "monitor/lock.h"

/* An entry of ours has 16 kB of text and the fields; what is larger is nobody's. */
#define INPUT_SIZE  (1024 * 1024)
#define OUTPUT_SIZE (1024 * 1024)

struct reading {
	const char *id;
	const struct log_query *query;
	char *program, *cursor; /* owned; cursor: of the last entry, NULL before one */
	char *input;
	size_t input_size;
	struct {
		bool is_inside, is_left_out;
	} streams[2];
	bool is_past_until;
};

static void reading_release(struct reading *reading)
{
	free(reading->program);
	free(reading->cursor);
	free(reading->input);
}

static int write_entry(struct reading *reading, const struct journal_entry *entry, struct error *err)
{
	const struct log_query *query = reading->query;
	int fd = entry->is_error ? query->stderr_fd : query->stdout_fd;
	bool begins = !reading->streams[entry->is_error].is_inside;
	reading->streams[entry->is_error].is_inside = entry->is_part;
	if (begins) {
		bool is_late = query->until != 0 && entry->time > query->until;
		reading->is_past_until |= is_late;
		reading->streams[entry->is_error].is_left_out =
			fd < 0 || is_late || (query->since != 0 && entry->time < query->since);
	}
	if (reading->streams[entry->is_error].is_left_out || !entry->message)
		return 0;
	cleanup_buffer struct buffer text = BUFFER_INIT(OUTPUT_SIZE + INPUT_SIZE);
	char time[TIME_TEXT_SIZE];
	time_format_rfc3339(entry->time, time);
	if ((begins && query->timestamps && buffer_append_format(&text, err, "%s ", time) < 0) ||
	    (begins && query->details && buffer_append_format(&text, err, "%s ", query->details) < 0) ||
	    buffer_append(&text, entry->message, entry->message_size, err) < 0 ||
	    (!entry->is_part && buffer_append(&text, "\n", 1, err) < 0))
		return -1;
	return write_full(fd, text.bytes, text.size, err) < 0 ? error_wrap(err, "write the log") : 0;
}

/* 1: there may be more; 0: the end. */
static int take_input(struct reading *reading, int fd, struct error *err)
{
	ssize_t got = read_some(fd, reading->input + reading->input_size, INPUT_SIZE - reading->input_size);
	if (got <= 0)
		return got < 0 ? error_set_errno(err, errno, "read what journalctl says") : 0;
	reading->input_size += (size_t)got;
	size_t at = 0;
	for (;;) {
		struct journal_entry entry;
		size_t used;
		enum journal_parse result =
			journal_entry_parse(reading->input + at, reading->input_size - at, &entry, &used);
		if (result == JOURNAL_INVALID ||
		    (result == JOURNAL_MORE && at == 0 && reading->input_size == INPUT_SIZE))
			return error_set(err, ERROR_CORRUPT, "journalctl says what is no entry of a journal");
		if (result == JOURNAL_MORE)
			break;
		if (write_entry(reading, &entry, err) < 0)
			return -1;
		if (entry.cursor)
			replace_string(&reading->cursor, duplicate_bytes(entry.cursor, entry.cursor_size));
		at += used;
	}
	reading->input_size -= at;
	memmove(reading->input, reading->input + at, reading->input_size);
	return 1;
}

static int start_program(struct reading *reading, bool follow, int *ret_fd, pid_t *ret_pid, struct error *err)
{
	const struct log_query *query = reading->query;
	cleanup_string_list struct string_list arguments = {0};
	int ends[2];
	string_list_add(&arguments, reading->program);
	string_list_add(&arguments, "--output=export");
	string_list_add(&arguments, "--quiet");
	string_list_add(&arguments, "--no-pager");
	if (reading->cursor)
		string_list_add_format(&arguments, "--after-cursor=%s", reading->cursor);
	else if (query->tail >= 0)
		string_list_add_format(&arguments, "--lines=%lld", (long long)query->tail);
	else if (follow)
		string_list_add(&arguments, "--no-tail");
	if (follow)
		string_list_add(&arguments, "--follow");
	/* Whole seconds; the rest is looked at here. */
	if (!reading->cursor && query->since != 0)
		string_list_add_format(&arguments, "--since=@%lld", (long long)(query->since / NANOSECONDS_PER_SECOND));
	if (!follow && query->until != 0)
		string_list_add_format(&arguments, "--until=@%lld",
				       (long long)(query->until / NANOSECONDS_PER_SECOND + 1));
	string_list_add_format(&arguments, "CONTAINER_ID_FULL=%s", reading->id);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	const struct process_options options = {
		.arguments = arguments.items, .standard_fds = {-1, ends[1], 2}, .parent_death_signal = SIGTERM};
	int result = process_start(&options, ret_pid, err);
	close(ends[1]);
	if (result < 0)
		close(ends[0]);
	else
		*ret_fd = ends[0];
	return result;
}

static int read_all(struct reading *reading, struct error *err)
{
	cleanup_close int fd = -1;
	pid_t pid;
	int status = 0, more;
	if (start_program(reading, false, &fd, &pid, err) < 0)
		return -1;
	while ((more = take_input(reading, fd, err)) > 0)
		;
	if (more < 0)
		kill(pid, SIGTERM);
	struct error ignored = {0};
	if (process_wait(pid, &status, more < 0 ? &ignored : err) < 0 || more < 0)
		return -1;
	/* Nothing found is 1 in some versions. */
	return status <= 1 ? 0 : error_set(err, ERROR_SYSTEM, "journalctl failed with exit code %d", status);
}

/* Until the holder has ended or the time of `until` has come. */
static int copy_while_held(struct reading *reading, int fd, int holder_fd, struct error *err)
{
	const struct log_query *query = reading->query;
	for (;;) {
		struct pollfd wanted[] = {{.fd = fd, .events = POLLIN}, {.fd = holder_fd, .events = POLLIN}};
		nanoseconds left = query->until != 0 ? query->until - time_now() : 0;
		if (reading->is_past_until || left < 0)
			return 0;
		struct timespec limit = {left / NANOSECONDS_PER_SECOND, left % NANOSECONDS_PER_SECOND};
		if (ppoll(wanted, 2, query->until != 0 ? &limit : NULL, NULL) < 0 && errno != EINTR)
			return error_set_errno(err, errno, "wait for more of the log");
		int more = wanted[0].revents ? take_input(reading, fd, err) : 1;
		if (more < 0)
			return -1;
		if (more == 0 || wanted[1].revents)
			return 0;
	}
}

static int follow(struct reading *reading, int holder_fd, struct error *err)
{
	cleanup_close int fd = -1;
	pid_t pid;
	int status;
	struct error ignored = {0};
	if (start_program(reading, true, &fd, &pid, err) < 0)
		return -1;
	int result = copy_while_held(reading, fd, holder_fd, err);
	kill(pid, SIGTERM);
	process_wait(pid, &status, &ignored);
	reading->input_size = 0;
	return result < 0 || reading->is_past_until ? result : read_all(reading, err);
}

int log_journal_read(const char *id, int run_folder_fd, const struct log_query *query, struct error *err)
{
	CLEANUP(reading_release)
	struct reading reading = {
		.id = id,
		.query = query,
		.program = process_find_program("journalctl"),
		.input = allocate(INPUT_SIZE),
	};
	cleanup_close int lock = -1;
	cleanup_close int holder_fd = -1;
	struct lock_state holder;
	struct error missing = {0};
	if (!reading.program)
		return error_set(
			err, ERROR_UNSUPPORTED,
			"the log of this container is in the journal, and journalctl, which reads that, is not in "
			"the PATH: install it, or look for CONTAINER_ID_FULL=%s where the journal is sent to",
			id);
	if (query->follow && run_folder_fd >= 0 && lock_open(run_folder_fd, &lock, &missing) == 0 &&
	    lock_holder(lock, &holder, &holder_fd, err) < 0)
		return -1;
	return holder_fd >= 0 && holder.role == LOCK_MONITOR ? follow(&reading, holder_fd, err)
							     : read_all(&reading, err);
}
