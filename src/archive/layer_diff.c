/*
 * A folder as a tar archive, deterministically: names sorted by bytes, whole seconds (as Docker has them), no names of
 * users, no access times, extended attributes sorted. The tree may change meanwhile, for its container may run: each
 * step is one component from an open folder, nothing is followed, and a file that becomes shorter is an error rather
 * than an archive with made-up bytes.
 *
 * Overlayfs' marks in an upper folder become the whiteouts of layers. Marks that say "the rest is in a lower layer"
 * (redirect, metacopy) cannot be said in a layer: containers are mounted without them, and one that has them is
 * refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/layer_links.h"
#include "archive/layer_path.h"
#include "archive/tar_writer.h"
#include "archive/tree.h"
#include "base/fd.h"
#include "base/string_list.h"

#define CHUNK_SIZE	 ((size_t)256 * 1024)
#define FOLDER_NAMES_MAX ((size_t)1000000)

struct diff {
	struct layer_diff_options options;
	struct tar_writer *writer;
	struct layer_links *links;
	struct layer_totals totals;
	dev_t device;
	bool crosses_mounts;
	size_t path_size;
	char path[PATH_MAX]; /* of what is written now, without a slash at the end */
	/* Not zeroed: */
	char attribute_names[XATTR_LIST_MAX];
	char attribute[XATTR_SIZE_MAX];
	char chunk[CHUNK_SIZE];
};

static int diff_folder(struct diff *diff, int folder_fd, int depth, struct error *err);

bool archive_is_kernel_file_system(int fd)
{
	static const unsigned long magics[] = {PROC_SUPER_MAGIC,    SYSFS_MAGIC,	CGROUP_SUPER_MAGIC,
					       CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC, DEBUGFS_MAGIC,
					       TRACEFS_MAGIC,	    SECURITYFS_MAGIC,	BPF_FS_MAGIC};
	struct statfs status;
	for (size_t i = 0; fstatfs(fd, &status) == 0 && i < ARRAY_SIZE(magics); i++)
		if ((unsigned long)status.f_type == magics[i])
			return true;
	return false;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(int folder_fd, struct string_list *names, struct error *err)
{
	int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		error_set_errno(err, errno, "read the folder");
		if (copy >= 0)
			close(copy);
		return -1;
	}
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry && errno)
			return error_set_errno(err, errno, "read the folder");
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count == FOLDER_NAMES_MAX)
			return error_set(err, ERROR_LIMIT, "more than %zu files in one folder", FOLDER_NAMES_MAX);
		string_list_add(names, entry->d_name);
	}
	if (names->count > 1)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return 0;
}

static void fill_entry(const struct diff *diff, struct tar_entry *ret_entry, const char *path,
		       const struct stat *status)
{
	bool keeps_owner = diff->options.owner == LAYER_OWNER_KEEP;
	int64_t time = status->st_mtim.tv_sec;
	if (diff->options.time_limit && time > diff->options.time_limit)
		time = diff->options.time_limit;
	*ret_entry = (struct tar_entry){
		.path = path,
		.mode = status->st_mode,
		.uid = keeps_owner ? status->st_uid : 0,
		.gid = keeps_owner ? status->st_gid : 0,
		.time = time,
		.size = S_ISREG(status->st_mode) ? (uint64_t)status->st_size : 0,
		.device = status->st_rdev,
	};
}

static int write_header(struct diff *diff, const struct tar_entry *entry, struct error *err)
{
	diff->totals.entries++;
	return tar_writer_entry(diff->writer, entry, err);
}

/* An empty file of root's that stands for a mark of overlayfs. */
static int write_mark(struct diff *diff, const char *name, const struct stat *status, struct error *err)
{
	char path[PATH_MAX + 16];
	const char *slash = strrchr(diff->path, '/');
	int folder_size = strcmp(name, WHITEOUT_OPAQUE) == 0 ? (int)diff->path_size
			  : slash			     ? (int)(slash - diff->path)
							     : 0;
	bool is_opaque = strcmp(name, WHITEOUT_OPAQUE) == 0;
	int size = snprintf(path, sizeof path, "%.*s%s%s%s", folder_size, diff->path, folder_size ? "/" : "",
			    is_opaque ? "" : WHITEOUT_PREFIX, name);
	if (size < 0 || size >= PATH_MAX)
		return error_set(err, ERROR_LIMIT, "a path of more than %d bytes", PATH_MAX - 1);
	struct stat mark = {.st_mode = S_IFREG | 0600, .st_mtim = status->st_mtim};
	struct tar_entry entry;
	fill_entry(diff, &entry, path, &mark);
	return write_header(diff, &entry, err);
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Extended attributes of `fd` for the next entry, where `writes`; says whether the folder is opaque. */
static int add_attributes(struct diff *diff, int fd, bool writes, bool *ret_opaque, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	ssize_t size = flistxattr(fd, diff->attribute_names, sizeof diff->attribute_names);
	if (size < 0 && errno != EOPNOTSUPP)
		return error_set_errno(err, errno, "list its attributes");
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(diff->attribute_names + at) + 1)
		string_list_add(&names, diff->attribute_names + at);
	if (names.count > 1)
		qsort(names.items, names.count, sizeof *names.items, compare_names);
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		bool is_kept = strcmp(name, CAPABILITY_ATTRIBUTE) == 0 ||
			       (starts_with(name, "user.") && !starts_with(name, OVERLAY_USER_PREFIX));
		bool is_opaque = strcmp(name, OVERLAY_OPAQUE) == 0;
		if (diff->options.form == LAYER_FORM_DIFF &&
		    (strcmp(name, "trusted.overlay.redirect") == 0 || strcmp(name, "trusted.overlay.metacopy") == 0))
			return error_set(err, ERROR_UNSUPPORTED,
					 "it has the attribute %s: the overlay was mounted with "
					 "redirect_dir or metacopy, so that its upper folder is not the whole change",
					 name);
		if (!is_kept && !is_opaque)
			continue;
		ssize_t value_size = fgetxattr(fd, name, diff->attribute, sizeof diff->attribute);
		if (value_size < 0)
			return error_set_errno(err, errno, "read its attribute %s", name);
		if (is_opaque)
			*ret_opaque = value_size == 1 && diff->attribute[0] == 'y';
		else if (writes &&
			 tar_writer_attribute(diff->writer, name, diff->attribute, (size_t)value_size, err) < 0)
			return -1;
	}
	return 0;
}

static int write_contents(struct diff *diff, int fd, uint64_t size, struct error *err)
{
	while (size > 0) {
		ssize_t got = read_some(fd, diff->chunk, size < CHUNK_SIZE ? (size_t)size : CHUNK_SIZE);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			return error_set(err, ERROR_CONFLICT,
					 "it became shorter while it was read; stop what writes it "
					 "and try again");
		if (tar_writer_data(diff->writer, diff->chunk, (size_t)got, err) < 0)
			return -1;
		size -= (uint64_t)got;
	}
	return 0;
}

/* A file that is open. */
static int diff_open_file(struct diff *diff, int fd, struct error *err)
{
	struct stat status;
	bool is_opaque = false;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open");
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_CONFLICT, "it changed while it was read");
	struct tar_entry entry;
	fill_entry(diff, &entry, diff->path, &status);
	if (add_attributes(diff, fd, true, &is_opaque, err) < 0 || write_header(diff, &entry, err) < 0 ||
	    write_contents(diff, fd, (uint64_t)status.st_size, err) < 0)
		return -1;
	diff->totals.bytes += (uint64_t)status.st_size;
	return 0;
}

static int diff_file(struct diff *diff, int folder_fd, const char *name, struct error *err)
{
	/* O_NONBLOCK: a FIFO that took the file's place meanwhile does not hang us. */
	cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return diff_open_file(diff, fd, err);
}

static int diff_link(struct diff *diff, int folder_fd, const char *name, const struct stat *status, struct error *err)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(folder_fd, name, target, sizeof target - 1);
	if (size < 0)
		return error_set_errno(err, errno, "read the symbolic link");
	target[size] = '\0';
	struct tar_entry entry;
	fill_entry(diff, &entry, diff->path, status);
	entry.target = target;
	return write_header(diff, &entry, err);
}

static int diff_device(struct diff *diff, const char *name, const struct stat *status, struct error *err)
{
	if (diff->options.form == LAYER_FORM_DIFF && S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0))
		return write_mark(diff, name, status, err);
	struct tar_entry entry;
	fill_entry(diff, &entry, diff->path, status);
	return write_header(diff, &entry, err);
}

static int diff_subfolder(struct diff *diff, int folder_fd, const char *name, int depth, struct error *err)
{
	cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat status;
	bool is_opaque = false;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open the folder");
	struct tar_entry entry;
	fill_entry(diff, &entry, diff->path, &status);
	if (add_attributes(diff, fd, true, &is_opaque, err) < 0 || write_header(diff, &entry, err) < 0)
		return -1;
	if (is_opaque && diff->options.form == LAYER_FORM_DIFF && write_mark(diff, WHITEOUT_OPAQUE, &status, err) < 0)
		return -1;
	/* Something is mounted there: it is not part of the layer. Files are not asked, overlayfs gives them any
	 * number. */
	if (status.st_dev == diff->device || (diff->crosses_mounts && !archive_is_kernel_file_system(fd)))
		return diff_folder(diff, fd, depth + 1, err);
	return 0;
}

/* A further name of a file that is in the archive already. 1: it was written. */
static int diff_hard_link(struct diff *diff, const struct stat *status, struct error *err)
{
	cleanup_free char *first = NULL;
	if (layer_links_find(diff->links, status, diff->path, &first, err) < 0)
		return -1;
	if (!first)
		return 0;
	struct tar_entry entry;
	fill_entry(diff, &entry, diff->path, status);
	entry.target = first;
	entry.is_hard_link = true;
	return write_header(diff, &entry, err) < 0 ? -1 : 1;
}

static int diff_entry(struct diff *diff, int folder_fd, const char *name, int depth, struct error *err)
{
	struct stat status;
	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "look at it");
	if (S_ISSOCK(status.st_mode))
		return 0;
	if (S_ISDIR(status.st_mode))
		return diff_subfolder(diff, folder_fd, name, depth, err);
	/* Overlayfs links all whiteouts of a mount to one inode. */
	bool is_whiteout = S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
	if (status.st_nlink > 1 && !is_whiteout) {
		int written = diff_hard_link(diff, &status, err);
		if (written != 0)
			return written < 0 ? -1 : 0;
	}
	if (S_ISREG(status.st_mode))
		return diff_file(diff, folder_fd, name, err);
	if (S_ISLNK(status.st_mode))
		return diff_link(diff, folder_fd, name, &status, err);
	return diff_device(diff, name, &status, err);
}

static int check_name(const struct diff *diff, const char *name, int depth, struct error *err)
{
	if (diff->path_size + strlen(name) + 2 > PATH_MAX)
		return error_set(err, ERROR_LIMIT, "a path of more than %d bytes", PATH_MAX - 1);
	if (depth >= LAYER_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d folders deep", LAYER_DEPTH_LIMIT);
	if (diff->options.form == LAYER_FORM_DIFF && starts_with(name, WHITEOUT_PREFIX))
		return error_set(err, ERROR_INVALID,
				 "a file's name begins with \"" WHITEOUT_PREFIX "\", which in a layer "
				 "means that a file was removed; rename it");
	return 0;
}

static int diff_folder(struct diff *diff, int folder_fd, int depth, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	if (read_names(folder_fd, &names, err) < 0)
		return -1;
	size_t folder_size = diff->path_size;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		if (diff->options.excludes && diff->options.excludes(folder_fd, diff->path, name))
			continue;
		int result = check_name(diff, name, depth, err);
		if (result == 0) {
			size_t size = strlen(name);
			if (folder_size)
				diff->path[diff->path_size++] = '/';
			memcpy(diff->path + diff->path_size, name, size + 1);
			diff->path_size += size;
			result = diff_entry(diff, folder_fd, name, depth, err);
		}
		/* On failure the path stays: the message names it. */
		if (result < 0)
			return -1;
		diff->path_size = folder_size;
		diff->path[folder_size] = '\0';
	}
	return 0;
}

static int diff_root(struct diff *diff, int folder_fd, struct error *err)
{
	struct stat status;
	bool is_opaque = false;
	/* It may be an O_PATH descriptor. */
	cleanup_close int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open the layer's folder");
	diff->device = status.st_dev;
	if (add_attributes(diff, fd, false, &is_opaque, err) < 0)
		return -1;
	if (is_opaque && diff->options.form == LAYER_FORM_DIFF && write_mark(diff, WHITEOUT_OPAQUE, &status, err) < 0)
		return -1;
	if (diff_folder(diff, fd, 0, err) < 0) {
		char text[256];
		layer_path_printable(diff->path, text);
		return *text ? error_wrap(err, "\"%s\"", text) : -1;
	}
	return tar_writer_finish(diff->writer, err);
}

/* The one thing behind an O_PATH descriptor, which is pinned: nobody can swap it for another. */
static int pack_pinned(struct diff *diff, int fd, struct error *err)
{
	struct stat status;
	char path[32];
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "look at it");
	diff->device = status.st_dev;
	if (S_ISDIR(status.st_mode))
		return *diff->path ? diff_subfolder(diff, fd, ".", 0, err) : diff_folder(diff, fd, 0, err);
	if (S_ISLNK(status.st_mode))
		return diff_link(diff, fd, "", &status, err);
	if (S_ISSOCK(status.st_mode))
		return error_set(err, ERROR_UNSUPPORTED, "sockets cannot be copied");
	if (!S_ISREG(status.st_mode))
		return diff_device(diff, diff->path, &status, err);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	cleanup_close int file = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return diff_open_file(diff, file, err);
}

int tree_pack(int fd, const char *as, const struct sink *tar, struct error *err)
{
	struct diff *diff = allocate(sizeof *diff);
	diff->options.form = LAYER_FORM_TREE;
	diff->crosses_mounts = true;
	diff->links = layer_links_new();
	int result = strlen(as) >= sizeof diff->path ? error_set(err, ERROR_LIMIT, "the name is too long")
						     : tar_writer_new(tar, &diff->writer, err);
	if (result == 0) {
		diff->path_size = strlen(as);
		memcpy(diff->path, as, diff->path_size + 1);
		result = pack_pinned(diff, fd, err);
	}
	if (result < 0) {
		char text[256];
		layer_path_printable(diff->path, text);
		if (*text)
			error_wrap(err, "\"%s\"", text);
	} else {
		result = tar_writer_finish(diff->writer, err);
	}
	tar_writer_free(diff->writer);
	layer_links_free(diff->links);
	free(diff);
	return result;
}

int layer_diff(int folder_fd, const struct layer_diff_options *options, const struct sink *tar,
	       struct layer_totals *ret_totals, struct error *err)
{
	struct diff *diff = allocate_unset(sizeof *diff);
	memset(diff, 0, offsetof(struct diff, attribute_names));
	diff->options = *options;
	diff->links = layer_links_new();
	int result = tar_writer_new(tar, &diff->writer, err);
	if (result == 0)
		result = diff_root(diff, folder_fd, err);
	if (result < 0)
		error_wrap(err, "pack the layer");
	else if (ret_totals)
		*ret_totals = diff->totals;
	tar_writer_free(diff->writer);
	layer_links_free(diff->links);
	free(diff);
	return result;
}
