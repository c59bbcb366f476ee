#include "engine/container_copy_place.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"

#define LINKS_MAX 40 /* as the kernel's */

void place_release(struct place *place)
{
	cleanup_close_function(&place->folder_fd);
	cleanup_close_function(&place->fd);
	*place = PLACE_INIT;
}

static int open_place(int root_fd, const char *path, int flags)
{
	return root_fd < 0 ? open(path, flags | O_CLOEXEC) : open_in_root(root_fd, path, flags, 0);
}

static int fail(int number, const char *path, struct error *err)
{
	error_set_errno(err, number, "%s", path);
	if (number == ENOTDIR && err)
		err->kind = ERROR_NOT_FOUND;
	return -1;
}

/* Takes slashes and "/." off the end. */
static void strip(char *path, struct place *place)
{
	for (;;) {
		size_t length = strlen(path);
		bool is_dot = strcmp(path, ".") == 0;
		if (is_dot || (length >= 2 && strcmp(path + length - 2, "/.") == 0)) {
			place->must_be_folder = place->only_contents = true;
			if (is_dot)
				return;
			path[length == 2 ? 1 : length - 2] = '\0';
		} else if (length > 1 && path[length - 1] == '/') {
			place->must_be_folder = true;
			path[length - 1] = '\0';
		} else {
			return;
		}
	}
}

static int set_name(char ret_name[NAME_MAX + 1], const char *name, struct error *err)
{
	if (strlen(name) > NAME_MAX)
		return error_set_errno(err, ENAMETOOLONG, "%s", name);
	memcpy(ret_name, name, strlen(name) + 1);
	return 0;
}

/* "/", "." and "..": a folder whose name is not in the path. */
static int find_root(int root_fd, const char *path, struct place *place, struct error *err)
{
	char link[32], text[PATH_MAX];
	place->fd = open_place(root_fd, path, O_PATH | O_DIRECTORY);
	if (place->fd < 0 || fstat(place->fd, &place->status) < 0)
		return fail(errno, path, err);
	snprintf(link, sizeof link, "/proc/self/fd/%d", place->fd);
	ssize_t size = readlink(link, text, sizeof text - 1);
	if (size < 0)
		return fail(errno, path, err);
	text[size] = '\0';
	const char *slash = strrchr(text, '/');
	/* A root: ours, or the container's. */
	if (!slash || !slash[1] || strcmp(path, "/") == 0)
		place->only_contents = true;
	return set_name(place->name, slash ? slash + 1 : text, err);
}

/* One try: folder, name, and what is there. */
static int find_step(int root_fd, char *path, struct place *place, struct error *err)
{
	char folder[PATH_MAX];
	char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	if (!*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return find_root(root_fd, path, place, err);
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
	place->folder_fd = open_place(root_fd, folder, O_PATH | O_DIRECTORY);
	if (place->folder_fd < 0)
		return fail(errno, path, err);
	if (set_name(place->name, name, err) < 0)
		return -1;
	place->fd = openat(place->folder_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (place->fd < 0)
		return errno == ENOENT ? 0 : fail(errno, path, err);
	return fstat(place->fd, &place->status) < 0 ? fail(errno, path, err) : 0;
}

/* Where the link leads, as a path from the same root. */
static int read_link(const struct place *place, char path[PATH_MAX], struct error *err)
{
	char target[PATH_MAX];
	ssize_t size = readlinkat(place->fd, "", target, sizeof target - 1);
	if (size < 0)
		return fail(errno, path, err);
	target[size] = '\0';
	char *slash = strrchr(path, '/');
	cleanup_free char *joined =
		target[0] == '/' ? duplicate_string(target)
				 : format_string("%.*s%s", slash ? (int)(slash - path + 1) : 0, path, target);
	if (strlen(joined) >= PATH_MAX)
		return fail(ENAMETOOLONG, path, err);
	memcpy(path, joined, strlen(joined) + 1);
	return 0;
}

int place_find(int root_fd, const char *typed, bool follows, struct place *ret_place, struct error *err)
{
	char path[PATH_MAX];
	cleanup_place struct place place = PLACE_INIT;
	if (snprintf(path, sizeof path, "%s%s", root_fd >= 0 && typed[0] != '/' ? "/" : "", typed) >= PATH_MAX)
		return fail(ENAMETOOLONG, typed, err);
	strip(path, &place);
	follows = follows || place.must_be_folder;
	for (int links = 0;; links++) {
		bool only_contents = place.only_contents, must_be_folder = place.must_be_folder;
		if (find_step(root_fd, path, &place, err) < 0)
			return -1;
		if (links == 0)
			memcpy(place.first_name, place.name, sizeof place.name);
		if (place.fd < 0 || !S_ISLNK(place.status.st_mode) || !follows)
			break;
		if (links == LINKS_MAX)
			return fail(ELOOP, typed, err);
		if (read_link(&place, path, err) < 0)
			return -1;
		cleanup_close_function(&place.fd);
		cleanup_close_function(&place.folder_fd);
		place.fd = place.folder_fd = -1;
		strip(path, &place);
		/* What the link's text ends in says nothing of what was asked for. */
		place.only_contents = only_contents;
		place.must_be_folder = must_be_folder;
	}
	*ret_place = place;
	place = PLACE_INIT;
	return 0;
}
