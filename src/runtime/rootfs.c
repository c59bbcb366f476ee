/*
 * Theory of operation. The parent makes the root as a detached mount: overlayfs takes layers of the mount namespace
 * that the caller is in and of no other, and the layers' descriptors are of the parent's. The child puts it on top of
 * "/" (the one place that is sure to exist in its namespace) and makes it the root by pivot_root(".", "."), which
 * stacks the old root on the new one, where it is unmounted lazily. The host's tree is gone before anything of the
 * image is looked at, so that every later step works in a world where there is nothing to escape to.
 */
#include "runtime/rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/mount_api.h"

#define LAYER_LIMIT 500 /* overlayfs' own, OVL_MAX_STACK */

struct fd_path {
	char text[32];
};

static const char *fd_path(struct fd_path *path, int fd)
{
	snprintf(path->text, sizeof path->text, "/proc/self/fd/%d", fd);
	return path->text;
}

/*
 * index, metacopy and redirects are off so that the upper folder alone, taken as a layer, says all that was changed,
 * and so that no attribute in a layer can send a lookup to another folder. Without uuid no attribute is written at each
 * start.
 */
#define OVERLAY_SWITCHES                                                                                               \
	{"index", "off"}, {"metacopy", "off"}, {"redirect_dir", "nofollow"}, {"uuid", "off"},                          \
	{                                                                                                              \
		"xino", "off"                                                                                          \
	}

int rootfs_overlay(const struct runtime_spec *spec, struct error *err)
{
	if (spec->layer_count > LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "the image has %zu layers, overlayfs takes %d", spec->layer_count,
				 LAYER_LIMIT);
	struct fd_path paths[LAYER_LIMIT + 2];
	struct mount_option options[LAYER_LIMIT + 8];
	size_t count = 0;
	for (size_t i = 0; i < spec->layer_count; i++)
		options[count++] = (struct mount_option){"lowerdir+", fd_path(&paths[i], spec->layer_fds[i])};
	options[count++] = (struct mount_option){"upperdir", fd_path(&paths[LAYER_LIMIT], spec->upper_fd)};
	options[count++] = (struct mount_option){"workdir", fd_path(&paths[LAYER_LIMIT + 1], spec->work_fd)};
	static const struct mount_option switches[] = {OVERLAY_SWITCHES, {NULL, NULL}};
	memcpy(&options[count], switches, sizeof switches);
	return mount_new("overlay", options, 0, err);
}

/*
 * Before Linux 6.7 the layers are one string, which fsconfig takes up to 255 bytes of. Relative to /proc/self/fd a
 * layer costs four of them.
 */
int rootfs_overlay_classic(const struct runtime_spec *spec, struct error *err)
{
	char layers[256], upper[16], work[16];
	size_t used = 0;
	for (size_t i = 0; i < spec->layer_count; i++) {
		used += (size_t)snprintf(layers + used, sizeof layers - used, "%s%d", i ? ":" : "", spec->layer_fds[i]);
		if (used >= sizeof layers)
			return error_set(err, ERROR_LIMIT,
					 "the image has %zu layers, of which this kernel takes %zu: Linux 6.7 takes %d",
					 spec->layer_count, i, LAYER_LIMIT);
	}
	snprintf(upper, sizeof upper, "%d", spec->upper_fd);
	snprintf(work, sizeof work, "%d", spec->work_fd);
	const struct mount_option options[] = {
		{"lowerdir", layers}, {"upperdir", upper}, {"workdir", work}, OVERLAY_SWITCHES, {NULL, NULL}};
	cleanup_close int before = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (before < 0 || chdir("/proc/self/fd") < 0)
		return error_set_errno(err, errno, "enter /proc/self/fd");
	int fd = mount_new("overlay", options, 0, err);
	if (fchdir(before) < 0) {
		cleanup_close_function(&fd);
		return error_set_errno(err, errno, "return to the working directory");
	}
	return fd;
}

static int mount_root(const struct runtime_spec *spec, struct error *err)
{
	/* A root without layers is a folder; it must be a mount to become the root. */
	if (spec->layer_count == 0) {
		cleanup_close int fd = mount_clone(spec->upper_fd, false, err);
		return fd < 0 || mount_set(fd, 0, MS_PRIVATE, false, err) < 0 ? -1 : steal_fd(&fd);
	}
	int fd = rootfs_overlay(spec, err);
	if (fd >= 0 || err->system_errno != EINVAL)
		return fd;
	struct error first = *err;
	fd = rootfs_overlay_classic(spec, err);
	if (fd < 0 && err->kind != ERROR_LIMIT)
		*err = first;
	return fd;
}

int rootfs_prepare(const struct runtime_spec *spec, struct error *err)
{
	int fd = mount_root(spec, err);
	return fd < 0 ? error_wrap(err, "make the root of the container") : fd;
}

int rootfs_enter(int root, struct error *err)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return error_set_errno(err, errno, "cut the mounts off from the host's");
	if (move_mount(root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return error_set_errno(err, errno, "put the container's root in place");
	if (fchdir(root) < 0)
		return error_set_errno(err, errno, "enter the container's root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return error_set_errno(err, errno, "make the container's root the root (pivot_root)%s",
				       errno == EINVAL ? "; a host that runs from its initramfs can not" : "");
	if (umount2(".", MNT_DETACH) < 0)
		return error_set_errno(err, errno, "let go of the host's root");
	if (chdir("/") < 0)
		return error_set_errno(err, errno, "enter the container's root");
	return 0;
}
