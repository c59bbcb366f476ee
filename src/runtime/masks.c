#include "runtime/masks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/mount_api.h"

/* Docker's lists as of moby 28; thermal_throttle, which is there once a processor, is below. */
static const char *const masked_paths[] = {
	"proc/acpi",	   "proc/asound",	 "proc/interrupts",  "proc/kcore",
	"proc/keys",	   "proc/latency_stats", "proc/sched_debug", "proc/scsi",
	"proc/timer_list", "proc/timer_stats",	 "sys/firmware",     "sys/devices/virtual/powercap",
};

static const char *const read_only_paths[] = {
	"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger",
};

#define PROCESSOR_LIMIT 8192

/*
 * -2 where there is no such path. The file system's magic is checked by the descriptor (CVE-2019-16884 and its
 * successors), so that a mask never lands in a look-alike while the true file stays open.
 */
static int open_kernel_path(int root_fd, const char *path, struct error *err)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC | O_NOFOLLOW,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	cleanup_close int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? -2 : error_set_errno(err, errno, "open /%s", path);
	struct statfs status;
	if (fstatfs(fd, &status) < 0)
		return error_set_errno(err, errno, "look at /%s", path);
	long magic = path[0] == 'p' ? PROC_SUPER_MAGIC : SYSFS_MAGIC;
	/* A mount of the user's on /sys or in it hides what the mask would. On /proc there can be none (mounts.c). */
	if ((long)status.f_type != magic && magic == SYSFS_MAGIC)
		return -2;
	if ((long)status.f_type != magic)
		return error_set(err, ERROR_DENIED, "/%s is not a file of the kernel's: something is mounted over it",
				 path);
	return steal_fd(&fd);
}

/* Files get /dev/null, folders one empty read-only tmpfs, made when the first is met and copied for the others. */
static int mask(int root_fd, const char *path, int null_fd, int *empty_fd, struct error *err)
{
	cleanup_close int target = open_kernel_path(root_fd, path, err);
	if (target < 0)
		return target == -2 ? 0 : -1;
	struct stat status;
	if (fstat(target, &status) < 0)
		return error_set_errno(err, errno, "look at /%s", path);
	if (!S_ISDIR(status.st_mode)) {
		cleanup_close int null_mount = mount_clone(null_fd, false, err);
		return null_mount < 0 ? -1 : mount_attach(null_mount, target, path, err);
	}
	if (*empty_fd < 0) {
		static const struct mount_option options[] = {
			{"size", "4k"}, {"nr_inodes", "1"}, {"mode", "755"}, {NULL, NULL}};
		*empty_fd =
			mount_new("tmpfs", options,
				  MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, err);
		return *empty_fd < 0 ? -1 : mount_attach(*empty_fd, target, path, err);
	}
	cleanup_close int copy = mount_clone(*empty_fd, false, err);
	return copy < 0 ? -1 : mount_attach(copy, target, path, err);
}

static int make_read_only(int root_fd, const char *path, struct error *err)
{
	cleanup_close int target = open_kernel_path(root_fd, path, err);
	if (target < 0)
		return target == -2 ? 0 : -1;
	cleanup_close int copy = mount_clone(target, true, err);
	if (copy < 0 || mount_set(copy, MOUNT_ATTR_RDONLY, 0, true, err) < 0)
		return error_wrap(err, "make /%s read-only", path);
	return mount_attach(copy, target, path, err);
}

static int mask_thermal(int root_fd, int null_fd, int *empty_fd, struct error *err)
{
	for (int processor = 0; processor < PROCESSOR_LIMIT; processor++) {
		char path[64];
		int length = snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d", processor);
		cleanup_close int folder = open_kernel_path(root_fd, path, err);
		if (folder < 0)
			return folder == -2 ? 0 : -1;
		snprintf(path + length, sizeof path - (size_t)length, "/thermal_throttle");
		cleanup_close int counters = open_kernel_path(root_fd, path, err);
		/* One that is switched off has none. The first can not be, so without it no processor has them. */
		if (counters == -2 && processor == 0)
			return 0;
		if (counters == -2)
			continue;
		if (counters < 0 || mask(root_fd, path, null_fd, empty_fd, err) < 0)
			return -1;
	}
	return 0;
}

int masks_apply(int root_fd, int null_fd, struct error *err)
{
	cleanup_close int empty_fd = -1;
	for (size_t i = 0; i < ARRAY_SIZE(masked_paths); i++) {
		if (mask(root_fd, masked_paths[i], null_fd, &empty_fd, err) < 0)
			return error_wrap(err, "hide /%s", masked_paths[i]);
	}
	if (mask_thermal(root_fd, null_fd, &empty_fd, err) < 0)
		return error_wrap(err, "hide the processors' thermal counters");
	for (size_t i = 0; i < ARRAY_SIZE(read_only_paths); i++) {
		if (make_read_only(root_fd, read_only_paths[i], err) < 0)
			return -1;
	}
	return 0;
}

json_t *masks_list(bool read_only)
{
	const char *const *paths = read_only ? read_only_paths : masked_paths;
	size_t count = read_only ? ARRAY_SIZE(read_only_paths) : ARRAY_SIZE(masked_paths);
	json_t *array = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_sprintf("/%s", paths[i]));
	return array;
}
