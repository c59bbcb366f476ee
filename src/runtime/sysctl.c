#include "runtime/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

/* -1 and errno; EXDEV where it is no file of proc. */
static int open_proc(int folder_fd, const char *path, int flags, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	cleanup_close int fd = (int)syscall(SYS_openat2, folder_fd, path, &how, sizeof how);
	struct statfs status;
	if (fd < 0 || fstatfs(fd, &status) < 0)
		return -1;
	if ((long)status.f_type != PROC_SUPER_MAGIC) {
		errno = EXDEV;
		return -1;
	}
	return steal_fd(&fd);
}

int sysctl_open(int root_fd, struct error *err)
{
	int fd = open_proc(root_fd, "proc/sys", O_PATH | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
	return fd < 0 ? error_set_errno(err, errno, "open /proc/sys of the container") : fd;
}

int sysctl_apply(int proc_sys_fd, const struct spec_sysctl *sysctls, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct spec_sysctl *sysctl = &sysctls[i];
		cleanup_close int fd = open_proc(proc_sys_fd, sysctl->path, O_WRONLY,
						 RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV);
		if (fd < 0 && errno == ENOENT && sysctl->is_optional)
			continue;
		if (fd < 0)
			return error_set_errno(err, errno, "open sysctl %s file", sysctl->path);
		if (write_full(fd, sysctl->value, strlen(sysctl->value), err) < 0)
			return error_wrap(err, "set sysctl %s to \"%s\"", sysctl->path, sysctl->value);
	}
	return 0;
}

int oom_score_apply(int root_fd, int value, struct error *err)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%d", value);
	/* "self" is a link, to a number; both are of proc. */
	cleanup_close int fd = open_proc(root_fd, "proc/self/oom_score_adj", O_WRONLY, RESOLVE_BENEATH);
	if (fd < 0)
		return error_set_errno(err, errno, "open oom_score_adj");
	/* What is inherited may be out of our power to lower; to have asked for nothing is no reason to fail. */
	if (write_full(fd, text, (size_t)length, err) == 0)
		return 0;
	if (value != 0)
		return error_wrap(err, "--oom-score-adj %d", value);
	error_clear(err);
	return 0;
}
