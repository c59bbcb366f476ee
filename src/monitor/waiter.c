/*
 * Between two runs of a container that is started again. It holds the container's lock and sleeps; nothing polls.
 * SIGTERM ends it, and with it the restart. The signal is blocked, and stays so over the exec, so that it comes either
 * while we sleep or too late: a start that has begun is never cut short by it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "monitor/lock.h"
#include "monitor/monitor.h"

/* True: SIGTERM came. */
static bool sleep_for(nanoseconds span)
{
	sigset_t ending;
	sigemptyset(&ending);
	sigaddset(&ending, SIGTERM);
	sigprocmask(SIG_SETMASK, &ending, NULL);
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	int fds[] = {signalfd(-1, &ending, SFD_CLOEXEC), timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)};
	struct itimerspec until = {
		.it_value = {.tv_sec = span / NANOSECONDS_PER_SECOND, .tv_nsec = span % NANOSECONDS_PER_SECOND}};
	bool works = span == 0 || (epoll_fd >= 0 && timerfd_settime(fds[1], 0, &until, NULL) == 0);
	for (int i = 0; i < 2 && works && span; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.fd = i};
		works = fds[i] >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fds[i], &event) == 0;
	}
	struct epoll_event event = {.data.fd = 1};
	/* Without memory for the sleep the machine is in such need that to go is best: the next command puts us back.
	 */
	if (!works)
		return true;
	while (span && idle_wait(epoll_fd, &event, 1) < 0 && errno == EINTR)
		;
	return event.data.fd == 0;
}

int waiter_main(const struct monitor *monitor)
{
	monitor_ignore_terminal_signals();
	if (lock_write_text(monitor->lock_fd, LOCK_WAITER, NULL) < 0 || chdir("/") < 0)
		return 1;
	if (sleep_for(monitor->wait))
		return 0;
	char lock[24] = {0};
	text_add_number(lock, sizeof lock - 1, 0, (uint64_t)monitor->lock_fd);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	fcntl(monitor->lock_fd, F_SETFD, 0);
	const char *arguments[] = {monitor->engine, "--root",	   monitor->root, "--run-root", monitor->run_root,
				   "container",	    "start-again", monitor->id,	  lock,		NULL};
	execve(monitor->engine, (char *const *)arguments, environ);
	/* The lock goes with us, and the next command that meets the container has it started. */
	return 1;
}
