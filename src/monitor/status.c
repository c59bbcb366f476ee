#include "monitor/status.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "monitor/lock.h"

#define STATUS_LIMIT 256
/* The lock and the status are two files: they are read until the lock was the same before and after. */
#define MAX_TRIES 100

static int parse_status(const char *text, struct monitor_status *status, struct error *err)
{
	int64_t pid;
	const char *at = text;
	struct exit_text end;
	if (text_take(&at, "running ") && text_take_number(&at, INT_MAX, &pid) && text_take(&at, " ") &&
	    text_take_number(&at, INT64_MAX, &status->started) && strcmp(at, "\n") == 0 && pid > 0) {
		status->state = MONITOR_RUNNING;
		status->pid = (pid_t)pid;
		return 0;
	}
	at = text;
	if (text_take_exit(&at, &end) && strcmp(at, "\n") == 0) {
		status->state = MONITOR_EXITED;
		status->exit_code = end.code;
		status->finished = end.finished;
		status->out_of_memory = end.out_of_memory;
		return 0;
	}
	return error_set(err, ERROR_CORRUPT,
			 "the container's status file says neither \"running\" nor \"exited\" in the known form");
}

static int read_status_file(int run_folder_fd, struct monitor_status *ret_status, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(STATUS_LIMIT);
	struct monitor_status status = {.state = MONITOR_NONE};
	struct error inner = {0};
	if (read_file_at(run_folder_fd, "status", STATUS_LIMIT, &text, &inner) < 0) {
		if (inner.kind != ERROR_NOT_FOUND) {
			if (err)
				*err = inner;
			return error_wrap(err, "read the container's status");
		}
	} else if (strlen(buffer_text(&text)) != text.size) {
		return error_set(err, ERROR_CORRUPT, "the container's status file holds a NUL");
	} else if (parse_status(buffer_text(&text), &status, err) < 0) {
		return -1;
	}
	*ret_status = status;
	return 0;
}

/* What the files say, in the light of who holds the lock. */
static void judge(const struct lock_state *lock, struct monitor_status *status)
{
	if (lock->held && lock->role == LOCK_WAITER)
		status->state = MONITOR_WAITING;
	else if (status->state == MONITOR_EXITED)
		status->cleaning = lock->held;
	else if (!lock->held)
		status->state = status->state == MONITOR_RUNNING ? MONITOR_LOST : MONITOR_NONE;
	else if (status->state == MONITOR_NONE || (lock->pid > 0 && lock->role != LOCK_MONITOR))
		status->state = MONITOR_BUSY;
}

int monitor_status_read(int run_folder_fd, struct monitor_status *ret_status, struct error *err)
{
	struct monitor_status status = {.state = MONITOR_NONE};
	struct lock_state before = {0}, after = {0};
	cleanup_close int lock = -1;
	for (int tries = 0; run_folder_fd >= 0 && tries < MAX_TRIES; tries++) {
		struct error inner = {0};
		if (lock < 0 && lock_open(run_folder_fd, &lock, &inner) < 0 && inner.kind != ERROR_NOT_FOUND) {
			if (err)
				*err = inner;
			return -1;
		}
		if (lock < 0) {
			/* No lock file, no start since boot; other files would be leftovers. */
			break;
		}
		if (lock_query(lock, &before, err) < 0 || read_status_file(run_folder_fd, &status, err) < 0 ||
		    lock_query(lock, &after, err) < 0)
			return -1;
		judge(&after, &status);
		if (lock_state_equal(&before, &after))
			break;
	}
	*ret_status = status;
	return 0;
}

int monitor_wait(int run_folder_fd, nanoseconds timeout, struct error *err)
{
	cleanup_close int lock = -1;
	struct error inner = {0};
	if (lock_open(run_folder_fd, &lock, &inner) < 0) {
		if (inner.kind == ERROR_NOT_FOUND)
			return 0;
		if (err)
			*err = inner;
		return -1;
	}
	return lock_wait(lock, timeout, err);
}

int monitor_wait_exit(int run_folder_fd, struct monitor_status *ret_status, struct error *err)
{
	cleanup_close int lock = -1;
	struct lock_state last;
	if (lock_open(run_folder_fd, &lock, err) < 0 || lock_wait(lock, -1, err) < 0 ||
	    lock_query(lock, &last, err) < 0)
		return -1;
	struct monitor_status status = {.state = MONITOR_LOST};
	if (last.has_exit) {
		status.state = MONITOR_EXITED;
		status.exit_code = last.end.code;
		status.finished = last.end.finished;
		status.out_of_memory = last.end.out_of_memory;
	}
	*ret_status = status;
	return 0;
}

int monitor_end_waiter(int run_folder_fd, struct error *err)
{
	cleanup_close int lock = -1;
	cleanup_close int pidfd = -1;
	struct lock_state holder;
	struct error inner = {0};
	if (lock_open(run_folder_fd, &lock, &inner) < 0) {
		if (inner.kind == ERROR_NOT_FOUND)
			return 0;
		if (err)
			*err = inner;
		return -1;
	}
	if (lock_holder(lock, &holder, &pidfd, err) < 0)
		return -1;
	/* What it has become meanwhile, with the same pid, has the signal blocked (waiter.c). */
	if (!holder.held || holder.role != LOCK_WAITER || pidfd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0) < 0 && errno != ESRCH)
		return error_set_errno(err, errno, "end the wait for the container's restart");
	return 0;
}

int monitor_connect(int run_folder_fd, int *ret_fd, struct error *err)
{
	/* A socket's path has 108 bytes at most, and the run folder may be anywhere. */
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/attach.sock", run_folder_fd);
	cleanup_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "make a socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
		if (errno == ECONNREFUSED || errno == ENOENT)
			return error_set(err, ERROR_NOT_FOUND,
					 "the container has no monitor to attach to; it is not running");
		return error_set_errno(err, errno, "connect to the container's monitor");
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}
