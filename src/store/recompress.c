#include "store/recompress.h"

#include <pthread.h>
#include <string.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/json.h"
#include "oci/media_type.h"
#include "store/layer_record.h"

#define CHUNK_SIZE     ((size_t)256 * 1024)
#define MEMO_LIMIT     ((size_t)4096)
#define GZIP_LEVEL_MAX 12
#define ZSTD_LEVEL_MAX 22

static const char *kind_name(enum compression kind)
{
	static const char *const names[] = {"none", "gzip", "zstd"};
	return names[kind];
}

int recompress_parse(const char *name, int64_t level, enum compression *ret_kind, struct error *err)
{
	bool is_zstd = strcmp(name, "zstd") == 0;
	if (!is_zstd && strcmp(name, "gzip") != 0)
		return error_set(err, ERROR_USAGE, "invalid compression \"%.40s\": it is gzip or zstd", name);
	int highest = is_zstd ? ZSTD_LEVEL_MAX : GZIP_LEVEL_MAX;
	if (level < 0 || level > highest)
		return error_set(err, ERROR_USAGE, "invalid compression level %lld: for %s it is 1 to %d",
				 (long long)level, name, highest);
	*ret_kind = is_zstd ? COMPRESSION_ZSTD : COMPRESSION_GZIP;
	return 0;
}

static const char *media_type_of(enum compression kind)
{
	static const char *const types[] = {MEDIA_TYPE_OCI_LAYER, MEDIA_TYPE_OCI_LAYER_GZIP, MEDIA_TYPE_OCI_LAYER_ZSTD};
	return types[kind];
}

bool recompress_kind_of(const char *media_type, enum compression *ret_kind)
{
	static const struct {
		const char *type;
		enum compression kind;
	} types[] = {
		{MEDIA_TYPE_OCI_LAYER, COMPRESSION_NONE},
		{MEDIA_TYPE_OCI_LAYER_GZIP, COMPRESSION_GZIP},
		{MEDIA_TYPE_OCI_LAYER_ZSTD, COMPRESSION_ZSTD},
		{MEDIA_TYPE_DOCKER_LAYER_GZIP, COMPRESSION_GZIP},
		{"application/vnd.docker.image.rootfs.diff.tar", COMPRESSION_NONE},
		{"application/vnd.docker.image.rootfs.diff.tar.zstd", COMPRESSION_ZSTD},
	};
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (media_type && strcmp(media_type, types[i].type) == 0) {
			*ret_kind = types[i].kind;
			return true;
		}
	return false;
}

static char *memo_name(const struct recompress *recompress)
{
	return format_string("%s-%s-%s-%d", digest_algorithm_name(digest_algorithm_of(&recompress->diff_id)),
			     digest_hex(&recompress->diff_id), kind_name(recompress->kind), recompress->level);
}

static int open_memos(const struct recompress *recompress, struct error *err)
{
	cleanup_close int cache = open_folder_at(recompress->root_fd, "cache", true, 0700, err);
	return cache < 0 ? -1 : open_folder_at(cache, "compressed", true, 0700, err);
}

bool recompress_recall(const struct recompress *recompress, struct descriptor *ret_blob)
{
	cleanup_close int folder = open_memos(recompress, NULL);
	cleanup_free char *name = memo_name(recompress);
	cleanup_buffer struct buffer text = {0};
	cleanup_json json_t *memo = NULL;
	const char *digest = "";
	int64_t size = -1;
	struct descriptor blob = {0};
	if (folder < 0 || read_file_at(folder, name, MEMO_LIMIT, &text, NULL) < 0 ||
	    json_parse(buffer_text(&text), text.size, &memo, NULL) < 0 || !json_is_object(memo) ||
	    json_need_string(memo, "digest", &digest, NULL) < 0 || json_need_integer(memo, "size", &size, NULL) < 0 ||
	    size < 0 || digest_parse(digest, &blob.digest, NULL) < 0)
		return false;
	blob.media_type = (char *)media_type_of(recompress->kind);
	blob.size = (uint64_t)size;
	descriptor_copy(ret_blob, &blob);
	return true;
}

/* What is not remembered is compressed again: no reason to fail. */
static void remember(const struct recompress *recompress, const struct descriptor *blob)
{
	cleanup_close int folder = open_memos(recompress, NULL);
	cleanup_free char *name = memo_name(recompress);
	cleanup_json json_t *memo =
		json_pack("{s:s, s:I}", "digest", blob->digest.text, "size", (json_int_t)blob->size);
	cleanup_free char *text = json_text(memo);
	struct error ignored = {0};
	if (folder >= 0)
		atomic_file_write(folder, name, text, strlen(text), 0600, ATOMIC_FILE_REPLACEABLE, &ignored);
}

struct output {
	struct blob_upload *upload;
	struct hasher *hasher;
	uint64_t size;
};

static int output_write(void *context, const void *bytes, size_t size, struct error *err)
{
	struct output *output = context;
	hasher_update(output->hasher, bytes, size);
	output->size += size;
	return output->upload->store->operations->upload_append(output->upload, bytes, size, err);
}

/* The plain archive, hashed here too: a blob's own digest says nothing about what it inflates to. */
static int compress(const struct recompress *recompress, const struct source *plain, struct compressor *compressor,
		    struct error *err)
{
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(&recompress->diff_id));
	cleanup_free char *chunk = allocate(CHUNK_SIZE);
	struct sink sink = compressor_sink(compressor);
	struct digest found;
	ssize_t got;
	while ((got = source_read(plain, chunk, CHUNK_SIZE, err)) > 0) {
		hasher_update(hasher, chunk, (size_t)got);
		if (recompress->check && recompress->check(err) < 0)
			return -1;
		if (sink_write(&sink, chunk, (size_t)got, err) < 0)
			return -1;
	}
	if (got < 0)
		return -1;
	hasher_finish(hasher, &found);
	if (!digest_equal(&found, &recompress->diff_id))
		return error_set(err, ERROR_CORRUPT, "its blob inflates to %s", found.text);
	return compressor_finish(compressor, err);
}

/* One layer at a time: all processors work on it, and a second one would only take memory. */
static pthread_mutex_t processors = PTHREAD_MUTEX_INITIALIZER;

static int compress_to(const struct recompress *recompress, const struct source *plain, struct output *output,
		       struct error *err)
{
	struct sink sink = {output_write, output};
	struct compressor *compressor = NULL;
	const struct compressor_options options = {.kind = recompress->kind, .level = recompress->level};
	if (compressor_new_with(&options, &sink, &compressor, err) < 0)
		return -1;
	pthread_mutex_lock(&processors);
	int result = compress(recompress, plain, compressor, err);
	compressor_free(compressor);
	pthread_mutex_unlock(&processors);
	return result;
}

static int from_blob(const struct recompress *recompress, struct output *output, struct error *err)
{
	cleanup_close int fd = -1;
	struct decompressor *decompressor = NULL;
	if (recompress->blobs->operations->open(recompress->blobs, &recompress->kept->digest, &fd, err) < 0)
		return -1;
	struct source file = source_from_fd(&fd);
	if (decompressor_new(&file, &decompressor, err) < 0)
		return -1;
	struct source plain = decompressor_source(decompressor);
	int result = compress_to(recompress, &plain, output, err);
	decompressor_free(decompressor);
	return result;
}

static int from_folder(const struct recompress *recompress, struct output *output, struct error *err)
{
	cleanup_layer_archive struct layer_archive *archive = NULL;
	if (layer_archive_open(recompress->root_fd, &recompress->diff_id, &archive, err) < 0)
		return -1;
	struct source plain = layer_archive_source(archive);
	return compress_to(recompress, &plain, output, err);
}

static bool blob_is_here(const struct recompress *recompress)
{
	struct blob_info info;
	return recompress->kept &&
	       recompress->blobs->operations->stat(recompress->blobs, &recompress->kept->digest, &info, NULL) == 0;
}

int recompress_layer(const struct recompress *recompress, struct descriptor *ret_blob, struct error *err)
{
	struct blob_store *blobs = recompress->blobs;
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	struct output output = {.hasher = hasher};
	struct descriptor blob = {.media_type = (char *)media_type_of(recompress->kind)};
	if (blobs->operations->upload_open(blobs, NULL, &output.upload, err) < 0)
		return -1;
	if (blob_is_here(recompress) ? from_blob(recompress, &output, err) < 0
				     : from_folder(recompress, &output, err) < 0)
		goto fail;
	hasher_finish(hasher, &blob.digest);
	blob.size = output.size;
	if (blobs->operations->upload_commit(output.upload, &blob.digest, err) < 0)
		goto fail;
	remember(recompress, &blob);
	descriptor_copy(ret_blob, &blob);
	return 0;
fail:
	blobs->operations->upload_abort(output.upload);
	return error_wrap(err, "compress layer %s", recompress->diff_id.text);
}
