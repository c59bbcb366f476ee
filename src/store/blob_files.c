/*
 * Blobs as files.
 *
 * An upload is a named file under uploads/, because it must be found again by its id after a kill. Its descriptor holds
 * an exclusive flock(2): two requests that append to one upload are refused rather than mixed, and whoever removes
 * stale uploads can tell a living one. After the lock is had the name is compared with the file once more, since the
 * other holder may just have renamed it into a blob, and a blob is never written to.
 *
 * A commit is: compare digests, fsync the file, rename it to its digest, fsync the folder. A blob of that digest that
 * is there already is replaced by the same bytes, which also mends a damaged one and makes it new to a collector that
 * goes by age; who has it open keeps what he has.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/blob.h"
#include "store/boot_folder.h"

#define BLOB_PATH_SIZE	 (DIGEST_TEXT_SIZE + 1)
#define UPLOAD_PATH_SIZE (BLOB_UPLOAD_ID_SIZE + 8)
#define HASH_CHUNK	 ((size_t)128 * 1024)

struct file_store {
	struct blob_store base;
	int folder_fd;
};

struct file_upload {
	struct blob_upload base;
	int fd;
	struct hasher *hasher; /* sha256 over all that was written; NULL once finished */
};

static struct file_store *file_store_of(struct blob_store *store)
{
	return (struct file_store *)store;
}

static struct file_upload *file_upload_of(struct blob_upload *upload)
{
	return (struct file_upload *)upload;
}

/* The digest is parsed once more: nothing else may ever become a path. */
static int blob_path(const struct digest *digest, char path[BLOB_PATH_SIZE], struct error *err)
{
	struct digest checked;
	if (digest_parse(digest->text, &checked, err) < 0)
		return -1;
	snprintf(path, BLOB_PATH_SIZE, "%s/%s", digest_algorithm_name(digest_algorithm_of(&checked)),
		 digest_hex(&checked));
	return 0;
}

static void upload_path(const char *id, char path[UPLOAD_PATH_SIZE])
{
	snprintf(path, UPLOAD_PATH_SIZE, "uploads/%s", id);
}

static int blob_error(const struct digest *digest, const char *what, struct error *err)
{
	if (errno == ENOENT)
		return error_set(err, ERROR_NOT_FOUND, "no such blob: %s", digest->text);
	return error_set_errno(err, errno, "%s blob %s", what, digest->text);
}

static void fill_info(const struct stat *status, struct blob_info *ret_info)
{
	ret_info->size = (uint64_t)status->st_size;
	ret_info->modified = status->st_mtim.tv_sec * NANOSECONDS_PER_SECOND + status->st_mtim.tv_nsec;
}

static int files_stat(struct blob_store *store, const struct digest *digest, struct blob_info *ret_info,
		      struct error *err)
{
	char path[BLOB_PATH_SIZE];
	if (blob_path(digest, path, err) < 0)
		return -1;
	char place[BOOT_PLACE_SIZE];
	struct stat status;
	int result = -1;
	for (unsigned i = 0; result < 0 && (i == 0 || errno == ENOENT) && boot_folder_place(i, path, place); i++)
		result = fstatat(file_store_of(store)->folder_fd, place, &status, AT_SYMLINK_NOFOLLOW);
	if (result < 0)
		return blob_error(digest, "stat", err);
	if (!S_ISREG(status.st_mode))
		return error_set(err, ERROR_CORRUPT, "blob %s is not a file", digest->text);
	fill_info(&status, ret_info);
	return 0;
}

static int files_open(struct blob_store *store, const struct digest *digest, int *ret_fd, struct error *err)
{
	char path[BLOB_PATH_SIZE];
	if (blob_path(digest, path, err) < 0)
		return -1;
	char place[BOOT_PLACE_SIZE];
	int fd = -1;
	for (unsigned i = 0; fd < 0 && (i == 0 || errno == ENOENT) && boot_folder_place(i, path, place); i++)
		fd = openat(file_store_of(store)->folder_fd, place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return blob_error(digest, "open", err);
	*ret_fd = fd;
	return 0;
}

static int files_remove(struct blob_store *store, const struct digest *digest, struct error *err)
{
	char path[BLOB_PATH_SIZE];
	if (blob_path(digest, path, err) < 0)
		return -1;
	if (unlinkat(file_store_of(store)->folder_fd, path, 0) < 0)
		return blob_error(digest, "remove", err);
	return 0;
}

/* NULL with errno ENOENT where the folder was never made. */
static DIR *open_listing(int folder_fd, const char *name)
{
	int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return NULL;
	DIR *directory = fdopendir(fd);
	if (!directory)
		close(fd);
	return directory;
}

static int list_algorithm(struct file_store *files, enum digest_algorithm algorithm,
			  int (*visit)(void *context, const struct digest *digest, const struct blob_info *info,
				       struct error *err),
			  void *context, struct error *err)
{
	const char *name = digest_algorithm_name(algorithm);
	cleanup_directory DIR *directory = open_listing(files->folder_fd, name);
	if (!directory)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "read folder %s", name);
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry)
			return errno ? error_set_errno(err, errno, "read folder %s", name) : 0;
		struct digest digest;
		char text[NAME_MAX + 16];
		snprintf(text, sizeof text, "%s:%s", name, entry->d_name);
		if (digest_parse(text, &digest, NULL) < 0)
			continue;
		struct stat status;
		if (fstatat(dirfd(directory), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
			if (errno == ENOENT) /* removed by another in the meantime */
				continue;
			return error_set_errno(err, errno, "stat blob %s", text);
		}
		if (!S_ISREG(status.st_mode))
			continue;
		struct blob_info info;
		fill_info(&status, &info);
		if (visit(context, &digest, &info, err) < 0)
			return -1;
	}
}

static int files_list(struct blob_store *store,
		      int (*visit)(void *context, const struct digest *digest, const struct blob_info *info,
				   struct error *err),
		      void *context, struct error *err)
{
	for (int algorithm = 0; algorithm < DIGEST_ALGORITHM_COUNT; algorithm++)
		if (list_algorithm(file_store_of(store), (enum digest_algorithm)algorithm, visit, context, err) < 0)
			return -1;
	return 0;
}

static void upload_free(struct file_upload *upload)
{
	if (upload->fd >= 0)
		close(upload->fd);
	hasher_free(upload->hasher);
	free(upload);
}

static int hash_file(int fd, struct hasher *hasher, uint64_t *ret_size, struct error *err)
{
	cleanup_free char *chunk = allocate(HASH_CHUNK);
	uint64_t offset = 0;
	for (;;) {
		ssize_t got = pread(fd, chunk, HASH_CHUNK, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(err, errno, "read");
		if (got == 0)
			break;
		hasher_update(hasher, chunk, (size_t)got);
		offset += (uint64_t)got;
	}
	*ret_size = offset;
	return 0;
}

/* Hashes anew what is in the file, after a resume or a commit that failed. */
static int upload_rehash(struct file_upload *upload, struct error *err)
{
	uint64_t size;
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	if (hash_file(upload->fd, hasher, &size, err) < 0)
		return error_wrap(err, "upload %s", upload->base.id);
	if (lseek(upload->fd, (off_t)size, SEEK_SET) < 0)
		return error_set_errno(err, errno, "upload %s: seek", upload->base.id);
	upload->base.offset = size;
	hasher_free(upload->hasher);
	upload->hasher = steal_pointer(&hasher);
	return 0;
}

static int upload_create(struct file_store *files, struct file_upload *upload, struct error *err)
{
	char path[UPLOAD_PATH_SIZE];
	if (mkdirat(files->folder_fd, "uploads", 0700) < 0 && errno != EEXIST)
		return error_set_errno(err, errno, "make folder uploads");
	random_hex(upload->base.id, BLOB_UPLOAD_ID_SIZE - 1);
	upload_path(upload->base.id, path);
	upload->fd = openat(files->folder_fd, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (upload->fd < 0)
		return error_set_errno(err, errno, "begin upload %s", upload->base.id);
	if (flock(upload->fd, LOCK_EX | LOCK_NB) < 0) {
		error_set_errno(err, errno, "lock upload %s", upload->base.id);
		unlinkat(files->folder_fd, path, 0);
		return -1;
	}
	upload->hasher = hasher_new(DIGEST_SHA256);
	return 0;
}

static int upload_resume(struct file_store *files, const char *id, struct file_upload *upload, struct error *err)
{
	if (!blob_upload_id_is_valid(id))
		return error_set(err, ERROR_NOT_FOUND, "no such upload: an upload's id has 32 hexadecimal digits");
	memcpy(upload->base.id, id, BLOB_UPLOAD_ID_SIZE);
	char path[UPLOAD_PATH_SIZE];
	upload_path(id, path);
	upload->fd = openat(files->folder_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (upload->fd < 0)
		return errno == ENOENT ? error_set(err, ERROR_NOT_FOUND, "no such upload: %s", id)
				       : error_set_errno(err, errno, "open upload %s", id);
	if (flock(upload->fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
			       ? error_set(err, ERROR_CONFLICT, "upload %s is in use by another writer", id)
			       : error_set_errno(err, errno, "lock upload %s", id);
	struct stat named, opened;
	if (fstat(upload->fd, &opened) < 0)
		return error_set_errno(err, errno, "stat upload %s", id);
	if (fstatat(files->folder_fd, path, &named, AT_SYMLINK_NOFOLLOW) < 0 || named.st_ino != opened.st_ino ||
	    named.st_dev != opened.st_dev)
		return error_set(err, ERROR_NOT_FOUND, "no such upload: %s", id);
	return upload_rehash(upload, err);
}

static int files_upload_open(struct blob_store *store, const char *id, struct blob_upload **ret_upload,
			     struct error *err)
{
	struct file_upload *upload = allocate(sizeof *upload);
	upload->base.store = store;
	upload->fd = -1;
	int result = id ? upload_resume(file_store_of(store), id, upload, err)
			: upload_create(file_store_of(store), upload, err);
	if (result < 0) {
		upload_free(upload);
		return -1;
	}
	*ret_upload = &upload->base;
	return 0;
}

static int files_upload_append(struct blob_upload *base, const void *bytes, size_t size, struct error *err)
{
	struct file_upload *upload = file_upload_of(base);
	if (!upload->hasher && upload_rehash(upload, err) < 0)
		return -1;
	if (write_full(upload->fd, bytes, size, err) < 0) {
		/* A part may have been written. The offset that was told stays true. */
		if (ftruncate(upload->fd, (off_t)base->offset) == 0)
			lseek(upload->fd, (off_t)base->offset, SEEK_SET);
		return error_wrap(err, "upload %s", base->id);
	}
	hasher_update(upload->hasher, bytes, size);
	base->offset += size;
	return 0;
}

static int verify_upload(struct file_upload *upload, const struct digest *expected, struct error *err)
{
	struct digest found;
	enum digest_algorithm algorithm = digest_algorithm_of(expected);
	if (algorithm == DIGEST_SHA256) {
		if (!upload->hasher && upload_rehash(upload, err) < 0)
			return -1;
		hasher_finish(upload->hasher, &found);
		hasher_free(upload->hasher);
		upload->hasher = NULL;
	} else {
		uint64_t size;
		cleanup_hasher struct hasher *hasher = hasher_new(algorithm);
		if (hash_file(upload->fd, hasher, &size, err) < 0)
			return error_wrap(err, "upload %s", upload->base.id);
		hasher_finish(hasher, &found);
	}
	if (!digest_equal(&found, expected))
		return error_set(err, ERROR_CORRUPT, "digest mismatch: %s was announced, the %" PRIu64 " bytes are %s",
				 expected->text, upload->base.offset, found.text);
	return 0;
}

/* The folder of an algorithm, made durable where it is new. */
static int open_algorithm_folder(struct file_store *files, enum digest_algorithm algorithm, struct error *err)
{
	const char *name = digest_algorithm_name(algorithm);
	if (mkdirat(files->folder_fd, name, 0700) == 0) {
		if (sync_fd(files->folder_fd, err) < 0)
			return -1;
	} else if (errno != EEXIST) {
		return error_set_errno(err, errno, "make folder %s", name);
	}
	return open_folder_at(files->folder_fd, name, false, 0, err);
}

static int files_refresh(struct blob_store *store, const struct digest *digest, struct error *err)
{
	char path[BLOB_PATH_SIZE];
	if (blob_path(digest, path, err) < 0)
		return -1;
	struct file_store *files = file_store_of(store);
	if (utimensat(files->folder_fd, path, NULL, AT_SYMLINK_NOFOLLOW) < 0)
		return blob_error(digest, "refresh", err);
	/* Whoever put it there may not have synced the folder yet. Costs nothing where that is long done. */
	cleanup_close int algorithm_fd = open_algorithm_folder(files, digest_algorithm_of(digest), err);
	return algorithm_fd < 0 ? -1 : sync_fd(algorithm_fd, err);
}

static int files_upload_commit(struct blob_upload *base, const struct digest *digest, struct error *err)
{
	struct file_upload *upload = file_upload_of(base);
	struct file_store *files = file_store_of(base->store);
	char to[BLOB_PATH_SIZE], from[UPLOAD_PATH_SIZE];
	if (blob_path(digest, to, err) < 0 || verify_upload(upload, digest, err) < 0)
		return -1;
	upload_path(base->id, from);
	cleanup_close int algorithm_fd = open_algorithm_folder(files, digest_algorithm_of(digest), err);
	if (algorithm_fd < 0)
		return -1;
	/* The modification time tells when the blob was committed. */
	if (futimens(upload->fd, NULL) < 0)
		return error_set_errno(err, errno, "set time of upload %s", base->id);
	if (sync_fd(upload->fd, err) < 0)
		return error_wrap(err, "upload %s", base->id);
	if (renameat(files->folder_fd, from, files->folder_fd, to) < 0)
		return error_set_errno(err, errno, "put blob %s in place", digest->text);
	if (sync_fd(algorithm_fd, err) < 0)
		return error_wrap(err, "blob %s", digest->text);
	upload_free(upload);
	return 0;
}

static void files_upload_abort(struct blob_upload *base)
{
	char path[UPLOAD_PATH_SIZE];
	upload_path(base->id, path);
	unlinkat(file_store_of(base->store)->folder_fd, path, 0);
	upload_free(file_upload_of(base));
}

static int files_upload_keep(struct blob_upload *base, const struct digest *digest, struct error *err)
{
	struct file_upload *upload = file_upload_of(base);
	const struct file_store *files = file_store_of(base->store);
	char from[UPLOAD_PATH_SIZE];
	struct blob_info known;
	if (!boot_folder_name())
		return files_upload_commit(base, digest, err);
	if (verify_upload(upload, digest, err) < 0)
		return -1;
	if (files_stat(base->store, digest, &known, NULL) == 0) {
		files_upload_abort(base);
		return 0;
	}
	cleanup_close int folder_fd = boot_folder_open(files->folder_fd, digest_algorithm_of(digest), err);
	if (folder_fd < 0)
		return -1;
	upload_path(base->id, from);
	if (futimens(upload->fd, NULL) < 0)
		return error_set_errno(err, errno, "set time of upload %s", base->id);
	if (renameat(files->folder_fd, from, folder_fd, digest_hex(digest)) < 0)
		return error_set_errno(err, errno, "put blob %s in place", digest->text);
	upload_free(upload);
	return 0;
}

static void files_upload_suspend(struct blob_upload *base)
{
	upload_free(file_upload_of(base));
}

static int expire_one(int uploads_fd, const char *name, nanoseconds before, uint64_t *count, struct error *err)
{
	cleanup_close int fd = openat(uploads_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status) < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open upload %s", name);
	struct blob_info info;
	fill_info(&status, &info);
	if (info.modified >= before)
		return 0;
	/* Its writer lives. */
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? 0 : error_set_errno(err, errno, "lock upload %s", name);
	if (unlinkat(uploads_fd, name, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove upload %s", name);
	(*count)++;
	return 0;
}

static int files_uploads_expire(struct blob_store *store, nanoseconds before, uint64_t *ret_count, struct error *err)
{
	uint64_t count = 0;
	cleanup_directory DIR *directory = open_listing(file_store_of(store)->folder_fd, "uploads");
	if (!directory && errno != ENOENT)
		return error_set_errno(err, errno, "read folder uploads");
	while (directory) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry) {
			if (errno)
				return error_set_errno(err, errno, "read folder uploads");
			break;
		}
		if (!blob_upload_id_is_valid(entry->d_name))
			continue;
		if (expire_one(dirfd(directory), entry->d_name, before, &count, err) < 0)
			return -1;
	}
	*ret_count = count;
	return 0;
}

static void files_free(struct blob_store *store)
{
	close(file_store_of(store)->folder_fd);
	free(store);
}

static const struct blob_store_operations file_operations = {
	.stat = files_stat,
	.open = files_open,
	.remove = files_remove,
	.list = files_list,
	.upload_open = files_upload_open,
	.upload_append = files_upload_append,
	.upload_commit = files_upload_commit,
	.upload_keep = files_upload_keep,
	.upload_abort = files_upload_abort,
	.upload_suspend = files_upload_suspend,
	.free = files_free,
	.refresh = files_refresh,
	.uploads_expire = files_uploads_expire,
};

int blob_store_open_files(int folder_fd, struct blob_store **ret_store, struct error *err)
{
	int copy = fcntl(folder_fd, F_DUPFD_CLOEXEC, 3);
	if (copy < 0)
		return error_set_errno(err, errno, "duplicate the descriptor of the blobs' folder");
	struct file_store *files = allocate(sizeof *files);
	files->base.operations = &file_operations;
	files->folder_fd = copy;
	*ret_store = &files->base;
	return 0;
}
