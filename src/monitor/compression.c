/*
 * Compression of log files that are full. It is the engine's, in a process of its own, so that this one stays small and
 * never waits. The child takes all files that it finds, so that what is full while it works is the next one's; and what
 * is left at the end is found by the next start.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/monitor.h"

void compression_start(struct monitor *monitor)
{
	if (!monitor->log.has_turned || !monitor->log_compress || monitor->compression_fd >= 0)
		return;
	monitor->log.has_turned = false;
	child_start(monitor, "log-compress", &monitor->compression_pid, &monitor->compression_fd);
}

void compression_end(struct monitor *monitor)
{
	if (monitor->compression_fd < 0)
		return;
	/* Harmless to one that has ended; one that has not leaves the file as it was. */
	kill(monitor->compression_pid, SIGKILL);
	while (waitpid(monitor->compression_pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(monitor->compression_fd);
	monitor->compression_fd = -1;
	monitor->watched[WATCH_COMPRESSION] = 0;
}
