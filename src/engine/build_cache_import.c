/*
 * --cache-from. The documents are read before the build; a layer is brought when a step asks for it: its blob, verified
 * by the blob store, then its folder, verified by the diff id. What fails then is told, and the step is done as if it
 * had never been cached.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/cache_document.h"
#include "engine/build_cache.h"
#include "engine/registry_request.h"
#include "store/build_cache.h"
#include "store/layer_folder.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

struct cache_source {
	struct cache_document document;
	struct reference reference; /* of a registry */
	int blobs_fd;		    /* of a folder, or -1 */
	char *name;
};

struct build_caches {
	struct engine *engine;
	struct cache_source *sources;
	size_t count;
	int warning_fd;
};

void build_caches_free(struct build_caches *caches)
{
	if (!caches)
		return;
	for (size_t i = 0; i < caches->count; i++) {
		struct cache_source *source = &caches->sources[i];
		cache_document_release(&source->document);
		reference_release(&source->reference);
		if (source->blobs_fd >= 0)
			close(source->blobs_fd);
		free(source->name);
	}
	free(caches->sources);
	free(caches);
}

static void warn(const struct build_caches *caches, const struct cache_source *source, const struct error *why)
{
	if (caches->warning_fd >= 0)
		dprintf(caches->warning_fd, "WARNING: importing cache from %s: %s\n", source->name, why->message);
}

static char *blob_path(const struct digest *digest)
{
	return format_string("%s/%s", digest_algorithm_name(digest_algorithm_of(digest)), digest_hex(digest));
}

/* A document of a folder, verified. */
static int read_document(const struct cache_source *source, const struct digest *digest, size_t limit,
			 struct buffer *ret_bytes, struct error *err)
{
	cleanup_free char *path = blob_path(digest);
	cleanup_close int fd = open_beneath(source->blobs_fd, path, O_RDONLY | O_NONBLOCK);
	cleanup_buffer struct buffer bytes = {0};
	if (fd < 0)
		return error_set_errno(err, errno, "open blob %s", digest->text);
	if (read_fd(fd, limit, &bytes, err) < 0 ||
	    digest_verify_bytes(digest, buffer_text(&bytes), bytes.size, err) < 0)
		return error_wrap(err, "blob %s", digest->text);
	*ret_bytes = bytes;
	bytes = (struct buffer){0};
	return 0;
}

/* Fetched from the repository of the cache, unless it is here. */
static int fetch_blob(struct engine *engine, const struct cache_source *source, const struct digest *digest,
		      uint64_t size, struct error *err)
{
	cleanup_json json_t *request = registry_request_new(engine, "blob", &source->reference);
	cleanup_json json_t *done = NULL;
	json_set_text(request, "digest", digest->text);
	json_object_set_new(request, "size", json_integer((json_int_t)size));
	return registry_request_send(request, NULL, &done, err);
}

static int read_inline(const struct manifest *manifest, struct cache_document *document, struct error *err)
{
	const char *text = string_list_get_key(&manifest->annotations, CACHE_ANNOTATION);
	if (!text)
		return error_set(err, ERROR_NOT_FOUND, "it holds no build cache");
	return cache_document_parse(text, strlen(text), document, err);
}

static int read_registry(struct build_caches *caches, struct cache_source *source, struct error *err)
{
	struct engine *engine = caches->engine;
	cleanup_json json_t *request = registry_request_new(engine, "manifest", &source->reference);
	cleanup_json json_t *done = NULL;
	cleanup_manifest struct manifest manifest = {0};
	cleanup_buffer struct buffer bytes = {0};
	const char *text, *type = NULL;
	if (digest_is_set(&source->reference.digest))
		json_set_text(request, "digest", source->reference.digest.text);
	if (registry_request_send(request, NULL, &done, err) < 0 ||
	    json_need_string(done, "document", &text, err) < 0 || json_get_string(done, "media_type", &type, err) < 0 ||
	    manifest_parse(text, strlen(text), type, &manifest, err) < 0)
		return -1;
	if (strcmp(manifest.config.media_type, CACHE_CONFIG_TYPE) != 0)
		return read_inline(&manifest, &source->document, err);
	if (manifest.config.size > CACHE_DOCUMENT_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "the cache's document is larger than %zu bytes",
				 CACHE_DOCUMENT_SIZE_LIMIT);
	struct blob_info info;
	const struct digest *digest = &manifest.config.digest;
	if ((engine->store->blobs->operations->stat(engine->store->blobs, digest, &info, NULL) < 0 &&
	     fetch_blob(engine, source, digest, manifest.config.size, err) < 0) ||
	    blob_read(engine->store->blobs, digest, CACHE_DOCUMENT_SIZE_LIMIT, &bytes, err) < 0)
		return -1;
	return cache_document_parse(buffer_text(&bytes), bytes.size, &source->document, err);
}

/* The manifest that index.json has under the tag. */
static int find_manifest(const struct build_cache_spec *spec, const struct buffer *index, struct digest *ret_digest,
			 struct error *err)
{
	cleanup_json json_t *document = NULL;
	json_t *manifests = NULL, *annotations;
	if (spec->digest)
		return digest_parse(spec->digest, ret_digest, err);
	if (json_parse(buffer_text(index), index->size, &document, err) < 0 ||
	    json_get_array(document, "manifests", &manifests, err) < 0)
		return error_wrap(err, "index.json");
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		const json_t *item = json_array_get(manifests, i);
		const char *name = NULL, *digest;
		if (json_get_object(item, "annotations", &annotations, err) < 0 ||
		    json_get_string(annotations, "org.opencontainers.image.ref.name", &name, err) < 0 ||
		    json_need_string(item, "digest", &digest, err) < 0)
			return error_wrap(err, "index.json");
		if (name && strcmp(name, spec->tag) == 0)
			return digest_parse(digest, ret_digest, err);
	}
	return error_set(err, ERROR_NOT_FOUND, "index.json has no \"%s\"", spec->tag);
}

static int read_folder(const struct build_cache_spec *spec, struct cache_source *source, struct error *err)
{
	cleanup_close int folder = open_folder(spec->place, false, 0, err);
	cleanup_buffer struct buffer index = {0}, bytes = {0}, config = {0};
	cleanup_manifest struct manifest manifest = {0};
	struct digest digest;
	if (folder < 0 || read_file_at(folder, "index.json", MANIFEST_SIZE_LIMIT, &index, err) < 0 ||
	    find_manifest(spec, &index, &digest, err) < 0)
		return -1;
	source->blobs_fd = open_folder_at(folder, "blobs", false, 0, err);
	if (source->blobs_fd < 0 || read_document(source, &digest, MANIFEST_SIZE_LIMIT, &bytes, err) < 0 ||
	    manifest_parse(buffer_text(&bytes), bytes.size, NULL, &manifest, err) < 0)
		return -1;
	if (strcmp(manifest.config.media_type, CACHE_CONFIG_TYPE) != 0)
		return read_inline(&manifest, &source->document, err);
	if (read_document(source, &manifest.config.digest, CACHE_DOCUMENT_SIZE_LIMIT, &config, err) < 0)
		return -1;
	return cache_document_parse(buffer_text(&config), config.size, &source->document, err);
}

struct build_caches *build_caches_open(struct engine *engine, const struct build_cache_specs *specs, int warning_fd)
{
	struct build_caches *caches = allocate(sizeof *caches);
	*caches = (struct build_caches){.engine = engine, .warning_fd = warning_fd};
	caches->sources = allocate_array(specs->count + 1, sizeof *caches->sources);
	for (size_t i = 0; i < specs->count; i++) {
		const struct build_cache_spec *spec = &specs->items[i];
		struct cache_source *source = &caches->sources[caches->count++];
		struct error why = {0};
		source->blobs_fd = -1;
		source->name = duplicate_string(spec->place);
		int result = spec->kind == BUILD_CACHE_LOCAL
				     ? read_folder(spec, source, &why)
				     : (reference_parse(spec->place, &source->reference, &why) < 0
						? -1
						: read_registry(caches, source, &why));
		if (result < 0)
			warn(caches, source, &why);
	}
	return caches;
}

static int copy_blob(struct engine *engine, const struct cache_source *source, const struct cache_layer *layer,
		     struct error *err)
{
	struct blob_store *blobs = engine->store->blobs;
	cleanup_free char *path = blob_path(&layer->blob);
	cleanup_free char *chunk = allocate(CHUNK_SIZE);
	cleanup_close int fd = open_beneath(source->blobs_fd, path, O_RDONLY | O_NONBLOCK);
	struct blob_upload *upload = NULL;
	struct stat status;
	ssize_t got;
	if (fd < 0 || fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "open blob %s", layer->blob.text);
	if (!S_ISREG(status.st_mode) || (uint64_t)status.st_size != layer->blob_size)
		return error_set(err, ERROR_CORRUPT, "blob %s has another size than its cache says", layer->blob.text);
	if (blobs->operations->upload_open(blobs, NULL, &upload, err) < 0)
		return -1;
	while ((got = read_some(fd, chunk, CHUNK_SIZE)) > 0)
		if (blobs->operations->upload_append(upload, chunk, (size_t)got, err) < 0)
			break;
	if (got < 0)
		error_set_errno(err, errno, "read blob %s", layer->blob.text);
	if (got == 0 && blobs->operations->upload_commit(upload, &layer->blob, err) == 0)
		return 0;
	blobs->operations->upload_abort(upload);
	return -1;
}

/* An image is as old as its newest layer (build/executor_layer.c), so that the blob gets the time of its making. */
static int bring_blob(struct engine *engine, const struct cache_source *source, const struct cache_layer *layer,
		      int *ret_fd, struct error *err)
{
	struct blob_store *blobs = engine->store->blobs;
	struct blob_info info;
	bool is_new = blobs->operations->stat(blobs, &layer->blob, &info, NULL) < 0;
	if (is_new && (source->blobs_fd >= 0 ? copy_blob(engine, source, layer, err)
					     : fetch_blob(engine, source, &layer->blob, layer->blob_size, err)) < 0)
		return -1;
	if (blobs->operations->open(blobs, &layer->blob, ret_fd, err) < 0)
		return -1;
	struct timespec made = {.tv_sec = layer->created / NANOSECONDS_PER_SECOND,
				.tv_nsec = layer->created % NANOSECONDS_PER_SECOND};
	struct timespec times[2] = {made, made};
	return !is_new || futimens(*ret_fd, times) == 0 ? 0 : error_set_errno(err, errno, "set the time of a layer");
}

static int bring_layer(struct engine *engine, const struct cache_source *source, const struct cache_layer *layer,
		       struct error *err)
{
	cleanup_close int fd = -1;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct layer_totals totals;
	struct digest diff_id;
	if (bring_blob(engine, source, layer, &fd, err) < 0)
		return -1;
	struct source blob = source_from_fd(&fd);
	if (layer_unpack(engine->store->root_fd, &blob, NULL, &staging, &diff_id, &totals, err) < 0)
		return -1;
	if (!digest_equal(&diff_id, &layer->diff_id))
		return error_set(err, ERROR_CORRUPT, "layer %s unpacks to %s, its cache says %s", layer->blob.text,
				 diff_id.text, layer->diff_id.text);
	return layer_folder_exists(engine->store->root_fd, &diff_id) ? 0
								     : layer_staging_commit(&staging, &diff_id, err);
}

static int import(struct engine *engine, const struct cache_source *source, const struct cache_record *record,
		  struct error *err)
{
	struct build_cache_entry entry = {0};
	if (record->layer >= 0) {
		const struct cache_layer *layer = &source->document.layers[record->layer];
		if (bring_layer(engine, source, layer, err) < 0)
			return -1;
		entry = (struct build_cache_entry){.diff_id = layer->diff_id,
						   .blob = layer->blob,
						   .blob_size = layer->blob_size,
						   .size = layer->size};
	}
	return build_cache_put(engine->store, &record->key, &entry, err);
}

int build_caches_import(void *context, const struct digest *key, struct error *err)
{
	struct build_caches *caches = context;
	(void)err;
	for (size_t i = 0; i < caches->count; i++) {
		const struct cache_source *source = &caches->sources[i];
		const struct cache_record *record = cache_document_find(&source->document, key);
		struct error why = {0};
		if (!record)
			continue;
		if (import(caches->engine, source, record, &why) == 0)
			return 1;
		warn(caches, source, &why);
	}
	return 0;
}
