#include "runtime/copy_up.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

#define DEPTH_LIMIT	 64
#define ATTRIBUTE_LIMIT	 65536 /* XATTR_SIZE_MAX and XATTR_LIST_MAX */
#define HARD_LINKS_LIMIT 4096  /* beyond: copies of their own */

/* Files with more than one name that have been copied: where the first copy is. */
struct hard_link {
	ino_t inode;
	dev_t device;
	char *path; /* below the volume */
};

struct copy_state {
	int volume_fd;
	struct hard_link *links;
	size_t link_count;
	char *attributes; /* room for two times ATTRIBUTE_LIMIT */
};

static int copy_attributes(struct copy_state *state, int from_fd, int to_fd, const char *name, struct error *err)
{
	ssize_t size = flistxattr(from_fd, state->attributes, ATTRIBUTE_LIMIT);
	if (size < 0)
		return errno == EOPNOTSUPP ? 0 : error_set_errno(err, errno, "list the attributes of %s", name);
	char *value = state->attributes + ATTRIBUTE_LIMIT;
	for (const char *key = state->attributes; key < state->attributes + size; key += strlen(key) + 1) {
		/* Overlayfs' own say nothing outside of it. */
		if (strncmp(key, "trusted.overlay.", 16) == 0)
			continue;
		ssize_t length = fgetxattr(from_fd, key, value, ATTRIBUTE_LIMIT);
		if (length < 0)
			return error_set_errno(err, errno, "read the attribute %s of %s", key, name);
		if (fsetxattr(to_fd, key, value, (size_t)length, 0) < 0 && errno != EOPNOTSUPP)
			return error_set_errno(err, errno, "set the attribute %s of %s", key, name);
	}
	return 0;
}

/* Owner first: a change of owner takes the set-user-id bit and file capabilities away. */
static int copy_metadata(struct copy_state *state, int from_fd, int to_fd, const struct stat *status, const char *name,
			 struct error *err)
{
	if (fchown(to_fd, status->st_uid, status->st_gid) < 0)
		return error_set_errno(err, errno, "set the owner of %s", name);
	if (fchmod(to_fd, status->st_mode & 07777) < 0)
		return error_set_errno(err, errno, "set the mode of %s", name);
	if (copy_attributes(state, from_fd, to_fd, name, err) < 0)
		return -1;
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	return futimens(to_fd, times) < 0 ? error_set_errno(err, errno, "set the time of %s", name) : 0;
}

static int copy_file(struct copy_state *state, int from_dir, int to_dir, const char *name, const struct stat *status,
		     struct error *err)
{
	cleanup_close int from = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (from < 0)
		return error_set_errno(err, errno, "open %s", name);
	cleanup_close int to = openat(to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return error_set_errno(err, errno, "make %s", name);
	if (copy_file_data(from, to, err) < 0)
		return error_wrap(err, "%s", name);
	return copy_metadata(state, from, to, status, name, err);
}

static int copy_special(int from_dir, int to_dir, const char *name, const struct stat *status, struct error *err)
{
	if (S_ISLNK(status->st_mode)) {
		char target[PATH_MAX];
		ssize_t length = readlinkat(from_dir, name, target, sizeof target - 1);
		if (length < 0)
			return error_set_errno(err, errno, "read the link %s", name);
		target[length] = '\0';
		if (symlinkat(target, to_dir, name) < 0)
			return error_set_errno(err, errno, "make the link %s", name);
	} else if (mknodat(to_dir, name, status->st_mode, status->st_rdev) < 0) {
		return error_set_errno(err, errno, "make %s", name);
	}
	if (fchownat(to_dir, name, status->st_uid, status->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set the owner of %s", name);
	const struct timespec times[2] = {status->st_atim, status->st_mtim};
	if (!S_ISLNK(status->st_mode) && fchmodat(to_dir, name, status->st_mode & 07777, 0) < 0)
		return error_set_errno(err, errno, "set the mode of %s", name);
	if (utimensat(to_dir, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set the time of %s", name);
	return 0;
}

/* 1: was a further name of a file that is there already. */
static int link_if_known(struct copy_state *state, int to_dir, const char *path, const char *name,
			 const struct stat *status, struct error *err)
{
	if (S_ISDIR(status->st_mode) || status->st_nlink < 2)
		return 0;
	for (size_t i = 0; i < state->link_count; i++) {
		if (state->links[i].inode != status->st_ino || state->links[i].device != status->st_dev)
			continue;
		if (linkat(state->volume_fd, state->links[i].path, to_dir, name, 0) < 0)
			return error_set_errno(err, errno, "link %s", name);
		return 1;
	}
	if (state->link_count < HARD_LINKS_LIMIT)
		state->links[state->link_count++] = (struct hard_link){
			.inode = status->st_ino, .device = status->st_dev, .path = duplicate_string(path)};
	return 0;
}

static int copy_entries(struct copy_state *state, int from_fd, int to_fd, const char *prefix, int depth,
			struct error *err);

static int copy_entry(struct copy_state *state, int from_dir, int to_dir, const char *prefix, const char *name,
		      int depth, struct error *err)
{
	struct stat status;
	if (fstatat(from_dir, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "look at %s", name);
	cleanup_free char *path = format_string("%s%s", prefix, name);
	int known = link_if_known(state, to_dir, path, name, &status, err);
	if (known != 0)
		return known < 0 ? -1 : 0;
	if (S_ISREG(status.st_mode))
		return copy_file(state, from_dir, to_dir, name, &status, err);
	if (!S_ISDIR(status.st_mode))
		return copy_special(from_dir, to_dir, name, &status, err);
	if (depth == DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "%s: folders are more than %d deep", path, DEPTH_LIMIT);
	if (mkdirat(to_dir, name, 0700) < 0)
		return error_set_errno(err, errno, "make the folder %s", name);
	cleanup_close int from = openat(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return error_set_errno(err, errno, "open the folder %s", name);
	cleanup_free char *below = format_string("%s/", path);
	if (copy_entries(state, from, to, below, depth + 1, err) < 0)
		return -1;
	return copy_metadata(state, from, to, &status, name, err);
}

static DIR *open_directory(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory && copy >= 0)
		close(copy);
	return directory;
}

static struct dirent *next_entry(DIR *directory)
{
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry || (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0))
			return entry;
	}
}

static int copy_entries(struct copy_state *state, int from_fd, int to_fd, const char *prefix, int depth,
			struct error *err)
{
	cleanup_directory DIR *directory = open_directory(from_fd);
	if (!directory)
		return error_set_errno(err, errno, "read the folder %s", prefix);
	struct dirent *entry;
	while ((entry = next_entry(directory))) {
		if (copy_entry(state, from_fd, to_fd, prefix, entry->d_name, depth, err) < 0)
			return -1;
	}
	return errno ? error_set_errno(err, errno, "read the folder %s", prefix) : 0;
}

int copy_up_folder(int from_fd, int to_fd, struct error *err)
{
	{
		cleanup_directory DIR *directory = open_directory(to_fd);
		if (!directory)
			return error_set_errno(err, errno, "read the volume");
		struct dirent *entry = next_entry(directory);
		if (entry)
			return 0;
	}
	struct stat status;
	if (fstat(from_fd, &status) < 0)
		return error_set_errno(err, errno, "look at the image's folder");
	struct copy_state state = {
		.volume_fd = to_fd,
		.links = allocate_array(HARD_LINKS_LIMIT, sizeof(struct hard_link)),
		.attributes = allocate((size_t)2 * ATTRIBUTE_LIMIT),
	};
	int result = copy_entries(&state, from_fd, to_fd, "", 0, err);
	if (result == 0)
		result = copy_metadata(&state, from_fd, to_fd, &status, ".", err);
	for (size_t i = 0; i < state.link_count; i++)
		free(state.links[i].path);
	free(state.links);
	free(state.attributes);
	return result;
}
