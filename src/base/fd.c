#include "base/fd.h"

#include <linux/openat2.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/interrupt.h"
#include "base/memory.h"

#define TREE_DEPTH_LIMIT 512
#define BLOCK_SIZE	 512 /* of st_blocks */

ssize_t read_some(int fd, void *bytes, size_t size)
{
	ssize_t got;
	do
		got = read(fd, bytes, size);
	while (got < 0 && errno == EINTR);
	return got;
}

int write_full(int fd, const void *bytes, size_t size, struct error *err)
{
	const char *from = bytes;
	while (size > 0) {
		ssize_t put = write(fd, from, size);
		if (put < 0) {
			if (errno == EINTR)
				continue;
			return error_set_errno(err, errno, "write");
		}
		from += put;
		size -= (size_t)put;
	}
	return 0;
}

int read_full(int fd, void *bytes, size_t size, struct error *err)
{
	char *to = bytes;
	while (size > 0) {
		ssize_t got = read_some(fd, to, size);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			return error_set(err, ERROR_CORRUPT, "the end came %zu bytes early", size);
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

static int open_resolved(int root_fd, const char *path, int flags, mode_t mode, uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_CLOEXEC),
		/* The kernel refuses a mode where nothing can be made. */
		.mode = flags & (O_CREAT | O_TMPFILE) & ~O_DIRECTORY ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	/* EAGAIN: a rename elsewhere made the kernel unsure of a ".."; it asks to be asked again. */
	for (int tries = 0; tries < 64; tries++) {
		long fd = syscall(SYS_openat2, root_fd, path, &how, sizeof how);
		if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
			return (int)fd;
	}
	return -1;
}

int open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
	return open_resolved(root_fd, path, flags, mode, RESOLVE_IN_ROOT);
}

int open_beneath(int root_fd, const char *path, int flags)
{
	return open_resolved(root_fd, path, flags, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

int make_folders_in_root(int root_fd, const char *path, mode_t mode)
{
	cleanup_free char *copy = duplicate_string(path);
	cleanup_close int folder = open_in_root(root_fd, ".", O_PATH | O_DIRECTORY, 0);
	if (folder < 0)
		return -1;
	/* Each prefix is resolved anew from the root, so that a link on the way is followed inside the root. */
	for (char *end = copy;; end++) {
		if (*end != '/' && *end != '\0')
			continue;
		char kept = *end;
		*end = '\0';
		if (end > copy && end[-1] != '/') {
			int next = open_in_root(root_fd, copy, O_PATH | O_DIRECTORY, 0);
			if (next < 0 && errno == ENOENT) {
				const char *name = strrchr(copy, '/');
				name = name ? name + 1 : copy;
				if (mkdirat(folder, name, mode) < 0 && errno != EEXIST)
					return -1;
				next = open_in_root(root_fd, copy, O_PATH | O_DIRECTORY, 0);
			}
			if (next < 0)
				return -1;
			close(folder);
			folder = next;
		}
		if (kept == '\0')
			return steal_fd(&folder);
		*end = kept;
	}
}

int open_folder_at(int dir_fd, const char *name, bool make, mode_t mode, struct error *err)
{
	if (make && mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s", name);
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? error_set_errno(err, errno, "open folder %s", name) : fd;
}

int open_folder(const char *path, bool make, mode_t mode, struct error *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0)
		return fd;
	if (errno != ENOENT || !make)
		return error_set_errno(err, errno, "open folder %s", path);
	cleanup_free char *copy = duplicate_string(path);
	for (char *at = copy + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return error_set_errno(err, errno, "make folder %s", copy);
		*at = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder %s", copy);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? error_set_errno(err, errno, "open folder %s", path) : fd;
}

int read_fd(int fd, size_t limit, struct buffer *ret, struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(limit);
	char chunk[16384];
	for (;;) {
		ssize_t got = read_some(fd, chunk, sizeof chunk);
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			break;
		if (buffer_append(&text, chunk, (size_t)got, err) < 0)
			return -1;
	}
	*ret = text;
	text = BUFFER_INIT(0);
	return 0;
}

int read_file_at(int dir_fd, const char *path, size_t limit, struct buffer *ret, struct error *err)
{
	cleanup_close int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	if (read_fd(fd, limit, ret, err) < 0)
		return error_wrap(err, "%s", path);
	return 0;
}

int write_kernel_file_at(int dir_fd, const char *path, const char *text, struct error *err)
{
	cleanup_close int fd = openat(dir_fd, path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", path);
	ssize_t put;
	do
		put = write(fd, text, strlen(text));
	while (put < 0 && errno == EINTR);
	if (put < 0)
		return error_set_errno(err, errno, "write \"%s\" to %s", text, path);
	return 0;
}

/* A call that copies more could not be interrupted for seconds. */
#define COPY_STEP ((size_t)64 * 1024 * 1024)

/* One run of data, with copy_file_range where the file systems can and sendfile elsewhere. */
static int copy_range(int from_fd, int to_fd, off_t offset, off_t end, struct error *err)
{
	if (lseek(to_fd, offset, SEEK_SET) < 0)
		return error_set_errno(err, errno, "seek");
	bool whole_range = true;
	while (offset < end) {
		size_t left = (size_t)(end - offset);
		if (interrupt_check(err) < 0)
			return -1;
		left = left < COPY_STEP ? left : COPY_STEP;
		ssize_t put = whole_range ? copy_file_range(from_fd, &offset, to_fd, NULL, left, 0)
					  : sendfile(to_fd, from_fd, &offset, left);
		if (put < 0 && whole_range &&
		    (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS)) {
			whole_range = false;
			continue;
		}
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return error_set_errno(err, errno, "copy");
		if (put == 0)
			break;
	}
	return 0;
}

int copy_file_data(int from_fd, int to_fd, struct error *err)
{
	struct stat status;
	if (fstat(from_fd, &status) < 0)
		return error_set_errno(err, errno, "stat");
	off_t data = 0;
	while (data < status.st_size) {
		off_t start = lseek(from_fd, data, SEEK_DATA);
		if (start < 0 && errno == ENXIO)
			break;
		if (start < 0)
			start = data;
		off_t hole = lseek(from_fd, start, SEEK_HOLE);
		if (hole < 0)
			hole = status.st_size;
		if (copy_range(from_fd, to_fd, start, hole, err) < 0)
			return -1;
		data = hole;
	}
	if (ftruncate(to_fd, status.st_size) < 0)
		return error_set_errno(err, errno, "set size");
	return 0;
}

static int remove_entries(int folder_fd, dev_t device, struct error *err);

static int remove_entry(int dir_fd, const char *name, dev_t device, struct error *err)
{
	if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return error_set_errno(err, errno, "remove %s", name);
	cleanup_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open folder %s", name);
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "stat %s", name);
	if (status.st_dev != device)
		return error_set(err, ERROR_CONFLICT, "remove %s: something is mounted there", name);
	if (remove_entries(fd, device, err) < 0)
		return error_wrap(err, "%s", name);
	if (unlinkat(dir_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove folder %s", name);
	return 0;
}

static int remove_entries(int folder_fd, dev_t device, struct error *err)
{
	int copy = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		error_set_errno(err, errno, "read folder");
		if (copy >= 0)
			close(copy);
		return -1;
	}
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry)
			return errno ? error_set_errno(err, errno, "read folder") : 0;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_entry(folder_fd, entry->d_name, device, err) < 0)
			return -1;
	}
}

int remove_tree_at(int dir_fd, const char *name, struct error *err)
{
	struct stat status;
	if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "stat %s", name);
	return remove_entry(dir_fd, name, status.st_dev, err);
}

static uint64_t tree_bytes_below(int dir_fd, const char *name, int depth)
{
	struct stat status;
	if (depth > TREE_DEPTH_LIMIT || fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	uint64_t total = (uint64_t)status.st_blocks * BLOCK_SIZE;
	if (!S_ISDIR(status.st_mode))
		return total;
	int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_directory DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (!directory) {
		if (fd >= 0)
			close(fd);
		return total;
	}
	for (struct dirent *entry; (entry = readdir(directory));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			total += tree_bytes_below(fd, entry->d_name, depth + 1);
	return total;
}

uint64_t tree_disk_bytes_at(int dir_fd, const char *name)
{
	return tree_bytes_below(dir_fd, name, 0);
}

int sync_fd(int fd, struct error *err)
{
	return fsync(fd) < 0 ? error_set_errno(err, errno, "sync") : 0;
}

int scratch_file(struct error *err)
{
	const char *folder = getenv("TMPDIR");
	if (!folder || !*folder)
		folder = "/var/tmp";
	int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (errno != EOPNOTSUPP && errno != EISDIR)
		return error_set_errno(err, errno, "make a file in %s", folder);
	cleanup_free char *name = format_string("%s/coracle-XXXXXX", folder);
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "make a file in %s", folder);
	unlink(name);
	return fd;
}
