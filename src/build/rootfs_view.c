#include "build/rootfs_view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

/* Kernel 6.13; older headers lack nothing else that is used here. */
#define COMMAND_SET_FD FSCONFIG_SET_FD

static long configure(int context_fd, unsigned command, const char *key, const void *value, int extra)
{
	return syscall(SYS_fsconfig, context_fd, command, key, value, extra);
}

/* What overlayfs itself says is in the context's log, a line a read. */
static int mount_failure(int context_fd, int number, const char *what, struct error *err)
{
	char text[512];
	ssize_t length = read(context_fd, text, sizeof text - 1);
	if (length <= 0)
		return error_set_errno(err, number, "%s", what);
	text[length] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return error_set_errno(err, number, "%s: %s", what, text);
}

static int set_folder(int context_fd, const char *key, int fd, struct error *err)
{
	if (configure(context_fd, COMMAND_SET_FD, key, NULL, fd) == 0)
		return 0;
	/* Before 6.13 folders are named: through our own descriptor, which no one can move. */
	char path[32];
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (configure(context_fd, FSCONFIG_SET_STRING, key, path, 0) == 0)
		return 0;
	return mount_failure(context_fd, errno, key, err);
}

/* Top first, as overlayfs wants them. Before 6.7 there is no "lowerdir+", and all go into one option of 255 bytes. */
static int set_lower_folders(int context_fd, const int *fds, size_t count, struct error *err)
{
	size_t done = 0;
	while (done < count && configure(context_fd, COMMAND_SET_FD, "lowerdir+", NULL, fds[done]) == 0)
		done++;
	if (done == count)
		return 0;
	char path[32];
	for (; done < count; done++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fds[done]);
		if (configure(context_fd, FSCONFIG_SET_STRING, "lowerdir+", path, 0) < 0)
			break;
	}
	if (done == count)
		return 0;
	if (done > 0 || errno != EINVAL)
		return mount_failure(context_fd, errno, "lowerdir+", err);
	cleanup_buffer struct buffer all = BUFFER_INIT(255);
	for (size_t i = 0; i < count; i++)
		if (buffer_append_format(&all, err, "%s/proc/self/fd/%d", i ? ":" : "", fds[i]) < 0)
			return error_wrap(err, "an image of %zu layers needs Linux 6.7 or later", count);
	if (configure(context_fd, FSCONFIG_SET_STRING, "lowerdir", buffer_text(&all), 0) < 0)
		return mount_failure(context_fd, errno, "lowerdir", err);
	return 0;
}

static int set_upper_folders(int context_fd, int upper_fd, int work_fd, struct error *err)
{
	/*
	 * Redirects, metadata-only copies and the inode index say in private attributes what a layer must say in files,
	 * so that they are switched off whatever the kernel's defaults are. Where an option is unknown, so is the
	 * feature.
	 */
	configure(context_fd, FSCONFIG_SET_STRING, "redirect_dir", "nofollow", 0);
	configure(context_fd, FSCONFIG_SET_STRING, "metacopy", "off", 0);
	configure(context_fd, FSCONFIG_SET_STRING, "index", "off", 0);
	if (set_folder(context_fd, "upperdir", upper_fd, err) < 0)
		return -1;
	return set_folder(context_fd, "workdir", work_fd, err);
}

int rootfs_view_mount(const int *lower_fds, size_t count, int upper_fd, int work_fd, int *ret_fd, struct error *err)
{
	cleanup_close int context_fd = (int)syscall(SYS_fsopen, "overlay", FSOPEN_CLOEXEC);
	if (context_fd < 0)
		return error_set_errno(err, errno, "overlayfs");
	if (set_lower_folders(context_fd, lower_fds, count, err) < 0 ||
	    (upper_fd >= 0 && set_upper_folders(context_fd, upper_fd, work_fd, err) < 0))
		return -1;
	if (configure(context_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return mount_failure(context_fd, errno, "create overlay", err);
	unsigned attributes = MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC;
	if (upper_fd < 0)
		attributes |= MOUNT_ATTR_RDONLY;
	int fd = (int)syscall(SYS_fsmount, context_fd, FSMOUNT_CLOEXEC, attributes);
	if (fd < 0)
		return mount_failure(context_fd, errno, "mount overlay", err);
	*ret_fd = fd;
	return 0;
}

size_t rootfs_unique_layers(const struct digest *diff_ids, size_t count, struct digest *ret_unique)
{
	size_t used = 0;
	for (size_t i = 0; i < count; i++) {
		bool comes_again = false;
		for (size_t j = i + 1; j < count && !comes_again; j++)
			comes_again = digest_equal(&diff_ids[j], &diff_ids[i]);
		if (!comes_again)
			ret_unique[used++] = diff_ids[i];
	}
	return used;
}

/* What an overlay is made of; descriptors that are -1 are absent. */
struct folders {
	const struct digest *diff_ids;
	size_t count;
	int top_fd; /* lower, above the layers */
	int upper_fd, work_fd;
};

static int open_layers(struct store *store, const struct folders *folders, struct rootfs_view *view, int *opened,
		       struct error *err)
{
	cleanup_free struct digest *unique = allocate_array(folders->count + 1, sizeof *unique);
	cleanup_free int *fds = allocate_array(folders->count + 2, sizeof *fds);
	size_t used = rootfs_unique_layers(folders->diff_ids, folders->count, unique), total = 0;
	if (folders->top_fd >= 0)
		fds[total++] = folders->top_fd;
	for (size_t i = 0; i < used; i++) {
		if (layer_folder_open(store->root_fd, &unique[used - 1 - i], &opened[i], err) < 0)
			return -1;
		fds[total++] = opened[i];
	}
	/* Without an upper folder overlayfs wants two lower ones. */
	if (folders->upper_fd < 0 && total == 1)
		fds[total++] = view->empty.folder_fd;
	return rootfs_view_mount(fds, total, folders->upper_fd, folders->work_fd, &view->root_fd, err);
}

static int open_view(struct store *store, const struct folders *folders, struct rootfs_view *ret_view,
		     struct error *err)
{
	struct rootfs_view view = ROOTFS_VIEW_INIT;
	if (folders->upper_fd < 0 && layer_staging_begin(store->root_fd, &view.empty, err) < 0)
		return error_wrap(err, "mount the root file system");
	if (folders->count == 0 && folders->top_fd < 0) {
		/* From scratch: what is written is all there is. */
		view.root_fd =
			fcntl(folders->upper_fd >= 0 ? folders->upper_fd : view.empty.folder_fd, F_DUPFD_CLOEXEC, 3);
		if (view.root_fd < 0) {
			rootfs_view_release(&view);
			return error_set_errno(err, errno, "duplicate a descriptor");
		}
		*ret_view = view;
		return 0;
	}
	int *opened = allocate_array(folders->count + 1, sizeof *opened);
	for (size_t i = 0; i < folders->count; i++)
		opened[i] = -1;
	int result = open_layers(store, folders, &view, opened, err);
	for (size_t i = 0; i < folders->count; i++)
		if (opened[i] >= 0)
			close(opened[i]);
	free(opened);
	if (result < 0) {
		rootfs_view_release(&view);
		return error_wrap(err, "mount the root file system of %zu layers", folders->count);
	}
	*ret_view = view;
	return 0;
}

int rootfs_view_open(struct store *store, const struct digest *diff_ids, size_t count, int upper_fd, int work_fd,
		     struct rootfs_view *ret_view, struct error *err)
{
	const struct folders folders = {diff_ids, count, -1, upper_fd, work_fd};
	return open_view(store, &folders, ret_view, err);
}

int rootfs_view_open_below(struct store *store, const struct digest *diff_ids, size_t count, int top_fd,
			   struct rootfs_view *ret_view, struct error *err)
{
	const struct folders folders = {diff_ids, count, top_fd, -1, -1};
	return open_view(store, &folders, ret_view, err);
}

void rootfs_view_release(struct rootfs_view *view)
{
	if (view->root_fd >= 0)
		close(view->root_fd);
	layer_staging_release(&view->empty);
	*view = ROOTFS_VIEW_INIT;
}
