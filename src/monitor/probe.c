/*
 * Health checks. What is checked, and what comes of it, is the engine's: we only know when, and start it as a child.
 * Its exit code says which span is next: PROBE_STARTING, the shorter one.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "monitor/monitor.h"

static void arm(const struct monitor *monitor, nanoseconds span)
{
	struct itimerspec next = {
		.it_value = {.tv_sec = span / NANOSECONDS_PER_SECOND, .tv_nsec = span % NANOSECONDS_PER_SECOND}};
	timerfd_settime(monitor->timer_fd, 0, &next, NULL);
}

int probe_prepare(struct monitor *monitor, struct error *err)
{
	if (monitor->probe_interval == 0)
		return 0;
	monitor->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (monitor->timer_fd < 0)
		return error_set_errno(err, errno, "make the timer of the health check");
	arm(monitor, monitor->first_probe ? monitor->first_probe : monitor->probe_interval);
	return 0;
}

void probe_start(struct monitor *monitor)
{
	uint64_t expirations;
	if (read_some(monitor->timer_fd, &expirations, sizeof expirations) < 0 || monitor->probe_fd >= 0)
		return;
	/* No memory for it now: another time. */
	if (!child_start(monitor, "probe", &monitor->probe_pid, &monitor->probe_fd))
		arm(monitor, monitor->probe_interval);
}

void probe_end(struct monitor *monitor)
{
	int status = 0;
	while (waitpid(monitor->probe_pid, &status, 0) < 0 && errno == EINTR)
		;
	close(monitor->probe_fd);
	monitor->probe_fd = -1;
	monitor->watched[WATCH_PROBE] = 0;
	bool is_starting = WIFEXITED(status) && WEXITSTATUS(status) == PROBE_STARTING;
	arm(monitor, is_starting ? monitor->first_probe : monitor->probe_interval);
}
