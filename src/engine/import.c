#include "engine/import.h"
#include "engine/events.h"

#include <string.h>
#include <unistd.h>

#include "archive/compression.h"
#include "engine/fetch.h"
#include "engine/image_change.h"
#include "oci/media_type.h"
#include "store/layer_folder.h"

/*
 * What is read goes two ways: to the unpacking, which pulls, and to a blob. The first bytes tell how the archive is
 * compressed; a plain one is compressed on its way to the blob.
 */
struct import {
	struct source archive;
	struct blob_upload *upload;
	struct blob_store *blobs;
	struct hasher *hasher; /* of the blob's bytes */
	struct compressor *compressor;
	bool is_known;
	enum compression compression;
};

static int write_blob(void *context, const void *bytes, size_t size, struct error *err)
{
	struct import *import = context;
	hasher_update(import->hasher, bytes, size);
	return import->blobs->operations->upload_append(import->upload, bytes, size, err);
}

static enum compression recognise(const unsigned char *bytes, size_t size)
{
	static const unsigned char gzip[] = {0x1f, 0x8b};
	static const unsigned char zstd[] = {0x28, 0xb5, 0x2f, 0xfd};
	if (size >= sizeof gzip && memcmp(bytes, gzip, sizeof gzip) == 0)
		return COMPRESSION_GZIP;
	if (size >= sizeof zstd && memcmp(bytes, zstd, sizeof zstd) == 0)
		return COMPRESSION_ZSTD;
	return COMPRESSION_NONE;
}

static ssize_t read_and_keep(void *context, void *bytes, size_t size, struct error *err)
{
	struct import *import = context;
	ssize_t got = source_read(&import->archive, bytes, size, err);
	if (got <= 0)
		return got;
	struct sink blob = {write_blob, import};
	if (!import->is_known) {
		import->is_known = true;
		import->compression = recognise(bytes, (size_t)got);
		if (import->compression == COMPRESSION_NONE &&
		    compressor_new(COMPRESSION_GZIP, &blob, &import->compressor, err) < 0)
			return -1;
	}
	if (import->compressor)
		blob = compressor_sink(import->compressor);
	return sink_write(&blob, bytes, (size_t)got, err) < 0 ? -1 : got;
}

static int commit_blob(struct import *import, struct image_layer *layer, struct error *err)
{
	if (import->compressor && compressor_finish(import->compressor, err) < 0)
		return -1;
	hasher_finish(import->hasher, &layer->blob.digest);
	layer->blob.size = import->upload->offset;
	bool is_zstd = import->compression == COMPRESSION_ZSTD;
	layer->blob.media_type = (char *)(is_zstd ? MEDIA_TYPE_OCI_LAYER_ZSTD : MEDIA_TYPE_OCI_LAYER_GZIP);
	if (import->blobs->operations->upload_commit(import->upload, &layer->blob.digest, err) < 0)
		return -1;
	import->upload = NULL;
	return 0;
}

int image_import_layer(struct engine *engine, const struct source *archive, struct image_layer *layer,
		       uint64_t *ret_entries, struct error *err)
{
	struct import import = {.archive = *archive, .blobs = engine->store->blobs};
	struct source kept = {read_and_keep, &import};
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct layer_totals totals;
	if (import.blobs->operations->upload_open(import.blobs, NULL, &import.upload, err) < 0)
		return -1;
	import.hasher = hasher_new(DIGEST_SHA256);
	int result = layer_unpack(engine->store->root_fd, &kept, NULL, &staging, &layer->diff_id, &totals, err);
	if (result == 0)
		*ret_entries = totals.entries;
	if (result == 0 && totals.entries > 0)
		result = commit_blob(&import, layer, err);
	if (result == 0 && totals.entries > 0)
		result = layer_staging_commit(&staging, &layer->diff_id, err);
	layer->size = totals.bytes;
	if (import.upload)
		import.blobs->operations->upload_abort(import.upload);
	compressor_free(import.compressor);
	hasher_free(import.hasher);
	return result;
}

static int write_documents(struct engine *engine, const struct import_options *options, const struct image_layer *layer,
			   struct digest *ret_manifest, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	char now[TIME_TEXT_SIZE];
	time_format_rfc3339(time_now(), now);
	if (options->platform)
		config.platform = *options->platform;
	else
		platform_host(&config.platform);
	config.created = duplicate_string(now);
	if (image_change_apply(&config, &options->changes, err) < 0)
		return -1;
	image_config_add_diff_id(&config, &layer->diff_id);
	cleanup_free char *origin = format_string("Imported from %s", options->url ? options->url : "-");
	image_config_add_history(&config, now, NULL, options->message ? options->message : origin, false);
	cleanup_free char *config_text = image_config_serialize(&config);
	struct descriptor layers[] = {layer->blob};
	struct manifest manifest = {
		.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST,
		.config = {.media_type = (char *)MEDIA_TYPE_OCI_CONFIG, .size = strlen(config_text)},
		.layers = layers,
		.layer_count = 1,
	};
	if (blob_write(engine->store->blobs, config_text, strlen(config_text), &manifest.config.digest, err) < 0)
		return -1;
	cleanup_free char *manifest_text = manifest_serialize(&manifest);
	return blob_write(engine->store->blobs, manifest_text, strlen(manifest_text), ret_manifest, err);
}

int image_import(struct engine *engine, const struct source *archive, const struct import_options *options,
		 struct image *ret_image, struct error *err)
{
	cleanup_close int lock = -1;
	struct image_layer layer = {0};
	struct digest manifest;
	uint64_t entries = 0;
	/* A change that makes no sense is told before the archive is read. */
	cleanup_image_config struct image_config trial = {0};
	if (image_change_apply(&trial, &options->changes, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    image_import_layer(engine, archive, &layer, &entries, err) < 0)
		return -1;
	if (entries == 0)
		return error_set(err, ERROR_INVALID, "the archive is empty, or not a tar archive");
	if (write_documents(engine, options, &layer, &manifest, err) < 0)
		return -1;
	if (image_put(engine->store, &manifest, &layer, 1, options->tag, NULL, ret_image, err) < 0)
		return -1;
	event_image(engine, "import", ret_image->id.text, ret_image->id.text);
	return 0;
}

int image_import_url(struct engine *engine, const struct import_options *options, struct image *ret_image,
		     struct error *err)
{
	struct blob_store *blobs = engine->store->blobs;
	cleanup_close int lock = -1, fd = -1;
	cleanup_image_config struct image_config trial = {0};
	struct fetched_file file;
	if (image_change_apply(&trial, &options->changes, err) < 0 ||
	    store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0 ||
	    file_fetch(engine, options->url, NULL, &file, err) < 0 ||
	    blobs->operations->open(blobs, &file.digest, &fd, err) < 0)
		return -1;
	struct source archive = source_from_fd(&fd);
	int outcome = image_import(engine, &archive, options, ret_image, err);
	/* What was fetched is the layer's blob now, or nothing; what nobody else is busy with goes at once. */
	close(steal_fd(&lock));
	struct error ignored = {0};
	store_collect_if_free(engine->store, &ignored);
	return outcome;
}
