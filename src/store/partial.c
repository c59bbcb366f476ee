#include "store/partial.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

static int open_uploads(int root_fd, struct error *err)
{
	cleanup_close int blobs_fd = open_folder_at(root_fd, "blobs", true, 0700, err);
	return blobs_fd < 0 ? -1 : open_folder_at(blobs_fd, "uploads", true, 0700, err);
}

/* Whoever had the lock before us may have removed the file that we opened. */
static bool is_in_place(const struct partial *partial, uint64_t *ret_size)
{
	struct stat named, opened;
	if (fstat(partial->fd, &opened) < 0 ||
	    fstatat(partial->folder_fd, partial->name, &named, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	*ret_size = (uint64_t)opened.st_size;
	return named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

int partial_open(int root_fd, const struct digest *digest, struct partial *ret_partial, struct error *err)
{
	struct digest checked;
	CLEANUP(partial_release) struct partial partial = PARTIAL_INIT;
	if (digest_parse(digest->text, &checked, err) < 0)
		return -1;
	memcpy(partial.name, digest_hex(&checked), PARTIAL_NAME_SIZE - 1);
	partial.folder_fd = open_uploads(root_fd, err);
	if (partial.folder_fd < 0)
		return -1;
	partial.fd = openat(partial.folder_fd, partial.name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (partial.fd < 0)
		return error_set_errno(err, errno, "open blobs/uploads/%s", partial.name);
	if (flock(partial.fd, LOCK_EX | LOCK_NB) < 0 || !is_in_place(&partial, &partial.size)) {
		/* Not ours to tidy up. */
		close(steal_fd(&partial.fd));
		return error_set(err, ERROR_CONFLICT, "another command downloads %s", digest->text);
	}
	*ret_partial = partial;
	partial = PARTIAL_INIT;
	return 0;
}

ssize_t partial_read(const struct partial *partial, uint64_t offset, void *bytes, size_t size, struct error *err)
{
	ssize_t got;
	do
		got = pread(partial->fd, bytes, size, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got < 0 ? error_set_errno(err, errno, "read blobs/uploads/%s", partial->name) : got;
}

void partial_append(struct partial *partial, const void *bytes, size_t size)
{
	for (size_t done = 0; done < size && !partial->is_stopped;) {
		ssize_t put = pwrite(partial->fd, (const char *)bytes + done, size - done, (off_t)partial->size);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			partial->is_stopped = true;
			return;
		}
		done += (size_t)put;
		partial->size += (uint64_t)put;
	}
}

void partial_cut(struct partial *partial, uint64_t size)
{
	if (partial->fd < 0 || size >= partial->size)
		return;
	if (ftruncate(partial->fd, (off_t)size) == 0)
		partial->size = size;
	else
		partial->is_stopped = true;
}

void partial_remove(struct partial *partial)
{
	if (partial->fd >= 0)
		unlinkat(partial->folder_fd, partial->name, 0);
	if (partial->fd >= 0)
		close(partial->fd);
	if (partial->folder_fd >= 0)
		close(partial->folder_fd);
	*partial = PARTIAL_INIT;
}

void partial_release(struct partial *partial)
{
	if (partial->size == 0) {
		partial_remove(partial);
		return;
	}
	close(partial->fd);
	close(partial->folder_fd);
	*partial = PARTIAL_INIT;
}
