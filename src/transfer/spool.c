#include "transfer/spool.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "archive/compression.h"
#include "archive/member_path.h"
#include "archive/tar_reader.h"
#include "base/fd.h"
#include "transfer/cancel.h"

#define LINKS_LIMIT 8

static struct spool *spool_of(struct blob_store *store)
{
	return (struct spool *)store; /* its first member */
}

static const struct spool_file *find_digest(const struct spool *spool, const struct digest *digest)
{
	for (size_t i = 0; i < spool->count; i++)
		if (!spool->files[i].target && digest_equal(&spool->files[i].digest, digest))
			return &spool->files[i];
	return NULL;
}

static int spool_stat(struct blob_store *store, const struct digest *digest, struct blob_info *ret_info,
		      struct error *err)
{
	const struct spool_file *file = find_digest(spool_of(store), digest);
	if (!file)
		return error_set(err, ERROR_NOT_FOUND, "no such blob: %s", digest->text);
	*ret_info = (struct blob_info){.size = file->size};
	return 0;
}

/* A descriptor with an offset of its own: several may read one member. */
static int spool_open(struct blob_store *store, const struct digest *digest, int *ret_fd, struct error *err)
{
	const struct spool_file *file = find_digest(spool_of(store), digest);
	if (!file)
		return error_set(err, ERROR_NOT_FOUND, "no such blob: %s", digest->text);
	cleanup_free char *path = format_string("/proc/self/fd/%d", file->fd);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open member %s again", file->path);
	*ret_fd = fd;
	return 0;
}

static const struct blob_store_operations spool_operations = {.stat = spool_stat, .open = spool_open};

/* Each member holds a descriptor. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static int write_member(struct spool_file *file, struct tar_reader *reader, struct error *err)
{
	bool is_sha512 = strncmp(file->path, "blobs/sha512/", 13) == 0;
	cleanup_hasher struct hasher *hasher = hasher_new(is_sha512 ? DIGEST_SHA512 : DIGEST_SHA256);
	struct tar_block block;
	int more;
	file->fd = scratch_file(err);
	if (file->fd < 0)
		return -1;
	while ((more = tar_reader_data(reader, &block, err)) > 0) {
		if (cancel_is_requested())
			return cancel_error(err);
		if (block.size > 0 && block.offset != file->size)
			return error_set(err, ERROR_INVALID, "\"%.200s\" of the archive is a sparse file", file->path);
		if (write_full(file->fd, block.bytes, block.size, err) < 0)
			return -1;
		hasher_update(hasher, block.bytes, block.size);
		file->size += block.size;
	}
	hasher_finish(hasher, &file->digest);
	return more;
}

static int read_member(struct spool *spool, struct tar_reader *reader, struct archive_entry *entry, struct error *err)
{
	const char *name = archive_entry_pathname(entry);
	const char *hard = archive_entry_hardlink(entry);
	mode_t type = archive_entry_filetype(entry);
	const char *target = type == S_IFLNK ? archive_entry_symlink(entry) : hard;
	if (!name || !member_path_is_inside(name))
		return error_set(err, ERROR_INVALID, "invalid archive: the name \"%.200s\" leads out of it",
				 name ? name : "");
	cleanup_free char *path = member_path_clean("", name);
	if (!path || (!target && type != S_IFREG))
		return 0;
	if (spool->count == SPOOL_FILE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the archive has more than %zu files", SPOOL_FILE_LIMIT);
	spool->files = reallocate_array(spool->files, spool->count + 1, sizeof *spool->files);
	struct spool_file *file = &spool->files[spool->count++];
	*file = (struct spool_file){.path = steal_pointer(&path), .fd = -1};
	if (!target)
		return write_member(file, reader, err);
	const char *slash = strrchr(file->path, '/');
	cleanup_free char *folder =
		hard || !slash ? duplicate_string("") : duplicate_bytes(file->path, (size_t)(slash - file->path));
	file->target = member_path_clean(folder, target);
	if (!file->target)
		file->target = duplicate_string(""); /* leads nowhere */
	return 0;
}

static int read_members(struct spool *spool, const struct source *tar, struct error *err)
{
	cleanup_tar_reader struct tar_reader *reader = NULL;
	struct archive_entry *entry;
	int more;
	if (tar_reader_new(tar, &reader, err) < 0)
		return -1;
	while ((more = tar_reader_next(reader, &entry, err)) > 0)
		if (read_member(spool, reader, entry, err) < 0)
			return -1;
	return more == 0 ? tar_reader_drain(reader, err) : -1;
}

int spool_read(const char *archive, struct spool **ret_spool, struct error *err)
{
	cleanup_spool struct spool *spool = allocate(sizeof *spool);
	struct decompressor *decompressor = NULL;
	spool->base.operations = &spool_operations;
	allow_descriptors();
	cleanup_close int fd = open(archive, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", archive);
	struct source file = source_from_fd(&fd);
	if (decompressor_new(&file, &decompressor, err) < 0)
		return error_wrap(err, "read %s", archive);
	struct source plain = decompressor_source(decompressor);
	int result = read_members(spool, &plain, err);
	decompressor_free(decompressor);
	if (result < 0)
		return error_wrap(err, "read %s", archive);
	*ret_spool = steal_pointer(&spool);
	return 0;
}

const struct spool_file *spool_find(const struct spool *spool, const char *path)
{
	cleanup_free char *wanted = member_path_clean("", path);
	for (int links = 0; wanted && links <= LINKS_LIMIT; links++) {
		const struct spool_file *found = NULL;
		for (size_t i = 0; i < spool->count; i++)
			if (strcmp(spool->files[i].path, wanted) == 0)
				found = &spool->files[i];
		if (!found || !found->target)
			return found;
		replace_string(&wanted, duplicate_string(found->target));
	}
	return NULL;
}

void spool_free(struct spool *spool)
{
	if (!spool)
		return;
	for (size_t i = 0; i < spool->count; i++) {
		free(spool->files[i].path);
		free(spool->files[i].target);
		if (spool->files[i].fd >= 0)
			close(spool->files[i].fd);
	}
	free(spool->files);
	free(spool);
}
