#include "transfer/copy_archive.h"

#include <string.h>

#include "oci/media_type.h"
#include "oci/reference.h"

/* Names that there are, for messages. */
#define NAMES_SIZE 1000

static bool same_reference(const char *a, const char *b)
{
	cleanup_reference struct reference left = {0}, right = {0};
	if (reference_parse(a, &left, NULL) < 0 || reference_parse(b, &right, NULL) < 0)
		return strcmp(a, b) == 0;
	cleanup_free char *left_text = reference_text(&left);
	cleanup_free char *right_text = reference_text(&right);
	return strcmp(left_text, right_text) == 0;
}

/* The item of manifest.json that is meant; borrowed from it. */
static int find_item(const json_t *list, const char *name, const json_t **ret_item, struct error *err)
{
	cleanup_buffer struct buffer names = BUFFER_INIT(NAMES_SIZE);
	*ret_item = !name && json_array_size(list) == 1 ? json_array_get(list, 0) : NULL;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		cleanup_string_list struct string_list tags = {0};
		if (!json_is_object(item) || json_get_strings(item, "RepoTags", &tags, err) < 0)
			return error_set(err, ERROR_INVALID, "an item of manifest.json is none");
		for (size_t j = 0; j < tags.count; j++) {
			buffer_append_format(&names, NULL, "%s%.200s", names.size ? ", " : "", tags.items[j]);
			if (name && same_reference(tags.items[j], name))
				*ret_item = item;
		}
	}
	if (*ret_item)
		return 0;
	const char *offered = names.size ? buffer_text(&names) : "none";
	return name ? error_set(err, ERROR_NOT_FOUND, "no image is named %s; there is: %s", name, offered)
		    : error_set(err, ERROR_INVALID, "it holds %zu images; name one of them: %s", json_array_size(list),
				offered);
}

static int describe(const struct spool *spool, const char *path, const char *media_type,
		    struct descriptor *ret_descriptor, struct error *err)
{
	const struct spool_file *file = spool_find(spool, path);
	if (!file)
		return error_set(err, ERROR_NOT_FOUND, "invalid archive: %.200s is not in it", path);
	*ret_descriptor =
		(struct descriptor){.media_type = (char *)media_type, .digest = file->digest, .size = file->size};
	unsigned char magic[4] = {0};
	if (!media_type) {
		bool is_read = pread(file->fd, magic, sizeof magic, 0) == sizeof magic;
		ret_descriptor->media_type =
			(char *)(is_read && memcmp(magic, "\x1f\x8b", 2) == 0		? MEDIA_TYPE_OCI_LAYER_GZIP
				 : is_read && memcmp(magic, "\x28\xb5\x2f\xfd", 4) == 0 ? MEDIA_TYPE_OCI_LAYER_ZSTD
											: MEDIA_TYPE_OCI_LAYER);
	}
	return 0;
}

static bool manifest_fits(const struct manifest *manifest, const struct manifest *wanted)
{
	if (!digest_equal(&manifest->config.digest, &wanted->config.digest) ||
	    manifest->layer_count != wanted->layer_count)
		return false;
	for (size_t i = 0; i < wanted->layer_count; i++)
		if (!digest_equal(&manifest->layers[i].digest, &wanted->layers[i].digest))
			return false;
	return true;
}

/* The archive's own manifest of those layers, so that its digest stays. */
static bool find_manifest(struct spool *spool, const struct manifest *wanted, struct descriptor *ret_root)
{
	for (size_t i = 0; i < spool->count; i++) {
		const struct spool_file *file = &spool->files[i];
		cleanup_buffer struct buffer bytes = {0};
		cleanup_manifest struct manifest manifest = {0};
		char first = 0;
		if (file->target || file->size > MANIFEST_SIZE_LIMIT || strncmp(file->path, "blobs/", 6) != 0 ||
		    pread(file->fd, &first, 1, 0) != 1 || first != '{' ||
		    blob_read(&spool->base, &file->digest, MANIFEST_SIZE_LIMIT, &bytes, NULL) < 0 ||
		    manifest_parse(buffer_text(&bytes), bytes.size, NULL, &manifest, NULL) < 0 ||
		    !manifest_fits(&manifest, wanted))
			continue;
		struct descriptor found = {.media_type = manifest.media_type ? manifest.media_type
									     : (char *)MEDIA_TYPE_OCI_MANIFEST,
					   .digest = file->digest,
					   .size = file->size};
		descriptor_copy(ret_root, &found);
		return true;
	}
	return false;
}

static int make_manifest(const struct manifest *wanted, struct descriptor *ret_root, struct copy_document *ret_made,
			 struct error *err)
{
	cleanup_free char *text = manifest_serialize(wanted);
	struct copy_document made = {.media_type = duplicate_string(MEDIA_TYPE_OCI_MANIFEST),
				     .bytes = BUFFER_INIT(MANIFEST_SIZE_LIMIT)};
	digest_of_bytes(text, strlen(text), &made.digest);
	if (buffer_append_string(&made.bytes, text, err) < 0) {
		copy_document_release(&made);
		return -1;
	}
	struct descriptor root = {.media_type = made.media_type, .digest = made.digest, .size = made.bytes.size};
	descriptor_copy(ret_root, &root);
	*ret_made = made;
	return 0;
}

int copy_archive_find(struct spool *spool, const char *name, struct descriptor *ret_root,
		      struct copy_document *ret_made, struct error *err)
{
	const struct spool_file *file = spool_find(spool, "manifest.json");
	cleanup_buffer struct buffer bytes = {0};
	cleanup_json json_t *list = NULL;
	cleanup_string_list struct string_list layers = {0};
	const json_t *item;
	const char *config;
	if (!file)
		return error_set(err, ERROR_INVALID, "it is no docker-archive: it has no manifest.json");
	if (blob_read(&spool->base, &file->digest, MANIFEST_SIZE_LIMIT, &bytes, err) < 0 ||
	    json_parse(buffer_text(&bytes), bytes.size, &list, err) < 0)
		return error_wrap(err, "manifest.json");
	if (!json_is_array(list))
		return error_set(err, ERROR_INVALID, "manifest.json is no list");
	if (find_item(list, name, &item, err) < 0)
		return -1;
	if (json_need_string(item, "Config", &config, err) < 0 || json_get_strings(item, "Layers", &layers, err) < 0)
		return error_wrap(err, "manifest.json");
	if (layers.count > MANIFEST_LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d layers", MANIFEST_LAYER_LIMIT);
	cleanup_free struct descriptor *descriptors = allocate_array(layers.count + 1, sizeof *descriptors);
	struct manifest wanted = {
		.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST, .layers = descriptors, .layer_count = layers.count};
	if (describe(spool, config, MEDIA_TYPE_OCI_CONFIG, &wanted.config, err) < 0)
		return -1;
	for (size_t i = 0; i < layers.count; i++)
		if (describe(spool, layers.items[i], NULL, &descriptors[i], err) < 0)
			return -1;
	return find_manifest(spool, &wanted, ret_root) ? 0 : make_manifest(&wanted, ret_root, ret_made, err);
}
