#include "monitor/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/monitor.h"

/* The pages of a pipe. */
#define LEAST_BUFFER 4096

struct frame_head {
	nanoseconds time;
	uint64_t lost; /* bytes, before it */
	uint32_t size;
	uint32_t stream;
};
#define FRAME_TEXT_LIMIT (PIPE_BUF - sizeof(struct frame_head))

static void write_now(struct monitor *monitor, enum log_stream stream, nanoseconds now, const char *bytes, size_t size)
{
	if (monitor->journal.fd >= 0)
		journal_write(&monitor->journal, stream, bytes, size);
	else
		log_write(&monitor->log, stream, now, bytes, size);
}

static void lose(struct monitor *monitor, uint64_t bytes)
{
	if (monitor->journal.fd >= 0)
		journal_lose(&monitor->journal, bytes, ENOBUFS);
	else
		log_lose(&monitor->log, bytes, ENOBUFS);
}

/* The text of all whole frames; those that were one chunk are written as one. Returns the bytes that were used. */
static size_t write_frames(struct monitor *monitor, char *bytes, size_t size)
{
	size_t at = 0, text = 0;
	struct frame_head first = {0}, head;
	while (size - at >= sizeof head) {
		memcpy(&head, bytes + at, sizeof head);
		if (size - at - sizeof head < head.size)
			break;
		if (head.lost > 0 || head.time != first.time || head.stream != first.stream) {
			write_now(monitor, (enum log_stream)first.stream, first.time, bytes, text);
			text = 0;
			first = head;
			if (head.lost > 0)
				lose(monitor, head.lost);
		}
		memmove(bytes + text, bytes + at + sizeof head, head.size);
		text += head.size;
		at += sizeof head + head.size;
	}
	write_now(monitor, (enum log_stream)first.stream, first.time, bytes, text);
	return at;
}

static void reap_compression(struct monitor *monitor)
{
	if (monitor->compression_fd >= 0 &&
	    waitpid(monitor->compression_pid, NULL, WNOHANG) == monitor->compression_pid) {
		close(monitor->compression_fd);
		monitor->compression_fd = -1;
	}
	compression_start(monitor);
}

static _Noreturn void write_all(struct monitor *monitor, int pipe_fd)
{
	static char buffer[CHUNK_SIZE + PIPE_BUF];
	size_t size = 0;
	for (ssize_t got; (got = read_some(pipe_fd, buffer + size, sizeof buffer - size)) > 0;) {
		size += (size_t)got;
		size_t used = write_frames(monitor, buffer, size);
		size -= used;
		memmove(buffer, buffer + used, size);
		reap_compression(monitor);
	}
	compression_end(monitor);
	_exit(0);
}

/* The descriptors that the child works with, and the lock. */
static void keep_own(struct monitor *monitor, int *pipe_fd)
{
	const int wanted[] = {*pipe_fd, monitor->log.fd, monitor->log.rotation.folder_fd, monitor->journal.fd,
			      monitor->lock_fd};
	int least = 3;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (wanted[i] >= least)
			least = wanted[i] + 1;
	/* Copies above all of them, in a row, then away with what is below. */
	int copies[ARRAY_SIZE(wanted)];
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		copies[i] = wanted[i] < 0 ? -1 : fcntl(wanted[i], F_DUPFD_CLOEXEC, least + (int)i);
	close_range(3, (unsigned)least - 1, 0);
	close_range((unsigned)least + ARRAY_SIZE(wanted), ~0U, 0);
	*pipe_fd = copies[0];
	monitor->log.fd = copies[1];
	monitor->log.rotation.folder_fd = copies[2];
	monitor->journal.fd = copies[3];
}

int log_sink_prepare(struct monitor *monitor, struct error *err)
{
	int ends[2];
	const struct log_rotation rotation = {.folder_fd = monitor->log_folder_fd,
					      .max_size = monitor->log_max_size,
					      .keep = monitor->log_keep,
					      .number = monitor->log_number};
	log_writer_init(&monitor->log, monitor->log_fd, &rotation);
	monitor->buffer_fd = monitor->journal.fd = -1;
	if (monitor->journal_fd >= 0 && journal_open(&monitor->journal, monitor->journal_fd, err) < 0)
		return -1;
	if (monitor->log_buffer == 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make the buffer of the log");
	/* Over a user's limit it is as large as it may be. */
	for (int64_t size = monitor->log_buffer < INT_MAX ? monitor->log_buffer : INT_MAX;
	     size >= LEAST_BUFFER && fcntl(ends[1], F_SETPIPE_SZ, (int)size) < 0;)
		size /= 2;
	monitor->buffer_pid = fork();
	if (monitor->buffer_pid < 0)
		return error_set_errno(err, errno, "start the process that writes the log");
	if (monitor->buffer_pid == 0) {
		monitor_ignore_terminal_signals();
		keep_own(monitor, &ends[0]);
		write_all(monitor, ends[0]);
	}
	close(ends[0]);
	monitor->buffer_fd = ends[1];
	return fcntl(ends[1], F_SETFL, O_WRONLY | O_NONBLOCK) < 0 ? error_set_errno(err, errno, "prepare the log") : 0;
}

static bool put_frame(struct monitor *monitor, struct frame_head head, const char *bytes)
{
	char frame[PIPE_BUF];
	head.lost = monitor->buffer_lost;
	memcpy(frame, &head, sizeof head);
	if (head.size > 0)
		memcpy(frame + sizeof head, bytes, head.size);
	ssize_t put;
	do
		put = write(monitor->buffer_fd, frame, sizeof head + head.size);
	while (put < 0 && errno == EINTR);
	if (put > 0)
		monitor->buffer_lost = 0;
	return put > 0;
}

void log_sink_write(struct monitor *monitor, enum log_stream stream, const char *bytes, size_t size)
{
	nanoseconds now = time_now();
	if (monitor->buffer_fd < 0) {
		write_now(monitor, stream, now, bytes, size);
		return;
	}
	for (size_t at = 0; at < size;) {
		size_t part = size - at < FRAME_TEXT_LIMIT ? size - at : FRAME_TEXT_LIMIT;
		struct frame_head head = {.time = now, .size = (uint32_t)part, .stream = (uint32_t)stream};
		/* What comes behind a gap in a chunk would be a wrong line. */
		if (!put_frame(monitor, head, bytes + at)) {
			monitor->buffer_lost += size - at;
			return;
		}
		at += part;
	}
}

void log_sink_finish(struct monitor *monitor)
{
	if (monitor->buffer_fd < 0)
		return;
	fcntl(monitor->buffer_fd, F_SETFL, O_WRONLY);
	if (monitor->buffer_lost > 0)
		put_frame(monitor, (struct frame_head){.time = time_now()}, NULL);
	close(monitor->buffer_fd);
	monitor->buffer_fd = -1;
	while (waitpid(monitor->buffer_pid, NULL, 0) < 0 && errno == EINTR)
		;
}
