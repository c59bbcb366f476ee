/* How much a volume holds. What is in there a container wrote: no link is followed, no mount crossed, depth is limited.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/volume.h"

#define DEPTH_LIMIT 256

/* A file with several names counts a share for each of them: together they are the file, but for the rounding. */
static uint64_t share(const struct stat *status)
{
	return S_ISREG(status->st_mode) ? (uint64_t)status->st_size / (uint64_t)status->st_nlink : 0;
}

/* Takes the descriptor over. What goes away meanwhile is nothing. */
static int add_folder(int folder_fd, dev_t device, int depth, uint64_t *total, struct error *err)
{
	cleanup_directory DIR *directory = fdopendir(folder_fd);
	if (!directory) {
		int number = errno;
		close(folder_fd);
		return error_set_errno(err, number, "read a folder");
	}
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct stat status;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		*total += share(&status);
		if (!S_ISDIR(status.st_mode) || status.st_dev != device)
			continue;
		if (depth >= DEPTH_LIMIT)
			return error_set(err, ERROR_LIMIT, "more than %d folders deep", DEPTH_LIMIT);
		int below = openat(dirfd(directory), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (below >= 0 && add_folder(below, device, depth + 1, total, err) < 0)
			return -1;
	}
	return 0;
}

int volume_size(struct store *store, const char *name, uint64_t *ret_bytes, struct error *err)
{
	struct stat status;
	uint64_t total = 0;
	cleanup_close int volumes_fd = open_folder_at(store->root_fd, "volumes", false, 0, err);
	if (volumes_fd < 0)
		return -1;
	int folder = openat(volumes_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (folder < 0)
		return error_set_errno(err, errno, "open volume %s", name);
	if (fstat(folder, &status) < 0) {
		int number = errno;
		close(folder);
		return error_set_errno(err, number, "stat volume %s", name);
	}
	if (add_folder(folder, status.st_dev, 0, &total, err) < 0)
		return error_wrap(err, "size of volume %s", name);
	*ret_bytes = total;
	return 0;
}
