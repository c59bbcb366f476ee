/*
 * Manifests, and which kind a document is.
 *
 * One document that two programs read differently is an attack: a scanner sees a harmless manifest where an engine sees
 * an index (CVE-2021-41190). So a document has to be one kind by its members, by its own mediaType and by the type it
 * was served as, and members that differ from the known ones in upper or lower case only are refused, since some JSON
 * readers take them for the same.
 */
#include "oci/manifest.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "oci/document.h"
#include "oci/media_type.h"

#define MEDIA_TYPE_LIMIT 255

static const struct {
	const char *media_type;
	enum document_kind kind;
} document_types[] = {
	{MEDIA_TYPE_OCI_MANIFEST, DOCUMENT_MANIFEST},
	{MEDIA_TYPE_DOCKER_MANIFEST, DOCUMENT_MANIFEST},
	{MEDIA_TYPE_OCI_INDEX, DOCUMENT_INDEX},
	{MEDIA_TYPE_DOCKER_LIST, DOCUMENT_INDEX},
};

static const char *const known_members[] = {"schemaVersion", "mediaType", "config", "layers", "manifests", "fsLayers"};

void descriptor_release(struct descriptor *descriptor)
{
	free(descriptor->media_type);
	*descriptor = (struct descriptor){0};
}

void descriptor_copy(struct descriptor *to, const struct descriptor *from)
{
	struct descriptor copy = *from;
	copy.media_type = duplicate_string(from->media_type);
	descriptor_release(to);
	*to = copy;
}

/* RFC 6838: letters, digits and a few signs around one slash. It is put into headers and messages. */
static bool media_type_is_valid(const char *text, size_t length)
{
	const char *allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$&-^_.+/";
	return length > 0 && length <= MEDIA_TYPE_LIMIT && strspn(text, allowed) >= length && memchr(text, '/', length);
}

static int find_kind(const char *text, size_t length, enum document_kind *ret_kind, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(document_types); i++) {
		const char *known = document_types[i].media_type;
		if (strlen(known) == length && strncasecmp(known, text, length) == 0) {
			*ret_kind = document_types[i].kind;
			return 0;
		}
	}
	if (!media_type_is_valid(text, length))
		return error_set(err, ERROR_INVALID, "the manifest's media type is not a media type");
	const char *old = "application/vnd.docker.distribution.manifest.v1+";
	if (strncasecmp(text, old, strlen(old)) == 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this is an image of Docker's schema 1, which is no longer "
				 "supported; push the image again with a current version");
	return error_set(err, ERROR_UNSUPPORTED, "\"%.*s\" is not the media type of an image manifest or index",
			 (int)length, text);
}

static int check_members(const json_t *document, struct error *err)
{
	const char *name;
	json_t *value;
	/* jansson has no iterator over a const object; nothing is changed here. */
	json_object_foreach((json_t *)document, name, value)
	{
		for (size_t i = 0; i < ARRAY_SIZE(known_members); i++)
			if (strcasecmp(name, known_members[i]) == 0 && strcmp(name, known_members[i]) != 0)
				return error_set(err, ERROR_INVALID, "the member \"%s\" can be mistaken for \"%s\"",
						 name, known_members[i]);
	}
	int64_t version = 0;
	if (json_need_integer(document, "schemaVersion", &version, err) < 0)
		return -1;
	if (version == 1 || json_object_get(document, "fsLayers"))
		return error_set(err, ERROR_UNSUPPORTED,
				 "this is an image of Docker's schema 1, which is no longer "
				 "supported; push the image again with a current version");
	if (version != 2)
		return error_set(err, ERROR_INVALID, "\"schemaVersion\" is %" PRId64 ", not 2", version);
	return 0;
}

/* The kind that the members speak of. */
static int kind_of_members(const json_t *document, enum document_kind *ret_kind, struct error *err)
{
	bool has_layers = json_object_get(document, "layers") != NULL;
	bool has_config = json_object_get(document, "config") != NULL;
	bool has_manifests = json_object_get(document, "manifests") != NULL;
	if (has_manifests && (has_layers || has_config))
		return error_set(err, ERROR_INVALID,
				 "the document has \"manifests\" and \"%s\": it could be taken for an "
				 "index or for a manifest",
				 has_layers ? "layers" : "config");
	if (!has_manifests && !has_config)
		return error_set(err, ERROR_INVALID,
				 "the document has neither \"manifests\" nor \"config\": it is no image");
	*ret_kind = has_manifests ? DOCUMENT_INDEX : DOCUMENT_MANIFEST;
	return 0;
}

static const char *kind_name(enum document_kind kind)
{
	return kind == DOCUMENT_INDEX ? "an index" : "a manifest";
}

int document_classify(const json_t *document, const char *served_as, enum document_kind *ret_kind, struct error *err)
{
	if (!json_is_object(document))
		return error_set(err, ERROR_INVALID, "a manifest has to be a JSON object");
	enum document_kind kind = DOCUMENT_MANIFEST, stated = DOCUMENT_MANIFEST;
	const char *media_type = NULL;
	if (check_members(document, err) < 0 || kind_of_members(document, &kind, err) < 0 ||
	    json_get_string(document, "mediaType", &media_type, err) < 0)
		return -1;
	if (media_type) {
		if (find_kind(media_type, strlen(media_type), &stated, err) < 0)
			return -1;
		if (stated != kind)
			return error_set(err, ERROR_INVALID, "\"mediaType\" is \"%s\", but the document is %s",
					 media_type, kind_name(kind));
	}
	if (served_as) {
		served_as += strspn(served_as, " \t");
		size_t length = strcspn(served_as, "; \t");
		if (find_kind(served_as, length, &stated, err) < 0)
			return error_wrap(err, "the type that it was served as");
		if (stated != kind)
			return error_set(err, ERROR_INVALID, "it was served as \"%.*s\", but the document is %s",
					 (int)length, served_as, kind_name(kind));
		if (media_type && (strlen(media_type) != length || strncasecmp(media_type, served_as, length) != 0))
			return error_set(err, ERROR_INVALID,
					 "it was served as \"%.*s\", but its \"mediaType\" is \"%s\"", (int)length,
					 served_as, media_type);
	}
	*ret_kind = kind;
	return 0;
}

int document_parse(const void *bytes, size_t size, const char *served_as, enum document_kind wanted,
		   json_t **ret_document, struct error *err)
{
	if (size > MANIFEST_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "%zu bytes; at most %zu are allowed", size, MANIFEST_SIZE_LIMIT);
	cleanup_json json_t *document = NULL;
	enum document_kind kind;
	if (json_parse(bytes, size, &document, err) < 0 || document_classify(document, served_as, &kind, err) < 0)
		return -1;
	if (kind != wanted)
		return error_set(err, ERROR_INVALID, "it is %s, not %s", kind_name(kind), kind_name(wanted));
	*ret_document = steal_pointer(&document);
	return 0;
}

int descriptor_parse(const json_t *object, struct descriptor *ret_descriptor, struct error *err)
{
	const char *media_type = NULL, *digest_text = NULL;
	int64_t size = -1;
	struct descriptor descriptor = {0};
	if (json_need_string(object, "mediaType", &media_type, err) < 0 ||
	    json_need_string(object, "digest", &digest_text, err) < 0 ||
	    json_need_integer(object, "size", &size, err) < 0 || digest_parse(digest_text, &descriptor.digest, err) < 0)
		return -1;
	if (!media_type_is_valid(media_type, strlen(media_type)))
		return error_set(err, ERROR_INVALID, "\"mediaType\" is not a media type");
	if (size < 0)
		return error_set(err, ERROR_INVALID, "\"size\" is %" PRId64 "; it cannot be negative", size);
	descriptor.media_type = duplicate_string(media_type);
	descriptor.size = (uint64_t)size;
	*ret_descriptor = descriptor;
	return 0;
}

static int parse_layers(const json_t *document, struct manifest *manifest, struct error *err)
{
	json_t *layers = NULL;
	if (json_get_array(document, "layers", &layers, err) < 0)
		return -1;
	size_t count = json_array_size(layers);
	if (count > MANIFEST_LAYER_LIMIT)
		return error_set(err, ERROR_LIMIT, "%zu layers; at most %d are allowed", count, MANIFEST_LAYER_LIMIT);
	if (count == 0)
		return 0;
	manifest->layers = allocate_array(count, sizeof *manifest->layers);
	for (; manifest->layer_count < count; manifest->layer_count++) {
		size_t i = manifest->layer_count;
		if (descriptor_parse(json_array_get(layers, i), &manifest->layers[i], err) < 0)
			return error_wrap(err, "layer %zu", i);
	}
	return 0;
}

static int parse_annotations(const json_t *document, struct manifest *manifest, struct error *err)
{
	json_t *annotations = NULL, *value;
	const char *key;
	if (json_get_object(document, "annotations", &annotations, err) < 0)
		return -1;
	if (json_object_size(annotations) > ANNOTATION_LIMIT)
		return error_set(err, ERROR_LIMIT, "%zu annotations; at most %d are allowed",
				 json_object_size(annotations), ANNOTATION_LIMIT);
	json_object_foreach(annotations, key, value)
	{
		/* One that is no text, or whose key holds what separates the two, is nobody's that we know. */
		if (json_is_string(value) && !strchr(key, '='))
			string_list_add_format(&manifest->annotations, "%s=%s", key, json_string_value(value));
	}
	return 0;
}

int manifest_parse(const void *bytes, size_t size, const char *served_as, struct manifest *ret_manifest,
		   struct error *err)
{
	cleanup_json json_t *document = NULL;
	cleanup_manifest struct manifest manifest = {0};
	const char *media_type = NULL;
	if (document_parse(bytes, size, served_as, DOCUMENT_MANIFEST, &document, err) < 0 ||
	    json_get_string(document, "mediaType", &media_type, err) < 0)
		return error_wrap(err, "read the image manifest");
	if (descriptor_parse(json_object_get(document, "config"), &manifest.config, err) < 0)
		return error_wrap(err, "read the image manifest: config");
	if (parse_layers(document, &manifest, err) < 0 || parse_annotations(document, &manifest, err) < 0)
		return error_wrap(err, "read the image manifest");
	if (media_type)
		manifest.media_type = duplicate_string(media_type);
	else if (served_as && strncasecmp(served_as + strspn(served_as, " \t"), MEDIA_TYPE_DOCKER_MANIFEST,
					  strlen(MEDIA_TYPE_DOCKER_MANIFEST)) == 0)
		manifest.media_type = duplicate_string(MEDIA_TYPE_DOCKER_MANIFEST);
	else
		manifest.media_type = duplicate_string(MEDIA_TYPE_OCI_MANIFEST);
	*ret_manifest = manifest;
	manifest = (struct manifest){0};
	return 0;
}

void manifest_release(struct manifest *manifest)
{
	free(manifest->media_type);
	descriptor_release(&manifest->config);
	for (size_t i = 0; i < manifest->layer_count; i++)
		descriptor_release(&manifest->layers[i]);
	free(manifest->layers);
	string_list_release(&manifest->annotations);
	*manifest = (struct manifest){0};
}

static json_t *descriptor_json(const struct descriptor *descriptor)
{
	json_t *object = json_object();
	json_set_text(object, "mediaType", descriptor->media_type);
	json_set_text(object, "digest", descriptor->digest.text);
	json_object_set_new(object, "size", json_integer((json_int_t)descriptor->size));
	return object;
}

char *manifest_serialize(const struct manifest *manifest)
{
	cleanup_json json_t *document = json_object();
	json_object_set_new(document, "schemaVersion", json_integer(2));
	json_set_text(document, "mediaType", manifest->media_type ? manifest->media_type : MEDIA_TYPE_OCI_MANIFEST);
	json_object_set_new(document, "config", descriptor_json(&manifest->config));
	json_t *layers = json_array();
	for (size_t i = 0; i < manifest->layer_count; i++)
		json_array_append_new(layers, descriptor_json(&manifest->layers[i]));
	json_object_set_new(document, "layers", layers);
	if (manifest->annotations.count) {
		json_t *annotations = json_object();
		json_object_set_new(document, "annotations", annotations);
		json_set_pairs(annotations, &manifest->annotations);
	}
	return json_text(document);
}
