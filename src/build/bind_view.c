#include "build/bind_view.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"

void bind_view_release(struct bind_view *view)
{
	if (view->fd >= 0)
		close(view->fd);
	if (view->tree_fd >= 0)
		close(view->tree_fd);
	layer_staging_release(&view->mask);
	layer_staging_release(&view->upper);
	layer_staging_release(&view->work);
	*view = BIND_VIEW_INIT;
}

static int clone_mount(int fd)
{
	return (int)syscall(SYS_open_tree, fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
}

/* Views are noexec for who only reads them; a step may run what it mounts. */
static int make_executable(int tree_fd, struct error *err)
{
	struct mount_attr change = {.attr_clr = MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID};
	if (syscall(SYS_mount_setattr, tree_fd, "", AT_EMPTY_PATH, &change, sizeof change) < 0)
		return error_set_errno(err, errno, "set the attributes of a mount");
	return 0;
}

/* Whether what is in a detached mount can be mounted elsewhere: Linux 6.15. */
static bool can_be_cloned(int fd)
{
	cleanup_close int copy = clone_mount(fd);
	return copy >= 0;
}

static int open_upper(struct store *store, struct bind_view *view, struct error *err)
{
	return layer_staging_begin(store->root_fd, &view->upper, err) < 0 ||
			       layer_staging_begin(store->root_fd, &view->work, err) < 0
		       ? -1
		       : 0;
}

int bind_view_open_layers(struct store *store, const struct digest *diff_ids, size_t count, const char *source,
			  bool writable, struct bind_view *ret_view, struct error *err)
{
	cleanup_bind_view struct bind_view view = BIND_VIEW_INIT;
	struct rootfs_view tree = ROOTFS_VIEW_INIT;
	if (writable && open_upper(store, &view, err) < 0)
		return -1;
	if (rootfs_view_open(store, diff_ids, count, writable ? view.upper.folder_fd : -1, view.work.folder_fd, &tree,
			     err) < 0)
		return -1;
	view.tree_fd = steal_fd(&tree.root_fd);
	view.mask = tree.empty;
	/* A stage without a layer is an empty folder of ours, and no mount. */
	bool is_mount = count > 0;
	if (is_mount && make_executable(view.tree_fd, err) < 0)
		return -1;
	view.fd = open_in_root(view.tree_fd, source[0] ? source : ".", O_PATH, 0);
	if (view.fd < 0)
		return error_set_errno(err, errno, "open /%s", source);
	if (is_mount && !can_be_cloned(view.fd))
		return 1;
	*ret_view = view;
	view = BIND_VIEW_INIT;
	return 0;
}

/* What is known of a context once all of it has been looked at. */
struct survey {
	const struct content_root *context;
	struct store *store;
	struct layer_staging *mask;
	bool has_owner, is_mixed; /* mixed: it has to be copied */
	uid_t user;
	gid_t group;
	dev_t device;
	bool is_masked;
	struct error *err;
};

/* One folder on the way down, and its counterpart in the mask, made when something in it is to be hidden. */
struct level {
	struct level *parent;
	const char *name;
	const struct stat *status;
	int fd, mask_fd;
};

static int open_mask(struct survey *survey, struct level *level)
{
	struct error *err = survey->err;
	if (level->mask_fd >= 0)
		return 0;
	if (!level->parent) {
		if (layer_staging_begin(survey->store->root_fd, survey->mask, err) < 0)
			return -1;
		level->mask_fd = fcntl(survey->mask->folder_fd, F_DUPFD_CLOEXEC, 3);
	} else {
		if (open_mask(survey, level->parent) < 0)
			return -1;
		if (mkdirat(level->parent->mask_fd, level->name, 0700) < 0)
			return error_set_errno(err, errno, "hide what is ignored in %s", level->name);
		level->mask_fd =
			openat(level->parent->mask_fd, level->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (level->mask_fd < 0 || fchmod(level->mask_fd, level->status->st_mode & 07777) < 0)
		return error_set_errno(err, errno, "hide what is ignored");
	survey->is_masked = true;
	return 0;
}

/* A whiteout, as overlayfs has it. */
static int hide(struct survey *survey, struct level *level, const char *name)
{
	if (open_mask(survey, level) < 0)
		return -1;
	if (mknodat(level->mask_fd, name, S_IFCHR, 0) < 0)
		return error_set_errno(survey->err, errno, "hide %s", name);
	return 0;
}

static void look_at(struct survey *survey, const struct stat *status)
{
	bool is_other = survey->has_owner && (status->st_uid != survey->user || status->st_gid != survey->group);
	bool is_elsewhere = survey->has_owner && status->st_dev != survey->device;
	if (is_other || is_elsewhere || S_ISFIFO(status->st_mode))
		survey->is_mixed = true;
	survey->has_owner = true;
	survey->user = status->st_uid;
	survey->group = status->st_gid;
	survey->device = status->st_dev;
}

static int survey_folder(struct survey *survey, struct level *level, const char *path, unsigned depth);

static int survey_entry(struct survey *survey, struct level *level, const char *name, const char *path, unsigned depth)
{
	struct stat status;
	bool may_enter;
	bool visible = content_is_visible(survey->context, path, &may_enter);
	if (fstatat(level->fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set_errno(survey->err, errno, "stat %s", name);
	bool is_folder = S_ISDIR(status.st_mode);
	if (S_ISSOCK(status.st_mode) || (!visible && !(may_enter && is_folder)))
		return hide(survey, level, name);
	look_at(survey, &status);
	if (!is_folder || survey->is_mixed)
		return 0;
	cleanup_close int fd = openat(level->fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(survey->err, errno, "open folder %s", name);
	struct level below = {.parent = level, .name = name, .status = &status, .fd = fd, .mask_fd = -1};
	return survey_folder(survey, &below, path, depth + 1);
}

static int survey_names(struct survey *survey, struct level *level, const char *path, unsigned depth)
{
	cleanup_string_list struct string_list names = {0};
	if (depth > CONTENT_DEPTH_LIMIT)
		return error_set(survey->err, ERROR_LIMIT, "folders are more than %d deep", CONTENT_DEPTH_LIMIT);
	if (content_list_folder(level->fd, &names, survey->err) < 0)
		return -1;
	for (size_t i = 0; i < names.count && !survey->is_mixed; i++) {
		cleanup_free char *whole = format_string("%s%s%s", path, path[0] ? "/" : "", names.items[i]);
		if (survey_entry(survey, level, names.items[i], whole, depth) < 0)
			return -1;
	}
	return 0;
}

static int survey_folder(struct survey *survey, struct level *level, const char *path, unsigned depth)
{
	int result = survey_names(survey, level, path, depth);
	if (level->mask_fd < 0)
		return result;
	/* Of a folder that is in both, overlayfs shows the upper one's. */
	const struct timespec times[2] = {level->status->st_atim, level->status->st_mtim};
	if (result == 0 && futimens(level->mask_fd, times) < 0)
		result = error_set_errno(survey->err, errno, "set times of a folder");
	close(level->mask_fd);
	return result;
}

/*
 * A user namespace whose only process is one that waits to be killed: the kernel takes a mount's mapping from one.
 * Number `user` of the disk becomes 0; what has another owner belongs to nobody.
 */
static int open_mapping(uid_t user, gid_t group, struct error *err)
{
	struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
	if (pid < 0)
		return error_set_errno(err, errno, "make a user namespace");
	if (pid == 0)
		for (;;)
			pause();
	char path[64], map[64];
	int fd = -1;
	snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
	snprintf(map, sizeof map, "%u 0 1\n", user);
	int result = write_kernel_file_at(AT_FDCWD, path, map, err);
	snprintf(path, sizeof path, "/proc/%d/gid_map", (int)pid);
	snprintf(map, sizeof map, "%u 0 1\n", group);
	if (result == 0)
		result = write_kernel_file_at(AT_FDCWD, path, map, err);
	if (result == 0) {
		snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			error_set_errno(err, errno, "open %s", path);
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}

/* A detached mount of `fd`, with its owner as 0. Returns -1 without an error where it cannot be had. */
static int open_mapped(int fd, const struct survey *survey)
{
	cleanup_close int tree = clone_mount(fd);
	if (tree < 0)
		return -1;
	struct mount_attr change = {.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV, .propagation = MS_PRIVATE};
	cleanup_close int mapping = -1;
	if (survey->user != 0 || survey->group != 0) {
		mapping = open_mapping(survey->user, survey->group, NULL);
		if (mapping < 0)
			return -1;
		change.attr_set |= MOUNT_ATTR_IDMAP;
		change.userns_fd = (uint64_t)mapping;
	}
	if (syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &change, sizeof change) < 0)
		return -1;
	return steal_fd(&tree);
}

/* The overlay above a folder of the context: the mask, and what is written. 1: this kernel cannot do it. */
static int cover(struct store *store, const struct survey *survey, const struct stat *status, bool writable,
		 struct bind_view *view, struct error *err)
{
	int lower[2];
	size_t count = 0;
	if (writable) {
		if (open_upper(store, view, err) < 0)
			return -1;
		const struct timespec times[2] = {status->st_atim, status->st_mtim};
		if (fchmod(view->upper.folder_fd, status->st_mode & 07777) < 0 ||
		    futimens(view->upper.folder_fd, times) < 0)
			return error_set_errno(err, errno, "set the mode of a mount's folder");
	}
	if (survey->is_masked)
		lower[count++] = view->mask.folder_fd;
	lower[count++] = view->tree_fd;
	int overlay;
	if (rootfs_view_mount(lower, count, view->upper.folder_fd, view->work.folder_fd, &overlay, NULL) < 0)
		return 1;
	close(view->tree_fd);
	view->tree_fd = overlay;
	return make_executable(overlay, err);
}

int bind_view_open_context(struct store *store, const struct content_root *context, const char *source, bool writable,
			   struct bind_view *ret_view, struct error *err)
{
	cleanup_bind_view struct bind_view view = BIND_VIEW_INIT;
	cleanup_close int fd = -1;
	cleanup_free char *path = NULL;
	struct stat status;
	if (content_open(context, source, &fd, &status, &path, err) < 0)
		return -1;
	struct survey survey = {.context = context, .store = store, .mask = &view.mask, .err = err};
	bool is_folder = S_ISDIR(status.st_mode);
	look_at(&survey, &status);
	if (is_folder) {
		struct level level = {.status = &status, .fd = fd, .mask_fd = -1};
		if (survey_folder(&survey, &level, path, 0) < 0)
			return error_wrap(err, "/%s", source);
	}
	if (survey.is_mixed || (!is_folder && (writable || !S_ISREG(status.st_mode))))
		return 1;
	bool is_plain = !writable && !survey.is_masked && survey.user == 0 && survey.group == 0;
	if (!is_plain) {
		view.tree_fd = open_mapped(fd, &survey);
		if (view.tree_fd < 0)
			return 1;
		if (writable || survey.is_masked) {
			int covered = cover(store, &survey, &status, writable, &view, err);
			if (covered != 0)
				return covered;
		}
		if (!can_be_cloned(view.tree_fd))
			return 1;
	}
	view.fd = fcntl(is_plain ? fd : view.tree_fd, F_DUPFD_CLOEXEC, 3);
	if (view.fd < 0)
		return error_set_errno(err, errno, "duplicate a descriptor");
	*ret_view = view;
	view = BIND_VIEW_INIT;
	return 0;
}
