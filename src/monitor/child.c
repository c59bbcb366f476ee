#include <errno.h>
#include <linux/close_range.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/signals.h"
#include "monitor/monitor.h"

bool child_start(const struct monitor *monitor, const char *word, pid_t *ret_pid, int *ret_pidfd)
{
	const char *arguments[] = {monitor->engine, "--root", monitor->root, "--run-root", monitor->run_root,
				   "container",	    word,     monitor->id,   NULL};
	pid_t pid = fork();
	if (pid < 0)
		return false;
	if (pid == 0) {
		/* The lock too: a child must not seem to be a monitor that lives on. */
		close_range(3, ~0U, 0);
		signals_reset();
		execve(monitor->engine, (char *const *)arguments, environ);
		_exit(1);
	}
	*ret_pid = pid;
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*ret_pidfd >= 0)
		return true;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return false;
}
