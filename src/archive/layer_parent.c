/*
 * Parents are opened by openat2(2) from the layer's root. At first links are not followed: that is the common case and
 * proves that the folder lies where its name says. Where that fails the path is resolved with the layer as root
 * directory, so that a link that points out of the layer lands inside, as it does for Docker, which unpacks in a
 * chroot.
 *
 * A chain of links can make a tree deeper than any single name is, and then nothing but a long walk can remove it. So a
 * folder that was reached by a link is asked where it really is.
 */
#include "archive/layer_parent.h"

#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/layer_path.h"
#include "base/fd.h"

static mode_t mask_of(int folder_fd)
{
	struct stat status;
	cleanup_close int fd = openat(folder_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0777);
	if (fd < 0 || fstat(fd, &status) < 0)
		return 0777;
	return 0777 & ~status.st_mode;
}

void layer_parent_init(struct layer_parent *parent, int root_fd)
{
	*parent = (struct layer_parent){.root_fd = root_fd, .fd = -1, .own_uid = geteuid(), .own_gid = getegid()};
	parent->mask = mask_of(root_fd);
}

void layer_parent_release(struct layer_parent *parent)
{
	if (parent->fd >= 0)
		close(parent->fd);
	parent->fd = -1;
}

bool layer_is_whiteout(int folder_fd, const char *name)
{
	struct stat status;
	return fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && S_ISCHR(status.st_mode) &&
	       status.st_rdev == makedev(0, 0);
}

int layer_set_opaque(int folder_fd, struct error *err)
{
	return fsetxattr(folder_fd, OVERLAY_OPAQUE, "y", 1, 0) < 0 ? error_set_errno(err, errno, "mark as opaque") : 0;
}

void layer_parent_enter(struct layer_parent *parent, const char *path, int fd, mode_t mode)
{
	layer_parent_release(parent);
	parent->fd = fd;
	parent->gives_group = mode & S_ISGID;
	memcpy(parent->path, path, strlen(path) + 1);
}

static int open_without_links(int root_fd, const char *path)
{
	struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	return (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
}

static int count_slashes(int fd, int *ret_count)
{
	char link[64], path[PATH_MAX];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t size = readlink(link, path, sizeof path);
	if (size < 0)
		return -1;
	*ret_count = 0;
	for (ssize_t i = 0; i < size; i++)
		*ret_count += path[i] == '/';
	return 0;
}

static int check_depth(const struct layer_parent *parent, int fd, struct error *err)
{
	int root_depth, depth;
	/* ENAMETOOLONG: deeper than the kernel can say. */
	if (count_slashes(parent->root_fd, &root_depth) < 0 || count_slashes(fd, &depth) < 0)
		return error_set_errno(err, errno, "find out how deep the folder lies");
	if (depth - root_depth >= LAYER_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d folders deep", LAYER_DEPTH_LIMIT);
	return 0;
}

/* The folder, or -1 with errno set, or -2 with *err filled. */
static int open_existing(const struct layer_parent *parent, const char *path, struct error *err)
{
	const char *from_root = *path ? path : ".";
	int fd = open_without_links(parent->root_fd, from_root);
	if (fd >= 0 || (errno != ELOOP && errno != ENOTDIR && errno != EAGAIN))
		return fd;
	fd = open_in_root(parent->root_fd, from_root, O_RDONLY | O_DIRECTORY, 0);
	if (fd >= 0 && check_depth(parent, fd, err) < 0) {
		close(fd);
		return -2;
	}
	return fd;
}

/* One step of the way to a folder that is not there, below `folder_fd`; `prefix` is its path from the root. */
static int make_step(struct layer_parent *parent, int folder_fd, const char *prefix, int *ret_fd, struct error *err)
{
	int fd = open_existing(parent, prefix, err);
	if (fd >= 0 || fd == -2) {
		*ret_fd = fd;
		return fd >= 0 ? 0 : -1;
	}
	int why = errno;
	const char *slash = strrchr(prefix, '/');
	const char *name = slash ? slash + 1 : prefix;
	bool was_whiteout = why == ENOTDIR && layer_is_whiteout(folder_fd, name);
	if (was_whiteout && unlinkat(folder_fd, name, 0) < 0)
		return error_set_errno(err, errno, "remove the whiteout of its folder");
	if (!was_whiteout && why == ENOTDIR)
		return error_set(err, ERROR_INVALID, "its folder is no folder in this layer");
	if (!was_whiteout && why != ENOENT)
		return error_set_errno(err, why, "open its folder");
	if (mkdirat(folder_fd, name, 0755) < 0) {
		if (errno == EEXIST)
			return error_set(err, ERROR_INVALID, "its folder is a link to what is not in this layer");
		return error_set_errno(err, errno, "make its folder");
	}
	parent->made++;
	cleanup_close int made = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (made < 0 || fchmod(made, 0755) < 0)
		return error_set_errno(err, errno, "make its folder");
	if (was_whiteout && layer_set_opaque(made, err) < 0)
		return -1;
	*ret_fd = steal_fd(&made);
	return 0;
}

static int make_missing(struct layer_parent *parent, const char *path, int *ret_fd, struct error *err)
{
	char prefix[PATH_MAX];
	cleanup_close int folder = open_existing(parent, "", err);
	if (folder < 0)
		return error_set_errno(err, errno, "open the layer's folder");
	for (const char *end = path; *end;) {
		end += strcspn(end, "/");
		memcpy(prefix, path, (size_t)(end - path));
		prefix[end - path] = '\0';
		int next = -1;
		if (make_step(parent, folder, prefix, &next, err) < 0)
			return -1;
		close(folder);
		folder = next;
		end += *end == '/';
	}
	*ret_fd = steal_fd(&folder);
	return 0;
}

int layer_parent_open(struct layer_parent *parent, const char *path, struct error *err)
{
	if (parent->fd >= 0 && strcmp(parent->path, path) == 0)
		return 0;
	int fd = open_existing(parent, path, err);
	if (fd == -2)
		return -1;
	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return error_set_errno(err, errno, "open its folder");
	if (fd < 0 && make_missing(parent, path, &fd, err) < 0)
		return -1;
	struct stat status;
	if (fstat(fd, &status) < 0) {
		error_set_errno(err, errno, "look at its folder");
		close(fd);
		return -1;
	}
	layer_parent_enter(parent, path, fd, status.st_mode);
	return 0;
}
