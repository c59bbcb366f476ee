#include "transfer/copy_index.h"

#include <string.h>

#include "oci/media_type.h"

#define REF_NAME "org.opencontainers.image.ref.name"
/* Names that there are, for messages. */
#define NAMES_SIZE 1000

static bool is_named(const struct index_entry *entry, const char *name)
{
	return (entry->full_name && strcmp(entry->full_name, name) == 0) ||
	       (entry->ref_name && strcmp(entry->ref_name, name) == 0);
}

int copy_layout_find(const struct buffer *text, const char *name, struct descriptor *ret_root, struct error *err)
{
	cleanup_index struct index index = {0};
	cleanup_buffer struct buffer names = BUFFER_INIT(NAMES_SIZE);
	ptrdiff_t found = -1;
	if (index_parse(buffer_text(text), text->size, NULL, &index, err) < 0)
		return error_wrap(err, "index.json");
	for (size_t i = 0; i < index.entry_count; i++) {
		const struct index_entry *entry = &index.entries[i];
		if (entry->is_attestation)
			continue;
		buffer_append_format(&names, NULL, "%s%.200s", names.size ? ", " : "",
				     entry->ref_name ? entry->ref_name : "one without a name");
		if (name ? is_named(entry, name) : found < 0 && index.entry_count == 1)
			found = (ptrdiff_t)i; /* the last of a name is the newest */
	}
	if (found < 0 && name)
		return error_set(err, ERROR_NOT_FOUND, "no image is named %s; there is: %s", name,
				 names.size ? buffer_text(&names) : "none");
	if (found < 0)
		return error_set(err, ERROR_INVALID, "it holds %zu images; name one of them: %s", index.entry_count,
				 names.size ? buffer_text(&names) : "none");
	descriptor_copy(ret_root, &index.entries[found].descriptor);
	return 0;
}

/* The same name, or without a name the same image. */
static bool is_replaced(const json_t *item, const struct descriptor *root, const char *name)
{
	json_t *annotations = NULL;
	const char *own = NULL, *digest = "";
	if (!json_is_object(item))
		return false;
	if (json_get_object(item, "annotations", &annotations, NULL) == 0 && annotations)
		json_get_string(annotations, REF_NAME, &own, NULL);
	json_get_string(item, "digest", &digest, NULL);
	return name ? own && strcmp(own, name) == 0 : !own && strcmp(digest, root->digest.text) == 0;
}

static int read_before(const struct buffer *before, json_t **ret_index, json_t **ret_manifests, struct error *err)
{
	cleanup_json json_t *index = NULL;
	json_t *manifests = NULL;
	if (!before) {
		index = json_pack("{s:i, s:s, s:[]}", "schemaVersion", 2, "mediaType", MEDIA_TYPE_OCI_INDEX,
				  "manifests");
		manifests = json_object_get(index, "manifests");
	} else if (json_parse(buffer_text(before), before->size, &index, err) < 0 ||
		   json_get_array(index, "manifests", &manifests, err) < 0) {
		return error_wrap(err, "index.json");
	} else if (!manifests) {
		/* What Go writes of an empty list: "manifests": null. */
		json_object_set_new(index, "manifests", json_array());
		manifests = json_object_get(index, "manifests");
		if (!manifests)
			return error_set(err, ERROR_INVALID, "index.json is no JSON object");
	}
	*ret_index = steal_pointer(&index);
	*ret_manifests = manifests;
	return 0;
}

int copy_index_text(const struct buffer *before, const struct descriptor *root, const char *full, const char *name,
		    char **ret_text, struct error *err)
{
	cleanup_json json_t *index = NULL;
	json_t *manifests = NULL;
	if (read_before(before, &index, &manifests, err) < 0)
		return -1;
	for (size_t i = json_array_size(manifests); i > 0; i--)
		if (is_replaced(json_array_get(manifests, i - 1), root, name))
			json_array_remove(manifests, i - 1);
	json_t *item = json_pack("{s:s, s:s, s:I}", "mediaType", root->media_type, "digest", root->digest.text, "size",
				 (json_int_t)root->size);
	if (full || name) {
		json_t *annotations = json_object();
		json_set_text(annotations, "io.containerd.image.name", full);
		json_set_text(annotations, REF_NAME, name);
		json_object_set_new(item, "annotations", annotations);
	}
	json_array_append_new(manifests, item);
	*ret_text = json_text(index);
	return 0;
}

static char *member_path(const struct digest *digest)
{
	return format_string("blobs/%s/%s", digest_algorithm_name(digest_algorithm_of(digest)), digest_hex(digest));
}

int copy_index_docker(const struct copy_document *document, const char *name, char **ret_text, struct error *err)
{
	cleanup_manifest struct manifest manifest = {0};
	if (manifest_parse(buffer_text(&document->bytes), document->bytes.size, document->media_type, &manifest, err) <
	    0)
		return error_wrap(err, "a docker-archive holds an image of one platform");
	cleanup_free char *config = member_path(&manifest.config.digest);
	json_t *layers = json_array();
	for (size_t i = 0; i < manifest.layer_count; i++) {
		cleanup_free char *path = member_path(&manifest.layers[i].digest);
		json_array_append_new(layers, json_string(path));
	}
	json_t *tags = name ? json_pack("[s]", name) : json_null();
	cleanup_json json_t *list =
		json_pack("[{s:s, s:o, s:o}]", "Config", config, "RepoTags", tags, "Layers", layers);
	*ret_text = json_text(list);
	return 0;
}
