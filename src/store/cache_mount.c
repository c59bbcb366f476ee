#include "store/cache_mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

#define NUMBER_LIMIT 1000
#define INFO_LIMIT   64
#define BLOCK	     ((uint64_t)512)

void cache_mount_release(struct cache_mount *mount)
{
	if (mount->data_fd >= 0)
		close(mount->data_fd);
	if (mount->folder_fd >= 0)
		close(mount->folder_fd);
	*mount = CACHE_MOUNT_INIT;
}

static int open_mounts(struct store *store, bool make, struct error *err)
{
	cleanup_close int cache = open_folder_at(store->root_fd, "cache", make, 0700, err);
	return cache < 0 ? -1 : open_folder_at(cache, "mounts", make, 0700, err);
}

/* A prune may have taken it between open and lock: then it has no name any more. */
static bool is_still_there(int mounts_fd, const char *name, int folder_fd)
{
	struct stat named, opened;
	return fstat(folder_fd, &opened) == 0 && fstatat(mounts_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
	       named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

/* Returns the folder, locked; -1 with ERROR_CONFLICT: it is somebody else's now. */
static int lock_folder(int mounts_fd, const char *name, int operation, struct error *err)
{
	for (;;) {
		cleanup_close int folder = open_folder_at(mounts_fd, name, true, 0700, err);
		if (folder < 0)
			return -1;
		if (flock(folder, operation) < 0)
			return errno == EWOULDBLOCK ? error_set(err, ERROR_CONFLICT, "the cache is in use")
			       : errno == EINTR	    ? error_set(err, ERROR_CANCELLED, "interrupted")
						    : error_set_errno(err, errno, "lock a cache");
		if (is_still_there(mounts_fd, name, folder))
			return steal_fd(&folder);
	}
}

static bool read_info(int folder_fd, nanoseconds *ret_created, uint64_t *ret_uses)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(INFO_LIMIT);
	*ret_created = 0;
	*ret_uses = 0;
	char *end;
	if (read_file_at(folder_fd, "info", INFO_LIMIT, &text, NULL) < 0)
		return false;
	*ret_created = strtoll(buffer_text(&text), &end, 10);
	*ret_uses = strtoull(end, NULL, 10);
	return *ret_created > 0;
}

/* For people and prunes, so that a failure is nobody's. */
static void note_use(int folder_fd)
{
	nanoseconds created;
	uint64_t uses;
	char text[INFO_LIMIT];
	if (!read_info(folder_fd, &created, &uses))
		created = time_now();
	int length = snprintf(text, sizeof text, "%lld %llu\n", (long long)created, (unsigned long long)uses + 1);
	cleanup_close int fd = openat(folder_fd, "info", O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		write_full(fd, text, (size_t)length, NULL);
	futimens(folder_fd, NULL);
}

int cache_mount_open(struct store *store, const struct digest *name, enum cache_mount_sharing sharing,
		     struct cache_mount *ret_mount, struct error *err)
{
	static const int operations[] = {LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_EX};
	CLEANUP(cache_mount_release) struct cache_mount mount = CACHE_MOUNT_INIT;
	struct error problem = {.kind = ERROR_NONE};
	cleanup_close int mounts = open_mounts(store, true, err);
	if (mounts < 0)
		return -1;
	for (unsigned number = 0; number < NUMBER_LIMIT && mount.folder_fd < 0; number++) {
		cleanup_free char *folder = format_string("%s.%u", digest_hex(name), number);
		mount.folder_fd = lock_folder(mounts, folder, operations[sharing], &problem);
		if (mount.folder_fd < 0 && problem.kind != ERROR_CONFLICT)
			break;
	}
	if (mount.folder_fd < 0)
		return error_set(err, problem.kind == ERROR_CONFLICT ? ERROR_LIMIT : problem.kind, "%s",
				 problem.message);
	mount.data_fd = openat(mount.folder_fd, "data", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (mount.data_fd < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "open a cache");
	note_use(mount.folder_fd);
	*ret_mount = mount;
	mount = CACHE_MOUNT_INIT;
	return 0;
}

int cache_mount_fill(struct cache_mount *mount, int folder_fd, const char *entry, struct error *err)
{
	if (renameat2(folder_fd, entry, mount->folder_fd, "data", RENAME_NOREPLACE) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "put a cache in place");
	mount->data_fd = openat(mount->folder_fd, "data", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return mount->data_fd < 0 ? error_set_errno(err, errno, "open a cache") : 0;
}

static uint64_t data_bytes(int folder_fd)
{
	struct stat status;
	if (fstatat(folder_fd, "data", &status, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	return S_ISDIR(status.st_mode) ? tree_disk_bytes_at(folder_fd, "data") : (uint64_t)status.st_blocks * BLOCK;
}

int cache_mount_list(struct store *store, struct build_cache_list *list, struct error *err)
{
	int mounts = open_mounts(store, false, err);
	if (mounts < 0) {
		if (err && err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	cleanup_directory DIR *directory = fdopendir(mounts);
	if (!directory) {
		close(mounts);
		return error_set_errno(err, errno, "read the caches");
	}
	const struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct stat status;
		cleanup_close int folder =
			openat(mounts, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (entry->d_name[0] == '.' || folder < 0 || fstat(folder, &status) < 0)
			continue;
		struct build_cache_row row = {.is_mount = true};
		digest_of_bytes(entry->d_name, strlen(entry->d_name), &row.key);
		read_info(folder, &row.added, &row.uses);
		row.used = status.st_mtim.tv_sec * NANOSECONDS_PER_SECOND + status.st_mtim.tv_nsec;
		row.entry.size = data_bytes(folder);
		list->items = reallocate_array(list->items, list->count + 1, sizeof *list->items);
		list->items[list->count++] = row;
	}
	return 0;
}

/* Its folder's name, owned; NULL where none has that key. */
static char *find_name(int mounts_fd, const struct digest *key)
{
	int copy = openat(mounts_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		if (copy >= 0)
			close(copy);
		return NULL;
	}
	const struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct digest digest;
		digest_of_bytes(entry->d_name, strlen(entry->d_name), &digest);
		if (entry->d_name[0] != '.' && digest_equal(&digest, key))
			return duplicate_string(entry->d_name);
	}
	return NULL;
}

int cache_mount_remove(struct store *store, const struct digest *key, struct error *err)
{
	cleanup_close int mounts = open_mounts(store, false, err);
	if (mounts < 0)
		return -1;
	cleanup_free char *name = find_name(mounts, key);
	if (!name)
		return error_set(err, ERROR_NOT_FOUND, "no such cache");
	cleanup_close int folder = lock_folder(mounts, name, LOCK_EX | LOCK_NB, err);
	return folder < 0 ? -1 : remove_tree_at(mounts, name, err);
}
