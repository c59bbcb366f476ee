#include "registry/manifest_document.h"

#include <string.h>

#include "base/json.h"
#include "oci/manifest.h"
#include "oci/media_type.h"

void manifest_document_release(struct manifest_document *document)
{
	metadata_manifest_release(&document->manifest);
	free(document->references);
	*document = (struct manifest_document){0};
}

static void add_reference(struct manifest_document *document, const struct descriptor *descriptor, bool is_manifest)
{
	/* Layers that may not be distributed are kept elsewhere, by their makers. */
	if (strstr(descriptor->media_type, "nondistributable") || strstr(descriptor->media_type, ".foreign."))
		return;
	document->references[document->reference_count++] =
		(struct metadata_reference){descriptor->digest, descriptor->size, is_manifest};
}

static int read_manifest(const void *bytes, size_t size, const char *content_type, struct manifest_document *document,
			 struct error *err)
{
	cleanup_manifest struct manifest manifest = {0};
	if (manifest_parse(bytes, size, content_type, &manifest, err) < 0)
		return -1;
	document->references = allocate_array(manifest.layer_count + 1, sizeof *document->references);
	add_reference(document, &manifest.config, false);
	for (size_t i = 0; i < manifest.layer_count; i++)
		add_reference(document, &manifest.layers[i], false);
	document->manifest.media_type = duplicate_string(manifest.media_type);
	document->manifest.artifact_type = duplicate_string(manifest.config.media_type);
	return 0;
}

static int read_index(const json_t *json, const void *bytes, size_t size, const char *content_type,
		      struct manifest_document *document, struct error *err)
{
	cleanup_index struct index index = {0};
	const char *media_type = NULL;
	if (index_parse(bytes, size, content_type, &index, err) < 0 ||
	    json_get_string(json, "mediaType", &media_type, err) < 0)
		return -1;
	document->references = allocate_array(index.entry_count + 1, sizeof *document->references);
	for (size_t i = 0; i < index.entry_count; i++)
		add_reference(document, &index.entries[i].descriptor, true);
	bool is_docker = content_type && strstr(content_type, MEDIA_TYPE_DOCKER_LIST);
	if (!media_type)
		media_type = is_docker ? MEDIA_TYPE_DOCKER_LIST : MEDIA_TYPE_OCI_INDEX;
	document->manifest.media_type = duplicate_string(media_type);
	return 0;
}

static int read_subject(const json_t *json, struct metadata_manifest *manifest, struct error *err)
{
	json_t *subject = NULL;
	const char *digest = NULL, *artifact_type = NULL;
	if (json_get_object(json, "subject", &subject, err) < 0 ||
	    json_get_string(json, "artifactType", &artifact_type, err) < 0)
		return -1;
	if (subject && (json_need_string(subject, "digest", &digest, err) < 0 ||
			digest_parse(digest, &manifest->subject, err) < 0))
		return error_wrap(err, "subject");
	if (artifact_type && *artifact_type)
		replace_string(&manifest->artifact_type, duplicate_string(artifact_type));
	return 0;
}

int manifest_document_parse(const void *bytes, size_t size, const char *content_type,
			    struct manifest_document *ret_document, struct error *err)
{
	cleanup_json json_t *json = NULL;
	cleanup_manifest_document struct manifest_document document = {.manifest.size = size};
	enum document_kind kind;
	if (json_parse(bytes, size, &json, err) < 0 || document_classify(json, content_type, &kind, err) < 0)
		return -1;
	int result = kind == DOCUMENT_INDEX ? read_index(json, bytes, size, content_type, &document, err)
					    : read_manifest(bytes, size, content_type, &document, err);
	if (result < 0 || read_subject(json, &document.manifest, err) < 0)
		return -1;
	*ret_document = document;
	document = (struct manifest_document){0};
	return 0;
}

int manifest_document_describe(struct manifest_document *document, const void *bytes, size_t size, struct error *err)
{
	struct metadata_manifest *manifest = &document->manifest;
	cleanup_json json_t *json = NULL;
	json_t *annotations = NULL;
	if (!digest_is_set(&manifest->subject))
		return 0;
	if (json_parse(bytes, size, &json, err) < 0 || json_get_object(json, "annotations", &annotations, err) < 0)
		return -1;
	cleanup_json json_t *descriptor = json_object();
	json_set_text(descriptor, "mediaType", manifest->media_type);
	json_set_text(descriptor, "digest", manifest->digest.text);
	json_object_set_new(descriptor, "size", json_integer((json_int_t)manifest->size));
	json_set_text(descriptor, "artifactType", manifest->artifact_type);
	if (annotations)
		json_object_set(descriptor, "annotations", annotations);
	replace_string(&manifest->referrer, json_text(descriptor));
	return 0;
}
