#include "build/commit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/interrupt.h"
#include "oci/media_type.h"

#define FOLDER_DEPTH_LIMIT 1024
#define PRIVATE_PREFIX	   "trusted.overlay."
/* The one attribute of overlayfs that is part of a layer: it hides a folder's lower contents. */
#define OPAQUE_ATTRIBUTE "trusted.overlay.opaque"

static int refuse_redirect(const char *attribute, struct error *err)
{
	if (strcmp(attribute, "trusted.overlay.redirect") != 0 && strcmp(attribute, "trusted.overlay.metacopy") != 0)
		return 0;
	return error_set(err, ERROR_UNSUPPORTED,
			 "overlayfs wrote %s, which no layer can hold: its redirect_dir and metacopy must be off",
			 attribute);
}

/* origin, impure, nlink, uuid … are true of one mount only. */
static int drop_private_attributes(int fd, struct error *err)
{
	char names[8192];
	ssize_t size = flistxattr(fd, names, sizeof names);
	if (size < 0)
		return errno == EOPNOTSUPP ? 0 : error_set_errno(err, errno, "list attributes");
	for (ssize_t at = 0; at < size; at += (ssize_t)strlen(names + at) + 1) {
		const char *name = names + at;
		if (strncmp(name, PRIVATE_PREFIX, strlen(PRIVATE_PREFIX)) != 0 || strcmp(name, OPAQUE_ATTRIBUTE) == 0)
			continue;
		if (refuse_redirect(name, err) < 0)
			return -1;
		if (fremovexattr(fd, name) < 0 && errno != ENODATA)
			return error_set_errno(err, errno, "remove attribute %s", name);
	}
	return 0;
}

static int limit_times(int folder_fd, const char *name, const struct stat *status, int64_t limit, struct error *err)
{
	if (!limit || status->st_mtim.tv_sec < limit)
		return 0;
	struct timespec times[2] = {{.tv_sec = limit}, {.tv_sec = limit}};
	if (utimensat(folder_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "set times of %s", name);
	return 0;
}

static int clean_folder(int folder_fd, int64_t limit, unsigned depth, struct error *err);

static int clean_entry(int folder_fd, const char *name, int64_t limit, unsigned depth, struct error *err)
{
	struct stat status;
	if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return error_set_errno(err, errno, "stat %s", name);
	if (S_ISDIR(status.st_mode) || S_ISREG(status.st_mode)) {
		int kind = S_ISDIR(status.st_mode) ? O_DIRECTORY : 0;
		cleanup_close int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | kind);
		if (fd < 0)
			return error_set_errno(err, errno, "open %s", name);
		if (drop_private_attributes(fd, err) < 0 || (kind && clean_folder(fd, limit, depth + 1, err) < 0))
			return error_wrap(err, "%s", name);
	}
	return limit_times(folder_fd, name, &status, limit, err);
}

static int clean_folder(int folder_fd, int64_t limit, unsigned depth, struct error *err)
{
	if (depth > FOLDER_DEPTH_LIMIT)
		return error_set(err, ERROR_LIMIT, "folders are more than %d deep", FOLDER_DEPTH_LIMIT);
	int copy = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory)
		return error_set_errno(err, errno, "read folder");
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(directory);
		if (!entry)
			return errno ? error_set_errno(err, errno, "read folder") : 0;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    clean_entry(folder_fd, entry->d_name, limit, depth, err) < 0)
			return -1;
	}
}

struct hashing_sink {
	struct hasher *hasher;
	struct sink to;
	uint64_t size;
};

static int hash_and_write(void *context, const void *bytes, size_t size, struct error *err)
{
	struct hashing_sink *sink = context;
	if (interrupt_check(err) < 0)
		return -1;
	hasher_update(sink->hasher, bytes, size);
	sink->size += size;
	return sink_write(&sink->to, bytes, size, err);
}

static int append_to_upload(void *context, const void *bytes, size_t size, struct error *err)
{
	struct blob_upload *upload = context;
	return upload->store->operations->upload_append(upload, bytes, size, err);
}

/* tar → sha256 (diff id) → gzip → sha256 (blob) → upload */
static int write_blob(int folder_fd, int64_t time_limit, struct blob_upload *upload, struct image_layer *layer,
		      struct error *err)
{
	cleanup_hasher struct hasher *outer = hasher_new(DIGEST_SHA256), *inner = hasher_new(DIGEST_SHA256);
	struct hashing_sink compressed = {.hasher = outer, .to = {append_to_upload, upload}};
	struct sink compressed_sink = {hash_and_write, &compressed};
	struct compressor *compressor = NULL;
	if (compressor_new(COMPRESSION_GZIP, &compressed_sink, &compressor, err) < 0)
		return -1;
	struct hashing_sink plain = {.hasher = inner, .to = compressor_sink(compressor)};
	struct sink plain_sink = {hash_and_write, &plain};
	struct layer_diff_options options = {.form = LAYER_FORM_DIFF, .time_limit = time_limit};
	struct layer_totals totals;
	int result = layer_diff(folder_fd, &options, &plain_sink, &totals, err);
	if (result == 0)
		result = compressor_finish(compressor, err);
	compressor_free(compressor);
	if (result < 0)
		return -1;
	hasher_finish(inner, &layer->diff_id);
	hasher_finish(outer, &layer->blob.digest);
	layer->blob.size = compressed.size;
	layer->size = totals.bytes;
	return 0;
}

int layer_commit(struct store *store, struct layer_staging *staging, int64_t time_limit, struct image_layer *ret_layer,
		 struct error *err)
{
	if (drop_private_attributes(staging->folder_fd, err) < 0 ||
	    clean_folder(staging->folder_fd, time_limit, 0, err) < 0)
		return error_wrap(err, "commit the layer");
	const struct blob_store_operations *operations = store->blobs->operations;
	struct blob_upload *upload = NULL;
	if (operations->upload_open(store->blobs, NULL, &upload, err) < 0)
		return error_wrap(err, "commit the layer");
	struct image_layer layer = {0};
	int result = write_blob(staging->folder_fd, time_limit, upload, &layer, err);
	/* One that is here already stays as it is, with its time, which is that of the layer. */
	if (result < 0 || operations->upload_keep(upload, &layer.blob.digest, err) < 0) {
		operations->upload_abort(upload);
		return error_wrap(err, "commit the layer");
	}
	if (layer_staging_keep(staging, store->root_fd, &layer.diff_id, err) < 0)
		return error_wrap(err, "commit the layer");
	layer.blob.media_type = duplicate_string(MEDIA_TYPE_OCI_LAYER_GZIP);
	*ret_layer = layer;
	return 0;
}
