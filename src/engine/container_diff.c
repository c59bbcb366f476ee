#include "engine/container_diff.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "build/rootfs_view.h"
#include "store/container.h"

#define DEPTH_MAX 255
#define LINES_MAX ((size_t)10000000)

int container_open_written(struct engine *engine, const char *id)
{
	cleanup_close int folder = -1;
	if (container_open_folder(engine->store, id, false, &folder, NULL) < 0)
		return -1;
	return openat(folder, "upper", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool container_is_stub(int folder_fd, const char *folder, const char *name)
{
	static const char *const names[] = {"hostname", "hosts", "resolv.conf"};
	struct stat status;
	if (strcmp(folder, "etc") != 0 || fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return S_ISREG(status.st_mode) && status.st_size == 0;
	return false;
}

static int open_child(int folder_fd, const char *name)
{
	return openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int folder_fd, struct string_list *names, struct error *err)
{
	int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		cleanup_close_function(&copy);
		return error_set_errno(err, errno, "read the folder");
	}
	for (const struct dirent *entry; (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			string_list_add(names, entry->d_name);
	return 0;
}

/* A folder that hides what is below is told by what is missing in it. */
static bool is_opaque(int folder_fd)
{
	char value;
	return fgetxattr(folder_fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

static bool differs(const struct stat *a, const struct stat *b)
{
	return a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
	       a->st_mtim.tv_sec != b->st_mtim.tv_sec || a->st_mtim.tv_nsec != b->st_mtim.tv_nsec;
}

static void remove_line(struct string_list *lines, size_t index)
{
	free(lines->items[index]);
	memmove(&lines->items[index], &lines->items[index + 1], (lines->count - index) * sizeof *lines->items);
	lines->count--;
}

struct folder {
	const char *path; /* "" is the root */
	int upper_fd;
	int lower_fd; /* the same folder of the image, or -1 */
	bool is_opaque;
	int depth;
	/* Afterwards: */
	bool has_changed; /* something was added or deleted right here */
	bool has_stubs;
};

static int walk(struct folder *folder, struct string_list *lines, struct error *err);

static int walk_child(const struct folder *parent, const char *name, const char *path, const struct stat *status,
		      const struct stat *old, struct string_list *lines, struct error *err)
{
	cleanup_close int upper = open_child(parent->upper_fd, name);
	cleanup_close int lower = old && S_ISDIR(old->st_mode) ? open_child(parent->lower_fd, name) : -1;
	/* Gone, or something else, since it was looked at. */
	if (upper < 0)
		return 0;
	struct folder child = {.path = path,
			       .upper_fd = upper,
			       .lower_fd = lower,
			       .is_opaque = lower >= 0 && is_opaque(upper),
			       .depth = parent->depth + 1};
	size_t line = lines->count;
	string_list_add_format(lines, "%c %s", old ? 'C' : 'A', path);
	if (walk(&child, lines, err) < 0)
		return -1;
	if (child.has_changed)
		return 0;
	/* A place to mount on changes the time of its folder, and no more. */
	struct stat without_time = *status;
	if (child.has_stubs && old)
		without_time.st_mtim = old->st_mtim;
	if (old ? !differs(&without_time, old) : child.has_stubs)
		remove_line(lines, line);
	return 0;
}

static int walk_entry(struct folder *folder, const char *name, struct string_list *lines, struct error *err)
{
	struct stat status, old;
	bool is_here = fstatat(folder->upper_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
	bool was_there = folder->lower_fd >= 0 && fstatat(folder->lower_fd, name, &old, AT_SYMLINK_NOFOLLOW) == 0;
	if (lines->count >= LINES_MAX || folder->depth > DEPTH_MAX)
		return error_set(err, ERROR_LIMIT, "%s: too many changes, or too deep", folder->path);
	cleanup_free char *path = format_string("%s/%s", folder->path, name);
	bool is_deleted = !is_here || (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0));
	if (is_deleted && !was_there)
		return 0;
	if (!is_deleted && !was_there &&
	    container_is_stub(folder->upper_fd, folder->path + (*folder->path == '/'), name)) {
		folder->has_stubs = true;
		return 0;
	}
	folder->has_changed = folder->has_changed || is_deleted || !was_there;
	if (!is_deleted && S_ISDIR(status.st_mode))
		return walk_child(folder, name, path, &status, was_there ? &old : NULL, lines, err);
	string_list_add_format(lines, "%c %s", is_deleted ? 'D' : was_there ? 'C' : 'A', path);
	return 0;
}

static int walk(struct folder *folder, struct string_list *lines, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	if (read_names(folder->upper_fd, &names, err) < 0 ||
	    (folder->is_opaque && read_names(folder->lower_fd, &names, err) < 0))
		return -1;
	if (names.count > 1)
		qsort(names.items, names.count, sizeof *names.items, compare);
	for (size_t i = 0; i < names.count; i++) {
		if (i > 0 && strcmp(names.items[i], names.items[i - 1]) == 0)
			continue;
		if (walk_entry(folder, names.items[i], lines, err) < 0)
			return -1;
	}
	return 0;
}

int container_diff(struct engine *engine, const char *name, struct string_list *ret_lines, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_rootfs_view struct rootfs_view image = ROOTFS_VIEW_INIT;
	cleanup_free struct digest *layers = NULL;
	cleanup_close int lock = -1, written = -1;
	size_t count = 0;
	/* Nothing that is read may be collected meanwhile. */
	if (container_find(engine->store, name, &record, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    container_layers(engine->store, record.id, &layers, &count, err) < 0)
		return -1;
	written = container_open_written(engine, record.id);
	if (written < 0)
		return 0;
	struct folder root = {.path = "", .upper_fd = written, .lower_fd = -1};
	if (count > 0 && rootfs_view_open(engine->store, layers, count, -1, -1, &image, err) < 0)
		return -1;
	root.lower_fd = image.root_fd;
	return walk(&root, ret_lines, err) < 0 ? error_wrap(err, "diff %s", name) : 0;
}
