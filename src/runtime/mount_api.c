#include "runtime/mount_api.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

/* The kernel explains a refused option in the log of the fsopen descriptor: "e overlay: No changes allowed in …". */
static int fail_with_log(int context_fd, int number, const char *file_system, const char *step, struct error *err)
{
	char log[512];
	ssize_t got = read_some(context_fd, log, sizeof log - 1);
	if (got <= 2)
		return error_set_errno(err, number, "mount %s: %s", file_system, step);
	log[got] = '\0';
	log[strcspn(log, "\n")] = '\0';
	return error_set_errno(err, number, "mount %s: %s (%s)", file_system, step, log + 2);
}

int mount_new(const char *file_system, const struct mount_option *options, uint64_t attributes, struct error *err)
{
	cleanup_close int context = fsopen(file_system, FSOPEN_CLOEXEC);
	if (context < 0)
		return error_set_errno(err, errno, "mount %s: open the file system", file_system);
	/* What /proc/mounts shows in its first column. */
	if (fsconfig(context, FSCONFIG_SET_STRING, "source", file_system, 0) < 0)
		return fail_with_log(context, errno, file_system, "source", err);
	for (const struct mount_option *option = options; option && option->key; option++) {
		int set = option->value ? fsconfig(context, FSCONFIG_SET_STRING, option->key, option->value, 0)
					: fsconfig(context, FSCONFIG_SET_FLAG, option->key, NULL, 0);
		if (set < 0)
			return fail_with_log(context, errno, file_system, option->key, err);
	}
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return fail_with_log(context, errno, file_system, "create", err);
	int mount_fd = fsmount(context, FSMOUNT_CLOEXEC, (unsigned)attributes);
	if (mount_fd < 0)
		return fail_with_log(context, errno, file_system, "mount", err);
	return mount_fd;
}

int mount_clone(int fd, bool recursive, struct error *err)
{
	int copy =
		open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0));
	return copy < 0 ? error_set_errno(err, errno, "copy a mount") : copy;
}

int mount_attach(int mount_fd, int target_fd, const char *name, struct error *err)
{
	if (move_mount(mount_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return error_set_errno(err, errno, "mount on %s", name);
	return 0;
}

int mount_set(int mount_fd, uint64_t attributes, uint64_t propagation, bool recursive, struct error *err)
{
	struct mount_attr change = {.attr_set = attributes, .propagation = propagation};
	if (mount_setattr(mount_fd, "", AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0), &change, sizeof change) < 0)
		return error_set_errno(err, errno, "set the attributes of a mount");
	return 0;
}

static int open_without_links(int root_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = flags & O_CREAT ? 0644 : 0,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS,
	};
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

static int fail_on_target(int number, const char *path, struct error *err)
{
	if (number == ELOOP)
		return error_set(
			err, ERROR_DENIED,
			"mount on /%s: the image has a symbolic link there; it must be a folder or file of its own",
			path);
	return error_set_errno(err, number, "open the mount point /%s", path);
}

int mount_target_folder(int root_fd, const char *path, struct error *err)
{
	int fd = open_without_links(root_fd, path, O_PATH | O_DIRECTORY);
	if (fd < 0 && errno == ENOENT) {
		const char *slash = strrchr(path, '/');
		char parent[256] = ".";
		if (slash && (size_t)(slash - path) < sizeof parent) {
			memcpy(parent, path, (size_t)(slash - path));
			parent[slash - path] = '\0';
		}
		cleanup_close int parent_fd = open_without_links(root_fd, parent, O_PATH | O_DIRECTORY);
		if (parent_fd < 0)
			return fail_on_target(errno, path, err);
		if (mkdirat(parent_fd, slash ? slash + 1 : path, 0755) < 0 && errno != EEXIST)
			return error_set_errno(err, errno, "make the mount point /%s", path);
		fd = open_without_links(root_fd, path, O_PATH | O_DIRECTORY);
	}
	if (fd < 0) {
		/* O_DIRECTORY on a link says ENOTDIR before RESOLVE_NO_SYMLINKS gets to say ELOOP. */
		struct stat status;
		if (errno == ENOTDIR && fstatat(root_fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISLNK(status.st_mode))
			errno = ELOOP;
		return fail_on_target(errno, path, err);
	}
	return fd;
}

int mount_target_file(int root_fd, const char *path, struct error *err)
{
	int fd = open_without_links(root_fd, path, O_PATH);
	if (fd < 0 && errno == ENOENT) {
		cleanup_close int made = open_without_links(root_fd, path, O_CREAT | O_EXCL | O_WRONLY);
		if (made < 0)
			return fail_on_target(errno, path, err);
		fd = open_without_links(root_fd, path, O_PATH);
	}
	if (fd < 0)
		return fail_on_target(errno, path, err);
	struct stat status;
	if (fstat(fd, &status) < 0 || S_ISLNK(status.st_mode)) {
		close(fd);
		return fail_on_target(ELOOP, path, err);
	}
	return fd;
}
