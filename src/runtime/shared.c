#include "runtime/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/mount_api.h"

/* Whatever the other container has made of its /dev, only memory that is mounted there is taken. */
static int clone_shm(struct error *err)
{
	cleanup_close int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
			       .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS};
	cleanup_close int shm = root < 0 ? -1 : (int)syscall(SYS_openat2, root, "dev/shm", &how, sizeof how);
	struct statfs status;
	if (shm < 0 || fstatfs(shm, &status) < 0)
		return error_set_errno(err, errno, "open /dev/shm");
	if ((long)status.f_type != TMPFS_MAGIC)
		return error_set(err, ERROR_DENIED, "/dev/shm is no tmpfs");
	cleanup_close int copy = mount_clone(shm, false, err);
	return copy < 0 || mount_set(copy, 0, MS_PRIVATE, false, err) < 0 ? -1 : steal_fd(&copy);
}

static int clone_shm_of(int pidfd, struct error *err)
{
	cleanup_close int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	cleanup_close int folder = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (own < 0 || folder < 0)
		return error_set_errno(err, errno, "open our mount namespace");
	if (setns(pidfd, CLONE_NEWNS) < 0)
		return error_set_errno(err, errno, "enter the other container's mount namespace");
	cleanup_close int copy = clone_shm(err);
	/* Where there is no way back, nothing may go on. */
	if (setns(own, CLONE_NEWNS) < 0 || fchdir(folder) < 0)
		return error_set_errno(err, errno, "return to our mount namespace");
	return steal_fd(&copy);
}

int shared_memory_mount(const struct runtime_spec *spec, int *ret_mount_fd, struct error *err)
{
	*ret_mount_fd = -1;
	if (spec->ipc == SPEC_NAMESPACE_OWN)
		return 0;
	*ret_mount_fd = spec->ipc == SPEC_NAMESPACE_HOST ? clone_shm(err) : clone_shm_of(spec->ipc_pidfd, err);
	return *ret_mount_fd < 0 ? error_wrap(err, "share the memory of IPC") : 0;
}
