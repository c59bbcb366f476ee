#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/monitor.h"

static char chunk[CHUNK_SIZE] __attribute__((aligned(4096)));

void output_trim(void)
{
	madvise(chunk, sizeof chunk, MADV_DONTNEED);
	log_trim();
}

static int *source_fd(struct monitor *monitor, enum watch source)
{
	if (source == WATCH_TERMINAL)
		return &monitor->terminal_fd;
	return source == WATCH_STDOUT ? &monitor->stdout_fd : &monitor->stderr_fd;
}

enum output_read output_read_chunk(struct monitor *monitor, enum watch source)
{
	int *fd = source_fd(monitor, source);
	ssize_t got = read_some(*fd, chunk, sizeof chunk);
	if (got < 0 && errno == EAGAIN)
		return OUTPUT_NONE_NOW;
	if (got <= 0) {
		/* A terminal's end is EIO. Its descriptor stays, since sizes and input still go there. */
		if (source == WATCH_TERMINAL) {
			monitor->terminal_ended = true;
		} else {
			close(*fd);
			*fd = -1;
			monitor->watched[source] = 0; /* epoll forgets what is closed */
		}
		return OUTPUT_ENDED;
	}
	bool is_error = source == WATCH_STDERR;
	log_sink_write(monitor, is_error ? LOG_STDERR : LOG_STDOUT, chunk, (size_t)got);
	attach_broadcast(monitor, is_error ? FRAME_STDERR : FRAME_STDOUT, chunk, (size_t)got);
	return OUTPUT_SOME;
}
