#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "runtime/cgroup_versions.h"

/* The group in the hierarchy of version 2, made where it is missing; -1 where there is none or it is not ours. */
static int open_for_fork(const char *path)
{
	const struct cgroup_layout *layout;
	struct error ignored = {0};
	if (cgroup_layout_get(&layout, &ignored) < 0 || layout->version != CGROUP_V2)
		return -1;
	cleanup_close int group = cgroup_open_group(&layout->hierarchies[0], path, true);
	/* CLONE_INTO_CGROUP wants one that is open, not O_PATH. */
	return group < 0 ? -1 : openat(group, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

pid_t cgroup_fork(const char *path)
{
	cleanup_close int group = open_for_fork(path);
	if (group < 0)
		return fork();
	/* At birth, since the kernel moves a process that exists only after a grace period of some milliseconds. */
	struct clone_args arguments = {.flags = CLONE_INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)group};
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	return pid < 0 ? fork() : pid;
}
