#include "engine/monitor_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/cgroup.h"

/* Beside the groups of the containers (start.h), whose names are hexadecimal digits. */
#define MONITORS_CGROUP "/coracle/monitors"

static int open_pipe(int *ret_read, int *ret_write, struct error *err)
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return error_set_errno(err, errno, "make a pipe");
	*ret_read = ends[0];
	*ret_write = ends[1];
	return 0;
}

int stdio_open(bool terminal, bool input, struct stdio *stdio, struct error *err)
{
	if (terminal)
		return 0;
	if (input) {
		if (open_pipe(&stdio->input[0], &stdio->input[1], err) < 0)
			return -1;
	} else {
		stdio->input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (stdio->input[0] < 0)
			return error_set_errno(err, errno, "open /dev/null");
	}
	if (open_pipe(&stdio->output[1], &stdio->output[0], err) < 0 ||
	    open_pipe(&stdio->problems[1], &stdio->problems[0], err) < 0)
		return -1;
	/* Docker's containers own their standard streams, so that a non-root process may reopen /dev/stdout. */
	fchmod(stdio->output[0], 0666);
	fchmod(stdio->problems[0], 0666);
	return 0;
}

void stdio_copy_terminal_size(int terminal_fd)
{
	struct winsize size;
	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
			ioctl(terminal_fd, TIOCSWINSZ, &size);
			return;
		}
	}
}

/* One byte: the monitor runs. A whole error: what failed. Nothing: it died. */
static int read_report(int report_fd, struct error *err)
{
	struct error report;
	ssize_t got = read_some(report_fd, &report, sizeof report);
	if (got == 1)
		return 0;
	if (got == sizeof report) {
		report.message[sizeof report.message - 1] = '\0';
		if (err)
			*err = report;
		return -1;
	}
	return error_set(err, ERROR_SYSTEM, "the container's monitor died while it started");
}

struct monitor_options monitor_options_new(const struct engine *engine, const struct stdio *stdio,
					   const struct runtime_process *process, int ready_fd)
{
	return (struct monitor_options){
		.program = engine->monitor,
		.engine = engine->program,
		.root = engine->store->root,
		.run_root = engine->store->run_root,
		.pid = process->pid,
		.log_fd = -1,
		.log_folder_fd = -1,
		.journal_fd = -1,
		.memory_events_fd = -1,
		.stdin_fd = stdio->input[1],
		.stdout_fd = stdio->output[1],
		.stderr_fd = stdio->problems[1],
		.terminal_fd = process->terminal_fd,
		.client_fd = -1,
		.names_udp_fd = -1,
		.names_tcp_fd = -1,
		.names_folder_fd = -1,
		.ready_fd = ready_fd,
	};
}

int monitor_fork(int (*become)(const void *context, int report_fd, struct error *err), const void *context,
		 struct error *err)
{
	cleanup_close int report_read = -1;
	cleanup_close int report_write = -1;
	if (open_pipe(&report_read, &report_write, err) < 0)
		return -1;
	pid_t pid = cgroup_fork(MONITORS_CGROUP);
	if (pid < 0)
		return error_set_errno(err, errno, "fork");
	if (pid == 0) {
		struct error problem = {0}, ignored = {0};
		close(report_read);
		/* Neither the terminal nor its signals are the monitor's. */
		setsid();
		sigset_t none;
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		become(context, report_write, &problem);
		write_full(report_write, &problem, sizeof problem, &ignored);
		_exit(1);
	}
	close(steal_fd(&report_write));
	if (read_report(report_read, err) == 0)
		return 0;
	/* It ends by itself: reap it, so that the lock is free when we return. */
	waitpid(pid, NULL, 0);
	return -1;
}
