#include "base/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/signals.h"

/* Above every number that a caller asks for, so that moving one descriptor never overwrites another. */
#define PARKING_FD 64

static int place_fds(const struct process_options *options)
{
	int parked[3 + PROCESS_MAX_FDS];
	for (size_t i = 0; i < 3 + options->fd_count; i++) {
		int from = i < 3 ? options->standard_fds[i] : options->fds[i - 3].from;
		int opened = -1;
		if (from < 0)
			from = opened = open("/dev/null", O_RDWR | O_CLOEXEC);
		parked[i] = fcntl(from, F_DUPFD_CLOEXEC, PARKING_FD);
		if (opened >= 0)
			close(opened);
		if (parked[i] < 0)
			return -1;
	}
	for (size_t i = 0; i < 3 + options->fd_count; i++)
		if (dup2(parked[i], i < 3 ? (int)i : options->fds[i - 3].to) < 0)
			return -1;
	return 0;
}

static _Noreturn void child(const struct process_options *options, int report_fd)
{
	signals_reset();
	if (options->new_session)
		setsid();
	if (options->no_new_privileges)
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (options->parent_death_signal)
		prctl(PR_SET_PDEATHSIG, options->parent_death_signal);
	/* What our own caller left open is not CLOEXEC, and none of the child's business. */
	syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	report_fd = fcntl(report_fd, F_DUPFD_CLOEXEC, PARKING_FD);
	if (place_fds(options) == 0)
		execve(options->arguments[0], options->arguments,
		       options->environment ? options->environment : environ);
	int number = errno;
	(void)!write(report_fd, &number, sizeof number);
	_exit(127);
}

int process_start(const struct process_options *options, pid_t *ret_pid, struct error *err)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	pid_t pid = fork();
	if (pid == 0)
		child(options, report[1]);
	int number = errno;
	close(report[1]);
	cleanup_close int report_fd = report[0];
	if (pid < 0)
		return error_set_errno(err, number, "fork");
	if (read_some(report_fd, &number, sizeof number) == sizeof number) {
		waitpid(pid, NULL, 0);
		return error_set_errno(err, number, "run %s", options->arguments[0]);
	}
	*ret_pid = pid;
	return 0;
}

int process_wait(pid_t pid, int *ret_status, struct error *err)
{
	int status;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return error_set_errno(err, errno, "wait for process %d", (int)pid);
	*ret_status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return 0;
}

char *process_find_program(const char *name)
{
	const char *folders = getenv("PATH");
	for (const char *at = folders ? folders : "/usr/local/bin:/usr/bin:/bin"; *at;) {
		size_t length = strcspn(at, ":");
		if (length > 0 && *at == '/') {
			cleanup_free char *path = format_string("%.*s/%s", (int)length, at, name);
			if (access(path, X_OK) == 0)
				return steal_pointer(&path);
		}
		at += length;
		at += *at == ':';
	}
	return NULL;
}

int process_executable_folder(char **ret_path, struct error *err)
{
	char path[PATH_MAX];
	ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
	if (length < 0)
		return error_set_errno(err, errno, "read /proc/self/exe");
	path[length] = '\0';
	*strrchr(path, '/') = '\0';
	*ret_path = duplicate_string(path);
	return 0;
}
