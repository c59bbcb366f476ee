/*
 * flock(2) waits without a limit of time, so a timer interrupts it: a signal to this thread alone, again and again,
 * since the first could come just before the call.
 */
#include "store/write_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"

#define REPEAT_NANOSECONDS (10 * 1000 * 1000L)
#define WAKE_SIGNAL	   SIGRTMAX

static void wake_up(int number)
{
	(void)number;
}

/* The handler stays: a signal that is on its way when the timer ends must find it. */
static int start_timer(nanoseconds deadline, timer_t *ret_timer)
{
	/* Without SA_RESTART: it is there to interrupt. */
	struct sigaction action = {.sa_handler = wake_up};
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = WAKE_SIGNAL};
	event._sigev_un._tid = gettid();
	if (sigaction(WAKE_SIGNAL, &action, NULL) < 0)
		return -1;
	if (timer_create(CLOCK_MONOTONIC, &event, ret_timer) < 0)
		return -1;
	const struct itimerspec times = {
		.it_value = {deadline / NANOSECONDS_PER_SECOND, deadline % NANOSECONDS_PER_SECOND},
		.it_interval = {0, REPEAT_NANOSECONDS},
	};
	return timer_settime(*ret_timer, TIMER_ABSTIME, &times, NULL); /* of a valid timer: it cannot fail */
}

static int lock_until(int fd, nanoseconds deadline)
{
	while (flock(fd, LOCK_EX) < 0) {
		if (errno != EINTR)
			return -1;
		if (time_monotonic() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
	}
	return 0;
}

int write_queue_enter(const char *path, nanoseconds deadline, int *ret_fd, struct error *err)
{
	cleanup_free char *name = format_string("%s-queue", path);
	cleanup_close int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", name);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		timer_t timer;
		if (start_timer(deadline, &timer) < 0)
			return error_set_errno(err, errno, "set a timer");
		int result = lock_until(fd, deadline), number = errno;
		timer_delete(timer);
		if (result < 0)
			return error_set_errno(err, number, "wait for %s", name);
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
