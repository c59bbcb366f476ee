#include "build/content.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/cache.h"
#include "build/match.h"
#include "build/path.h"

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int content_list_folder(int folder_fd, struct string_list *names, struct error *err)
{
	int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (copy < 0)
		return error_set_errno(err, errno, "open folder");
	cleanup_directory DIR *directory = fdopendir(copy);
	if (!directory) {
		close(copy);
		return error_set_errno(err, errno, "read folder");
	}
	size_t allocated = 0;
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry && errno)
			return error_set_errno(err, errno, "read folder");
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (names->count >= CONTENT_ENTRY_LIMIT)
			return error_set(err, ERROR_LIMIT, "a folder holds more than %d entries", CONTENT_ENTRY_LIMIT);
		if (names->count + 1 >= allocated) {
			allocated = allocated ? allocated * 2 : 64;
			names->items = reallocate_array(names->items, allocated, sizeof *names->items);
		}
		names->items[names->count++] = duplicate_string(entry->d_name);
		names->items[names->count] = NULL;
	}
	if (names->count)
		qsort(names->items, names->count, sizeof *names->items, compare_names);
	return 0;
}

bool content_is_visible(const struct content_root *root, const char *path, bool *ret_may_enter)
{
	*ret_may_enter = true;
	if (!root->ignore || !path[0] || !ignore_matches(root->ignore, path))
		return true;
	*ret_may_enter = root->ignore->has_exceptions && ignore_may_hold_exceptions(root->ignore, path);
	return false;
}

bool content_is_excluded(const struct content_root *root, const char *path)
{
	return root->exclude && path[0] && ignore_matches(root->exclude, path);
}

/* Excluded with all that is in it. */
static bool is_excluded_for_good(const struct content_root *root, const char *path)
{
	return content_is_excluded(root, path) &&
	       !(root->exclude->has_exceptions && ignore_may_hold_exceptions(root->exclude, path));
}

static bool holds_exceptions(const struct content_root *root, int folder_fd, const char *real_path, size_t skip,
			     unsigned depth)
{
	cleanup_string_list struct string_list names = {0};
	if (depth > CONTENT_DEPTH_LIMIT || content_list_folder(folder_fd, &names, NULL) < 0)
		return true;
	for (size_t i = 0; i < names.count; i++) {
		cleanup_free char *path = format_string("%s/%s", real_path, names.items[i]);
		bool may_enter;
		bool visible = content_is_visible(root, path, &may_enter);
		if (visible && !content_is_excluded(root, path + skip))
			return true;
		if ((!visible && !may_enter) || is_excluded_for_good(root, path + skip))
			continue;
		cleanup_close int child =
			openat(folder_fd, names.items[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0 ? errno != ENOTDIR && errno != ELOOP
			      : holds_exceptions(root, child, path, skip, depth + 1))
			return true;
	}
	return false;
}

bool content_holds_exceptions(const struct content_root *root, int folder_fd, const char *real_path, size_t skip)
{
	return holds_exceptions(root, folder_fd, real_path, skip, 0);
}

static int not_found(const char *path, bool ignored, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "failed to compute cache key: \"/%s\": not found%s", path,
			 ignored ? ": it is excluded by .dockerignore" : "");
}

int content_open(const struct content_root *root, const char *path, int *ret_fd, struct stat *ret_status,
		 char **ret_real_path, struct error *err)
{
	cleanup_close int fd = open_in_root(root->fd, path[0] ? path : ".", O_PATH, 0);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? not_found(path, false, err)
							   : error_set_errno(err, errno, "open /%s", path);
	if (fstat(fd, ret_status) < 0)
		return error_set_errno(err, errno, "stat /%s", path);
	/* Through a link a path may lead elsewhere in the context; .dockerignore speaks of where it leads. */
	char link[64], base[4096], real[4096];
	snprintf(link, sizeof link, "/proc/self/fd/%d", root->fd);
	ssize_t base_length = root->ignore ? readlink(link, base, sizeof base) : -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t length = base_length < 0 ? -1 : readlink(link, real, sizeof real);
	if (length > base_length && length < (ssize_t)sizeof real && memcmp(real, base, (size_t)base_length) == 0) {
		size_t skip = (size_t)base_length + (real[base_length] == '/');
		*ret_real_path = duplicate_bytes(real + skip, (size_t)length - skip);
	} else {
		*ret_real_path = duplicate_string(path);
	}
	if (S_ISDIR(ret_status->st_mode) || S_ISREG(ret_status->st_mode)) {
		/* O_PATH told what it is without touching it: a FIFO or a device is never opened. */
		int readable = open(link, O_RDONLY | O_CLOEXEC);
		if (readable < 0) {
			free(steal_pointer(ret_real_path));
			return error_set_errno(err, errno, "open /%s", path);
		}
		*ret_fd = readable;
		return 0;
	}
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* One component of a pattern against the names of the folder `base`. */
static int find_component(const struct content_root *root, const char *base, const char *pattern, const char *rest,
			  struct string_list *paths, unsigned depth, struct error *err);

static int find_rest(const struct content_root *root, const char *base, const char *rest, struct string_list *paths,
		     unsigned depth, struct error *err)
{
	if (!rest[0]) {
		bool may_enter;
		if (content_is_visible(root, base, &may_enter) || may_enter)
			string_list_add(paths, base);
		return 0;
	}
	if (depth > CONTENT_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "a pattern is more than %d folders deep", CONTENT_DEPTH_LIMIT);
	size_t length = strcspn(rest, "/");
	cleanup_free char *component = duplicate_bytes(rest, length);
	return find_component(root, base, component, rest + length + (rest[length] == '/'), paths, depth, err);
}

static int find_component(const struct content_root *root, const char *base, const char *component, const char *rest,
			  struct string_list *paths, unsigned depth, struct error *err)
{
	cleanup_match struct match_pattern *pattern = NULL;
	if (match_compile(component, MATCH_GO, &pattern, err) < 0)
		return -1;
	cleanup_close int folder = open_in_root(root->fd, base[0] ? base : ".", O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return 0;
	cleanup_string_list struct string_list names = {0};
	if (content_list_folder(folder, &names, err) < 0)
		return error_wrap(err, "/%s", base);
	for (size_t i = 0; i < names.count; i++) {
		if (!match_test(pattern, names.items[i], strlen(names.items[i])))
			continue;
		cleanup_free char *path = format_string("%s%s%s", base, base[0] ? "/" : "", names.items[i]);
		if (find_rest(root, path, rest, paths, depth + 1, err) < 0)
			return -1;
	}
	return 0;
}

int content_find(const struct content_root *root, const char *text, struct string_list *paths, struct error *err)
{
	cleanup_free char *rooted = format_string("/%s", text);
	cleanup_free char *clean = path_clean(rooted);
	const char *path = clean + 1;
	if (match_has_wildcard(path))
		return find_rest(root, "", path, paths, 0, err);
	cleanup_close int fd = -1;
	cleanup_free char *real = NULL;
	struct stat status;
	if (content_open(root, path, &fd, &status, &real, err) < 0)
		return -1;
	bool may_enter;
	if (!content_is_visible(root, real, &may_enter) && !(may_enter && S_ISDIR(status.st_mode)))
		return not_found(path, true, err);
	string_list_add(paths, path);
	return 0;
}

struct summing {
	const struct content_root *root;
	struct cache_key *key;
	size_t entries;
	struct error *err;
};

#define READ_SIZE ((size_t)32 * 1024)

/* A name. Most are told apart by their beginning. */
struct listed {
	uint64_t beginning; /* its first bytes, the first one as the highest */
	union {
		size_t offset; /* in the folder's bytes, until all are there */
		const char *name;
	};
};

/* The names of one folder, sorted by their bytes. */
struct folder_names {
	struct listed *items;
	size_t count, allocated;
	char *bytes;
	size_t size, room;
};

static void folder_names_release(struct folder_names *names)
{
	free(names->items);
	free(names->bytes);
}

static int compare_listed(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;
	if (left->beginning != right->beginning)
		return left->beginning < right->beginning ? -1 : 1;
	return strcmp(left->name, right->name);
}

static void add_name(struct folder_names *names, const char *name)
{
	size_t length = strlen(name);
	if (names->size + length + 1 > names->room) {
		names->room = 2 * names->room + NAME_MAX + 1;
		names->bytes = reallocate_array(names->bytes, names->room, 1);
	}
	if (names->count == names->allocated) {
		names->allocated = names->allocated ? names->allocated * 2 : 64;
		names->items = reallocate_array(names->items, names->allocated, sizeof *names->items);
	}
	memcpy(names->bytes + names->size, name, length + 1);
	names->items[names->count++] = (struct listed){.offset = names->size};
	names->size += length + 1;
}

/* Read from the descriptor itself, in one allocation for many names. */
static int list_names(int folder_fd, struct folder_names *names, struct error *err)
{
	char entries[READ_SIZE] __attribute__((aligned(8)));
	ssize_t got;
	if (lseek(folder_fd, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "read folder");
	while ((got = getdents64(folder_fd, entries, sizeof entries)) > 0) {
		for (ssize_t at = 0; at < got;) {
			const struct dirent64 *entry = (const struct dirent64 *)(const void *)(entries + at);
			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
				continue;
			if (names->count >= CONTENT_ENTRY_LIMIT)
				return error_set(err, ERROR_LIMIT, "a folder holds more than %d entries",
						 CONTENT_ENTRY_LIMIT);
			add_name(names, entry->d_name);
		}
	}
	if (got < 0)
		return error_set_errno(err, errno, "read folder");
	for (size_t i = 0; i < names->count; i++) {
		struct listed *item = &names->items[i];
		const char *name = names->bytes + item->offset;
		uint64_t beginning = 0;
		memcpy(&beginning, name, strnlen(name, sizeof beginning));
		*item = (struct listed){be64toh(beginning), {.name = name}};
	}
	if (names->count > 1)
		qsort(names->items, names->count, sizeof *names->items, compare_listed);
	return 0;
}

static void add_attributes(struct summing *summing, int fd)
{
	char names[4096], value[4096];
	ssize_t size = flistxattr(fd, names, sizeof names);
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		ssize_t length = fgetxattr(fd, names + at, value, sizeof value);
		cache_key_add_text(summing->key, names + at);
		cache_key_add(summing->key, value, length > 0 ? (size_t)length : 0);
	}
}

static void add_status(struct summing *summing, const char *name, const struct stat *status)
{
	cache_key_add_text(summing->key, name);
	cache_key_add_number(summing->key, status->st_mode);
	if (S_ISCHR(status->st_mode) || S_ISBLK(status->st_mode))
		cache_key_add_number(summing->key, status->st_rdev);
	if (summing->root->keep_owners) {
		cache_key_add_number(summing->key, status->st_uid);
		cache_key_add_number(summing->key, status->st_gid);
	}
}

static int add_file(struct summing *summing, int folder_fd, const char *name, const struct stat *status)
{
	unsigned char digest[32];
	if (!summing->root->keep_owners && memo_find(summing->root->memo, status, digest)) {
		cache_key_add(summing->key, digest, sizeof digest);
		return 0;
	}
	cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat opened;
	if (fd < 0 || fstat(fd, &opened) < 0)
		return error_set_errno(summing->err, errno, "open %s", name);
	if (!S_ISREG(opened.st_mode))
		/* cppcheck-suppress resourceLeak ; closed by its cleanup */
		return error_set(summing->err, ERROR_CONFLICT, "%s changed while it was read", name);
	if (memo_digest_file(summing->root->memo, fd, &opened, digest, summing->err) < 0)
		return error_wrap(summing->err, "%s", name);
	if (summing->root->keep_owners)
		add_attributes(summing, fd);
	cache_key_add(summing->key, digest, sizeof digest);
	return 0;
}

static int add_folder(struct summing *summing, int folder_fd, const char *real_path, size_t skip, unsigned depth);

/* real_path + skip is the path below the source. */
static int add_entry(struct summing *summing, int folder_fd, const char *name, const char *real_path, size_t skip,
		     unsigned depth)
{
	bool may_enter;
	bool visible = content_is_visible(summing->root, real_path, &may_enter);
	if ((!visible && !may_enter) || is_excluded_for_good(summing->root, real_path + skip))
		return 0;
	visible = visible && !content_is_excluded(summing->root, real_path + skip);
	struct stat status;
	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(summing->err, errno, "stat %s", name);
	if (S_ISSOCK(status.st_mode) || (!visible && !S_ISDIR(status.st_mode)))
		return 0;
	cleanup_close int child = -1;
	if (S_ISDIR(status.st_mode)) {
		child = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (child < 0)
			return error_set_errno(summing->err, errno, "open folder %s", name);
		if (!visible && !content_holds_exceptions(summing->root, child, real_path, skip))
			return 0;
	}
	if (++summing->entries > CONTENT_ENTRY_LIMIT)
		return error_set(summing->err, ERROR_LIMIT, "more than %d files", CONTENT_ENTRY_LIMIT);
	add_status(summing, name, &status);
	if (S_ISREG(status.st_mode))
		return add_file(summing, folder_fd, name, &status);
	if (S_ISLNK(status.st_mode)) {
		char target[4096];
		ssize_t length = readlinkat(folder_fd, name, target, sizeof target);
		if (length < 0)
			return error_set_errno(summing->err, errno, "read link %s", name);
		cache_key_add(summing->key, target, (size_t)length);
		return 0;
	}
	if (child >= 0 && add_folder(summing, child, real_path, skip, depth + 1) < 0)
		return error_wrap(summing->err, "%s", name);
	return 0;
}

static int add_folder(struct summing *summing, int folder_fd, const char *real_path, size_t skip, unsigned depth)
{
	if (depth > CONTENT_DEPTH_LIMIT)
		return error_set(summing->err, ERROR_LIMIT, "folders are more than %d deep", CONTENT_DEPTH_LIMIT);
	if (summing->root->keep_owners)
		add_attributes(summing, folder_fd);
	CLEANUP(folder_names_release) struct folder_names names = {0};
	if (list_names(folder_fd, &names, summing->err) < 0)
		return -1;
	size_t length = strlen(real_path);
	cleanup_free char *path = allocate_unset(length + NAME_MAX + 2);
	memcpy(path, real_path, length);
	if (length)
		path[length++] = '/';
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i].name;
		memcpy(path + length, name, strlen(name) + 1);
		if (add_entry(summing, folder_fd, name, path, skip, depth) < 0)
			return -1;
	}
	cache_key_add_text(summing->key, NULL); /* the folder ends */
	return 0;
}

static int add_source(struct summing *summing, const char *path)
{
	cleanup_close int fd = -1;
	cleanup_free char *real = NULL;
	struct stat status;
	if (content_open(summing->root, path, &fd, &status, &real, summing->err) < 0)
		return -1;
	const char *name = strrchr(path, '/');
	name = name ? name + 1 : path;
	if (!S_ISDIR(status.st_mode) && content_is_excluded(summing->root, name))
		return 0;
	add_status(summing, name, &status);
	if (S_ISDIR(status.st_mode))
		return add_folder(summing, fd, real, strlen(real) + (real[0] != '\0'), 0);
	unsigned char digest[32];
	if (S_ISREG(status.st_mode)) {
		if (summing->root->keep_owners)
			add_attributes(summing, fd);
		if (!memo_find(summing->root->memo, &status, digest) &&
		    memo_digest_file(summing->root->memo, fd, &status, digest, summing->err) < 0)
			return -1;
		cache_key_add(summing->key, digest, sizeof digest);
	}
	return 0;
}

int content_digest(const struct content_root *root, const struct string_list *paths, struct digest *ret_digest,
		   struct error *err)
{
	struct summing summing = {.root = root, .key = cache_key_begin(NULL, "content"), .err = err};
	int result = 0;
	for (size_t i = 0; i < paths->count && result == 0; i++) {
		result = add_source(&summing, paths->items[i]);
		if (result < 0 && err && strncmp(err->message, "failed to", 9) != 0)
			error_wrap(err, "failed to compute cache key: /%s", paths->items[i]);
	}
	struct digest digest;
	cache_key_finish(summing.key, &digest);
	if (result == 0)
		*ret_digest = digest;
	return result;
}
