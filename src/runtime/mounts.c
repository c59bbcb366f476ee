#include "runtime/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/copy_up.h"
#include "runtime/mount_api.h"

int mounts_prepare_bind(int source_fd, bool read_only, bool recursive, const char *name, struct error *err)
{
	cleanup_close int mount_fd = mount_clone(source_fd, recursive, err);
	if (mount_fd < 0)
		return error_wrap(err, "bind mount for %s", name);
	/* A copy of a shared mount is shared too: without this, what the host mounts there later would turn up inside.
	 */
	if (mount_set(mount_fd, read_only ? MOUNT_ATTR_RDONLY : 0, MS_PRIVATE, recursive, err) < 0)
		return error_wrap(err, "bind mount for %s", name);
	return steal_fd(&mount_fd);
}

/* With --mount's bind options. */
static int prepare_bind(const struct spec_mount *mount, bool read_only, struct error *err)
{
	cleanup_close int mount_fd = mount_clone(mount->source_fd, mount->recursive, err);
	uint64_t propagation = mount->propagation ? mount->propagation : MS_PRIVATE;
	/* A copy of a shared mount is in its group already; MS_SHARED would begin one of its own. */
	if (propagation == MS_SHARED)
		propagation = 0;
	if (mount_fd < 0 || (propagation && mount_set(mount_fd, 0, propagation, mount->recursive, err) < 0) ||
	    (read_only &&
	     mount_set(mount_fd, MOUNT_ATTR_RDONLY, 0, mount->recursive && !mount->read_only_here, err) < 0))
		return error_wrap(err, "bind mount for %s", mount->target);
	return steal_fd(&mount_fd);
}

static const struct {
	const char *word;
	uint64_t set, clear;
} tmpfs_flags[] = {
	{"ro", MOUNT_ATTR_RDONLY, 0},	    {"rw", 0, MOUNT_ATTR_RDONLY},
	{"nosuid", MOUNT_ATTR_NOSUID, 0},   {"suid", 0, MOUNT_ATTR_NOSUID},
	{"nodev", MOUNT_ATTR_NODEV, 0},	    {"dev", 0, MOUNT_ATTR_NODEV},
	{"noexec", MOUNT_ATTR_NOEXEC, 0},   {"exec", 0, MOUNT_ATTR_NOEXEC},
	{"noatime", MOUNT_ATTR_NOATIME, 0}, {"nodiratime", MOUNT_ATTR_NODIRATIME, 0},
	{"relatime", 0, MOUNT_ATTR__ATIME}, {"defaults", 0, 0},
};

static const char *const tmpfs_keys[] = {"size", "mode", "nr_inodes", "nr_blocks", "uid", "gid"};

static int tmpfs_option(char *word, struct mount_option *option, uint64_t *attributes, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(tmpfs_flags); i++) {
		if (strcmp(word, tmpfs_flags[i].word) == 0) {
			*attributes = (*attributes & ~tmpfs_flags[i].clear) | tmpfs_flags[i].set;
			return 0;
		}
	}
	char *equals = strchr(word, '=');
	for (size_t i = 0; equals && i < ARRAY_SIZE(tmpfs_keys); i++) {
		size_t length = strlen(tmpfs_keys[i]);
		if ((size_t)(equals - word) == length && strncmp(word, tmpfs_keys[i], length) == 0) {
			*option = (struct mount_option){tmpfs_keys[i], equals + 1};
			return 1;
		}
	}
	return error_set(err, ERROR_INVALID, "invalid tmpfs option [\"%s\"]", word);
}

int mounts_prepare_tmpfs(const char *options, bool read_only, const char *name, struct error *err)
{
	uint64_t attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
	struct mount_option parsed[16];
	size_t count = 0;
	cleanup_free char *text = duplicate_string(options ? options : "");
	for (char *word = text, *next; word && *word; word = next) {
		next = strchr(word, ',');
		if (next)
			*next++ = '\0';
		if (count == ARRAY_SIZE(parsed) - 1)
			return error_set(err, ERROR_LIMIT, "tmpfs for %s: too many options", name);
		int kind = tmpfs_option(word, &parsed[count], &attributes, err);
		if (kind < 0)
			return error_wrap(err, "tmpfs for %s", name);
		count += (size_t)kind;
	}
	parsed[count] = (struct mount_option){NULL, NULL};
	if (read_only)
		attributes |= MOUNT_ATTR_RDONLY;
	int mount_fd = mount_new("tmpfs", parsed, attributes, err);
	return mount_fd < 0 ? error_wrap(err, "tmpfs for %s", name) : mount_fd;
}

int mounts_prepare(const struct spec_mount *mounts, size_t count, int *ret_mount_fds, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		ret_mount_fds[i] = -1;
	for (size_t i = 0; i < count; i++) {
		const struct spec_mount *mount = &mounts[i];
		/* What is filled first is made read-only after that. */
		bool read_only = mount->read_only && !mount->copy_up;
		ret_mount_fds[i] = mount->kind == SPEC_MOUNT_TMPFS
					   ? mounts_prepare_tmpfs(mount->options, mount->read_only, mount->target, err)
					   : prepare_bind(mount, read_only, err);
		if (ret_mount_fds[i] < 0)
			return -1;
	}
	return 0;
}

/*
 * Docker's and runc's rule: nothing is mounted over /proc or in it, since the masks and every later use of it rely on
 * it. Links of the image that lead to /sys are refused too: whoever mounts there says so.
 */
static int check_target(int target_fd, const char *path, struct error *err)
{
	struct statfs status;
	if (fstatfs(target_fd, &status) < 0)
		return error_set_errno(err, errno, "look at %s", path);
	if ((long)status.f_type == PROC_SUPER_MAGIC)
		return error_set(err, ERROR_DENIED, "\"%s\" cannot be mounted because it is inside /proc", path);
	bool says_sys = strncmp(path, "/sys", 4) == 0 && (path[4] == '/' || path[4] == '\0');
	if (((long)status.f_type == SYSFS_MAGIC || (long)status.f_type == CGROUP_SUPER_MAGIC ||
	     (long)status.f_type == CGROUP2_SUPER_MAGIC) &&
	    !says_sys)
		return error_set(err, ERROR_DENIED,
				 "\"%s\" cannot be mounted because the image's links lead it into /sys", path);
	struct stat root, target;
	if (stat("/", &root) < 0 || fstat(target_fd, &target) < 0)
		return error_set_errno(err, errno, "look at %s", path);
	if (root.st_dev == target.st_dev && root.st_ino == target.st_ino)
		return error_set(err, ERROR_INVALID, "invalid mount: \"%s\": destination can't be '/'", path);
	return 0;
}

/* The mount point of a file: its folder is made, then the file, without a moment in which a link could be written
 * through. */
static int open_target_file(int root_fd, const char *path, struct error *err)
{
	int fd = open_in_root(root_fd, path, O_PATH, 0);
	if (fd >= 0 || errno != ENOENT)
		return fd < 0 ? error_set_errno(err, errno, "open the mount point %s", path) : fd;
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) : 0;
	if (length >= sizeof folder - 1)
		return error_set_errno(err, ENAMETOOLONG, "make the mount point %s", path);
	memcpy(folder, length ? path : ".", length ? length : 1);
	folder[length ? length : 1] = '\0';
	cleanup_close int folder_fd = make_folders_in_root(root_fd, folder, 0755);
	if (folder_fd < 0)
		return error_set_errno(err, errno, "make the folder of the mount point %s", path);
	cleanup_close int made =
		openat(folder_fd, slash ? slash + 1 : path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0755);
	if (made < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make the mount point %s", path);
	/* EEXIST is a link to nowhere: opening it says so. */
	fd = open_in_root(root_fd, path, O_PATH, 0);
	return fd < 0 ? error_set_errno(err, errno, "open the mount point %s", path) : fd;
}

static int attach(int root_fd, const struct spec_mount *mount, int mount_fd, struct error *err)
{
	struct stat source;
	if (fstat(mount_fd, &source) < 0)
		return error_set_errno(err, errno, "look at the source of %s", mount->target);
	cleanup_close int target = S_ISDIR(source.st_mode) ? make_folders_in_root(root_fd, mount->target, 0755)
							   : open_target_file(root_fd, mount->target, err);
	if (target < 0)
		return S_ISDIR(source.st_mode) ? error_set_errno(err, errno, "make the mount point %s", mount->target)
					       : -1;
	if (check_target(target, mount->target, err) < 0)
		return -1;
	struct stat status;
	if (fstat(target, &status) < 0)
		return error_set_errno(err, errno, "look at %s", mount->target);
	if (S_ISDIR(source.st_mode) != S_ISDIR(status.st_mode))
		return error_set(err, ERROR_INVALID,
				 "mount on %s: not a directory: are you trying to mount a directory onto a file (or "
				 "vice-versa)? "
				 "Check if the specified host path exists and is the expected type",
				 mount->target);
	if (mount->copy_up && S_ISDIR(source.st_mode)) {
		cleanup_close int image_folder = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		cleanup_close int volume = openat(mount_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (image_folder < 0 || volume < 0)
			return error_set_errno(err, errno, "open %s", mount->target);
		if (copy_up_folder(image_folder, volume, err) < 0)
			return error_wrap(err, "fill the volume for %s from the image", mount->target);
	}
	if (mount->copy_up && mount->read_only && mount_set(mount_fd, MOUNT_ATTR_RDONLY, 0, mount->recursive, err) < 0)
		return -1;
	return mount_attach(mount_fd, target, mount->target, err);
}

int mounts_attach(int root_fd, const struct spec_mount *mounts, size_t count, const int *mount_fds, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (attach(root_fd, &mounts[i], mount_fds[i], err) < 0)
			return -1;
	}
	return 0;
}

int mounts_attach_file(int root_fd, int mount_fd, const char *path, struct error *err)
{
	cleanup_close int target = open_target_file(root_fd, path, err);
	if (target < 0 || check_target(target, path, err) < 0)
		return -1;
	return mount_attach(mount_fd, target, path, err);
}
