#include "monitor/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/start.h"

/* How soon to look again where the holder cannot be slept on. */
#define LOOK_AGAIN (10 * 1000 * 1000LL)

static struct flock whole_file(void)
{
	return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 0};
}

int lock_open(int run_folder_fd, int *ret_fd, struct error *err)
{
	int fd = openat(run_folder_fd, "lock", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set_errno(err, errno, "open the container's lock file");
	*ret_fd = fd;
	return 0;
}

int monitor_lock_take(int run_folder_fd, int *ret_lock_fd, struct error *err)
{
	cleanup_close int fd = openat(run_folder_fd, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open the container's lock file");
	struct flock range = whole_file();
	if (fcntl(fd, F_OFD_SETLK, &range) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			return error_set(err, ERROR_CONFLICT,
					 "the container is running, or is being started or cleaned up");
		return error_set_errno(err, errno, "lock the container");
	}
	if (lock_write_text(fd, LOCK_TAKEN, NULL) < 0)
		return error_set_errno(err, errno, "write the container's lock file");
	*ret_lock_fd = steal_fd(&fd);
	return 0;
}

int monitor_lock_adopt(int run_folder_fd, int lock_fd, struct error *err)
{
	struct stat given, own;
	if (fstat(lock_fd, &given) < 0)
		return error_set_errno(err, errno, "look at the lock that was passed on");
	if (fstatat(run_folder_fd, "lock", &own, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "look at the container's lock file");
	struct flock range = whole_file();
	if (given.st_dev != own.st_dev || given.st_ino != own.st_ino || fcntl(lock_fd, F_OFD_SETLK, &range) < 0)
		return error_set(err, ERROR_CONFLICT, "descriptor %d does not have the container's lock", lock_fd);
	if (fcntl(lock_fd, F_SETFD, FD_CLOEXEC) < 0 || lock_write_text(lock_fd, LOCK_TAKEN, NULL) < 0)
		return error_set_errno(err, errno, "write the container's lock file");
	return 0;
}

static void parse(const char *text, struct lock_state *state)
{
	int64_t pid;
	enum lock_role role = text_take(&text, "monitor ")  ? LOCK_MONITOR
			      : text_take(&text, "waiter ") ? LOCK_WAITER
							    : LOCK_TAKEN;
	if ((role == LOCK_TAKEN && !text_take(&text, "taken ")) || !text_take_number(&text, INT_MAX, &pid) ||
	    *text != ' ')
		return;
	state->role = role;
	state->pid = (pid_t)pid;
	text++;
	state->has_exit = role == LOCK_MONITOR && text_take_exit(&text, &state->end);
}

int lock_query(int lock_fd, struct lock_state *ret_state, struct error *err)
{
	struct lock_state state = {0};
	struct flock range = whole_file();
	if (fcntl(lock_fd, F_OFD_GETLK, &range) < 0)
		return error_set_errno(err, errno, "ask who holds the container's lock");
	state.held = range.l_type != F_UNLCK;
	char text[LOCK_TEXT_SIZE];
	ssize_t got = pread(lock_fd, text, sizeof text, 0);
	if (got < 0)
		return error_set_errno(err, errno, "read the container's lock file");
	if (got == (ssize_t)sizeof text && text[sizeof text - 1] == '\n') {
		text[sizeof text - 1] = '\0';
		parse(text, &state);
	}
	*ret_state = state;
	return 0;
}

bool lock_state_equal(const struct lock_state *a, const struct lock_state *b)
{
	return a->held == b->held && a->role == b->role && a->pid == b->pid && a->has_exit == b->has_exit;
}

int lock_holder(int lock_fd, struct lock_state *ret_state, int *ret_pidfd, struct error *err)
{
	struct lock_state state;
	if (lock_query(lock_fd, &state, err) < 0)
		return -1;
	cleanup_close int pidfd = -1;
	if (state.held && state.pid > 0) {
		pidfd = (int)syscall(SYS_pidfd_open, state.pid, 0);
		/* The pid is pinned now; it is the holder's if the holder is still the same. */
		struct lock_state again;
		if (lock_query(lock_fd, &again, err) < 0)
			return -1;
		if (!lock_state_equal(&state, &again) && pidfd >= 0) {
			close(pidfd);
			pidfd = -1;
		}
		state = again;
	}
	*ret_state = state;
	*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

static int sleep_on(int pidfd, nanoseconds span)
{
	struct pollfd wanted = {.fd = pidfd, .events = POLLIN};
	struct timespec limit = {.tv_sec = span / NANOSECONDS_PER_SECOND, .tv_nsec = span % NANOSECONDS_PER_SECOND};
	return ppoll(&wanted, 1, span < 0 ? NULL : &limit, NULL);
}

int lock_wait(int lock_fd, nanoseconds timeout, struct error *err)
{
	nanoseconds deadline = timeout < 0 ? -1 : time_monotonic() + timeout;
	pid_t ended = 0;
	for (;;) {
		struct lock_state state;
		cleanup_close int pidfd = -1;
		if (lock_holder(lock_fd, &state, &pidfd, err) < 0)
			return -1;
		if (!state.held)
			return 0;
		nanoseconds left = -1;
		if (deadline >= 0) {
			left = deadline - time_monotonic();
			if (left <= 0)
				return error_set(err, ERROR_LIMIT, "the container has not ended in time");
		}
		/* A holder that is dead while the lock is held has a child that has not put down its name yet. */
		bool is_known = pidfd >= 0 && state.pid != ended;
		if (!is_known && (left < 0 || left > LOOK_AGAIN))
			left = LOOK_AGAIN;
		int ready = sleep_on(is_known ? pidfd : -1, left);
		if (ready < 0 && errno != EINTR)
			return error_set_errno(err, errno, "wait for the container's monitor");
		if (ready > 0)
			ended = state.pid;
	}
}
