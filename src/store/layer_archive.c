#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/tar_split.h"
#include "base/fd.h"
#include "store/layer_record.h"
#include "store/layer_record_file.h"

struct layer_archive {
	struct digest diff_id;
	int record_fd; /* owned */
	int folder_fd; /* owned */
	struct source file;
	struct decompressor *decompressor;
	struct source record;
	struct tar_joiner *joiner;
	struct source tar;
	struct hasher *hasher;
	uint64_t size;
	bool has_ended;
};

static int open_record(int root_fd, const struct digest *diff_id, int *ret_fd, struct error *err)
{
	char path[LAYER_RECORD_PATH_SIZE], full[LAYER_RECORD_PATH_SIZE + 8];
	if (layer_record_path(diff_id, path, err) < 0)
		return -1;
	snprintf(full, sizeof full, "layers/%s", path);
	int fd = openat(root_fd, full, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT
			       ? error_set(err, ERROR_NOT_FOUND, "layer %s has no record of its archive", diff_id->text)
			       : error_set_errno(err, errno, "open the record of layer %s", diff_id->text);
	*ret_fd = fd;
	return 0;
}

static int begin_streams(struct layer_archive *archive, struct error *err)
{
	struct layer_record_head head;
	struct error why = {0};
	if (read_full(archive->record_fd, &head, sizeof head, &why) < 0 ||
	    memcmp(head.magic, LAYER_RECORD_MAGIC, sizeof head.magic) != 0)
		return error_set(err, ERROR_CORRUPT, "the record of layer %s is damaged", archive->diff_id.text);
	for (size_t i = 0; i < sizeof head.size; i++)
		archive->size |= (uint64_t)head.size[i] << (8 * i);
	archive->file = source_from_fd(&archive->record_fd);
	if (decompressor_new(&archive->file, &archive->decompressor, err) < 0)
		return -1;
	archive->record = decompressor_source(archive->decompressor);
	if (tar_joiner_new(&archive->record, archive->folder_fd, &archive->joiner, err) < 0)
		return -1;
	archive->tar = tar_joiner_source(archive->joiner);
	archive->hasher = hasher_new(digest_algorithm_of(&archive->diff_id));
	return 0;
}

int layer_archive_open(int root_fd, const struct digest *diff_id, struct layer_archive **ret_archive, struct error *err)
{
	cleanup_layer_archive struct layer_archive *archive = allocate(sizeof *archive);
	archive->diff_id = *diff_id;
	archive->record_fd = archive->folder_fd = -1;
	if (layer_folder_open(root_fd, diff_id, &archive->folder_fd, err) < 0 ||
	    open_record(root_fd, diff_id, &archive->record_fd, err) < 0 || begin_streams(archive, err) < 0)
		return -1;
	*ret_archive = steal_pointer(&archive);
	return 0;
}

uint64_t layer_archive_size(const struct layer_archive *archive)
{
	return archive->size;
}

static ssize_t archive_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct layer_archive *archive = context;
	if (archive->has_ended)
		return 0;
	ssize_t got = source_read(&archive->tar, bytes, size, err);
	if (got < 0)
		return error_wrap(err, "layer %s", archive->diff_id.text);
	if (got > 0) {
		hasher_update(archive->hasher, bytes, (size_t)got);
		return got;
	}
	struct digest digest;
	archive->has_ended = true;
	hasher_finish(archive->hasher, &digest);
	if (!digest_equal(&digest, &archive->diff_id))
		return error_set(err, ERROR_CORRUPT, "layer %s: its files have changed: they give an archive of %s",
				 archive->diff_id.text, digest.text);
	return 0;
}

struct source layer_archive_source(struct layer_archive *archive)
{
	return (struct source){archive_read, archive};
}

void layer_archive_free(struct layer_archive *archive)
{
	if (!archive)
		return;
	hasher_free(archive->hasher);
	tar_joiner_free(archive->joiner);
	decompressor_free(archive->decompressor);
	if (archive->record_fd >= 0)
		close(archive->record_fd);
	if (archive->folder_fd >= 0)
		close(archive->folder_fd);
	free(archive);
}
