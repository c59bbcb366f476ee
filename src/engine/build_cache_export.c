/*
 * --cache-to. The cache is laid out in a staging folder of the store, as an OCI layout whose layers are hard links to
 * the store's blobs, and copied from there by coracle-transfer: to a registry only what it lacks, to a folder in the
 * order that leaves a whole cache there at each moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "build/cache_document.h"
#include "engine/build_cache.h"
#include "engine/copy.h"
#include "oci/media_type.h"
#include "store/build_cache.h"
#include "store/image.h"
#include "store/layer_folder.h"

static bool has_layer(const struct image_config *config, const struct digest *diff_id)
{
	for (size_t i = 0; i < config->diff_id_count; i++)
		if (digest_equal(&config->diff_ids[i], diff_id))
			return true;
	return false;
}

static int describe(struct engine *engine, const struct string_list *keys, const struct digest *image_id, bool is_max,
		    struct cache_document *document, struct error *err)
{
	cleanup_image_config struct image_config config = {0};
	const struct image image = {.id = *image_id};
	if (image_read_config(engine->store, &image, &config, err) < 0)
		return -1;
	for (size_t i = 0; i < keys->count; i++) {
		struct build_cache_entry entry;
		struct blob_info info;
		struct digest key;
		if (digest_parse(keys->items[i], &key, err) < 0 ||
		    build_cache_find(engine->store, &key, &entry, err) < 0)
			return -1;
		if (!digest_is_set(&entry.diff_id)) {
			cache_document_add(document, &key, NULL);
			continue;
		}
		if (!is_max && !has_layer(&config, &entry.diff_id))
			continue;
		if (engine->store->blobs->operations->stat(engine->store->blobs, &entry.blob, &info, err) < 0)
			return -1;
		const struct cache_layer layer = {.diff_id = entry.diff_id,
						  .blob = entry.blob,
						  .blob_size = entry.blob_size,
						  .size = entry.size,
						  .created = info.modified};
		cache_document_add(document, &key, &layer);
	}
	return 0;
}

int build_cache_describe(struct engine *engine, const struct string_list *keys, const struct digest *image_id,
			 bool is_max, char **ret_text, struct error *err)
{
	cleanup_cache_document struct cache_document document = {0};
	if (describe(engine, keys, image_id, is_max, &document, err) < 0)
		return error_wrap(err, "describe the build cache");
	*ret_text = cache_document_serialize(&document);
	return 0;
}

static int write_blob(int folder_fd, const char *text, struct digest *ret_digest, struct error *err)
{
	digest_of_bytes(text, strlen(text), ret_digest);
	return atomic_file_write(folder_fd, digest_hex(ret_digest), text, strlen(text), 0600, ATOMIC_FILE_REPLACEABLE,
				 err);
}

static int link_blob(struct engine *engine, int folder_fd, const struct digest *blob, struct error *err)
{
	cleanup_free char *path = format_string("blobs/sha256/%s", digest_hex(blob));
	if (linkat(engine->store->root_fd, path, folder_fd, digest_hex(blob), 0) < 0)
		return error_set_errno(err, errno, "take blob %s", blob->text);
	return 0;
}

static int write_manifest(struct engine *engine, int folder_fd, struct cache_document *document,
			  struct descriptor *ret_descriptor, struct error *err)
{
	cleanup_manifest struct manifest manifest = {.media_type = duplicate_string(MEDIA_TYPE_OCI_MANIFEST)};
	cleanup_free char *config = cache_document_serialize(document);
	manifest.config.media_type = duplicate_string(CACHE_CONFIG_TYPE);
	manifest.config.size = strlen(config);
	manifest.layers = allocate_array(document->layer_count + 1, sizeof *manifest.layers);
	for (size_t i = 0; i < document->layer_count; i++) {
		const struct cache_layer *layer = &document->layers[i];
		const struct descriptor blob = {(char *)MEDIA_TYPE_OCI_LAYER_GZIP, layer->blob, layer->blob_size};
		descriptor_copy(&manifest.layers[manifest.layer_count++], &blob);
		if (link_blob(engine, folder_fd, &layer->blob, err) < 0)
			return -1;
	}
	if (write_blob(folder_fd, config, &manifest.config.digest, err) < 0)
		return -1;
	cleanup_free char *text = manifest_serialize(&manifest);
	ret_descriptor->size = strlen(text);
	return write_blob(folder_fd, text, &ret_descriptor->digest, err);
}

static int write_layout(struct engine *engine, int root_fd, const char *tag, struct cache_document *document,
			struct error *err)
{
	static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
	cleanup_close int blobs = open_folder_at(root_fd, "blobs", true, 0700, err);
	cleanup_close int folder = blobs < 0 ? -1 : open_folder_at(blobs, "sha256", true, 0700, err);
	struct descriptor root;
	if (folder < 0 || write_manifest(engine, folder, document, &root, err) < 0)
		return -1;
	cleanup_json json_t *index = json_pack(
		"{s:i, s:s, s:[{s:s, s:s, s:I, s:{s:s}}]}", "schemaVersion", 2, "mediaType", MEDIA_TYPE_OCI_INDEX,
		"manifests", "mediaType", MEDIA_TYPE_OCI_MANIFEST, "digest", root.digest.text, "size",
		(json_int_t)root.size, "annotations", "org.opencontainers.image.ref.name", tag);
	if (!index)
		return error_set(err, ERROR_INVALID, "the cache's tag is not UTF-8");
	cleanup_free char *text = json_text(index);
	return atomic_file_write(root_fd, "oci-layout", layout, strlen(layout), 0600, ATOMIC_FILE_REPLACEABLE, err) <
				       0 ||
			       atomic_file_write(root_fd, "index.json", text, strlen(text), 0600,
						 ATOMIC_FILE_REPLACEABLE, err) < 0
		       ? -1
		       : 0;
}

static int export(struct engine *engine, const struct build_cache_spec *spec, const struct string_list *keys,
		  const struct digest *image_id, struct error *err)
{
	cleanup_cache_document struct cache_document document = {0};
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	const struct copy_options copy = {.all = true};
	struct digest digest;
	if (describe(engine, keys, image_id, spec->is_max, &document, err) < 0 ||
	    layer_staging_begin(engine->store->root_fd, &staging, err) < 0 ||
	    write_layout(engine, staging.folder_fd, spec->tag, &document, err) < 0)
		return -1;
	cleanup_free char *from =
		format_string("oci:%s/layers/staging/%s:%s", engine->store->root, staging.name, spec->tag);
	cleanup_free char *to = spec->kind == BUILD_CACHE_LOCAL ? format_string("oci:%s:%s", spec->place, spec->tag)
								: format_string("docker://%s", spec->place);
	return image_copy(from, to, &copy, NULL, &digest, err);
}

int build_cache_export(struct engine *engine, const struct build_cache_spec *spec, const struct string_list *keys,
		       const struct digest *image_id, struct error *err)
{
	return export(engine, spec, keys, image_id, err) < 0 ? error_wrap(err, "exporting cache to %s", spec->place)
							     : 0;
}
