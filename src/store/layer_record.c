#include "store/layer_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/tar_split.h"
#include "base/fd.h"
#include "store/layer_record_file.h"

#define STAGING_PATH_SIZE 64

struct layer_record {
	struct layer_staging *staging;
	int fd; /* owned */
	struct sink file;
	struct compressor *compressor;
	struct sink compressed;
	struct tar_splitter *splitter;
};

static void staging_path(const char *staging_name, char path[STAGING_PATH_SIZE])
{
	snprintf(path, STAGING_PATH_SIZE, "staging/%s.record", staging_name);
}

int layer_record_path(const struct digest *diff_id, char path[LAYER_RECORD_PATH_SIZE], struct error *err)
{
	struct digest checked;
	if (digest_parse(diff_id->text, &checked, err) < 0)
		return -1;
	snprintf(path, LAYER_RECORD_PATH_SIZE, "records/%s/%s", digest_algorithm_name(digest_algorithm_of(&checked)),
		 digest_hex(&checked));
	return 0;
}

static int begin_streams(struct layer_record *record, const struct source *tar, struct error *err)
{
	static const struct layer_record_head empty;
	/* It is small, and layers are unpacked side by side. */
	static const struct compressor_options options = {.kind = COMPRESSION_ZSTD, .has_no_threads = true};
	record->file = sink_to_fd(&record->fd);
	if (write_full(record->fd, &empty, sizeof empty, err) < 0 ||
	    compressor_new_with(&options, &record->file, &record->compressor, err) < 0)
		return -1;
	record->compressed = compressor_sink(record->compressor);
	return tar_splitter_new(tar, &record->compressed, &record->splitter, err);
}

int layer_record_begin(struct layer_staging *staging, const struct source *tar, struct layer_record **ret_record,
		       struct error *err)
{
	char path[STAGING_PATH_SIZE];
	staging_path(staging->name, path);
	struct layer_record *record = allocate(sizeof *record);
	record->staging = staging;
	record->fd = openat(staging->layers_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record->fd < 0) {
		error_set_errno(err, errno, "make the record of a layer's archive");
		free(record);
		return -1;
	}
	if (begin_streams(record, tar, err) < 0) {
		layer_record_free(record);
		return -1;
	}
	*ret_record = record;
	return 0;
}

struct source layer_record_source(struct layer_record *record)
{
	return tar_splitter_source(record->splitter);
}

int layer_record_finish(struct layer_record *record, bool is_usable, struct error *err)
{
	struct layer_record_head head = {.magic = LAYER_RECORD_MAGIC};
	uint64_t size;
	bool is_complete;
	if (tar_splitter_finish(record->splitter, &size, &is_complete, err) < 0 ||
	    compressor_finish(record->compressor, err) < 0)
		return -1;
	if (!is_complete || !is_usable)
		return 0;
	for (size_t i = 0; i < sizeof head.size; i++)
		head.size[i] = (unsigned char)(size >> (8 * i));
	ssize_t put = pwrite(record->fd, &head, sizeof head, 0);
	if (put != (ssize_t)sizeof head)
		return error_set_errno(err, put < 0 ? errno : ENOSPC, "write the record of a layer's archive");
	record->staging->has_record = true;
	return 0;
}

void layer_record_free(struct layer_record *record)
{
	if (!record)
		return;
	if (!record->staging->has_record)
		layer_record_abort(record->staging->layers_fd, record->staging->name);
	tar_splitter_free(record->splitter);
	compressor_free(record->compressor);
	close(record->fd);
	free(record);
}

int layer_record_commit(int layers_fd, const char *staging_name, const struct digest *diff_id, struct error *err)
{
	char from[STAGING_PATH_SIZE], to[LAYER_RECORD_PATH_SIZE];
	staging_path(staging_name, from);
	if (layer_record_path(diff_id, to, err) < 0)
		return -1;
	const char *algorithm = digest_algorithm_name(digest_algorithm_of(diff_id));
	cleanup_close int records_fd = open_folder_at(layers_fd, "records", true, 0700, err);
	if (records_fd < 0)
		return -1;
	cleanup_close int folder_fd = open_folder_at(records_fd, algorithm, true, 0700, err);
	if (folder_fd < 0)
		return -1;
	if (renameat(layers_fd, from, layers_fd, to) < 0)
		return error_set_errno(err, errno, "put the record of layer %s in place", diff_id->text);
	return sync_fd(folder_fd, err);
}

void layer_record_abort(int layers_fd, const char *staging_name)
{
	char path[STAGING_PATH_SIZE];
	staging_path(staging_name, path);
	unlinkat(layers_fd, path, 0);
}

int layer_record_remove(int layers_fd, const struct digest *diff_id, struct error *err)
{
	char path[LAYER_RECORD_PATH_SIZE];
	if (layer_record_path(diff_id, path, err) < 0)
		return -1;
	if (unlinkat(layers_fd, path, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove the record of layer %s", diff_id->text);
	return 0;
}
