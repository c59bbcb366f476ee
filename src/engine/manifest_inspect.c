/* `manifest inspect`: documents as the registry has them, or with -v as Docker describes them. */
#include <string.h>

#include "base/base64.h"
#include "engine/manifest_file.h"
#include "oci/media_type.h"

/* {"Ref":…,"Descriptor":…,"Raw":…,"OCIManifest":…} */
static int describe(const char *reference, json_t *descriptor, const char *document, json_t **ret_described,
		    struct error *err)
{
	cleanup_json json_t *parsed = NULL;
	const char *type = "";
	if (json_parse(document, strlen(document), &parsed, err) < 0 ||
	    json_get_string(descriptor, "mediaType", &type, err) < 0)
		return error_wrap(err, "read the manifest of %s", reference);
	cleanup_free char *raw = base64_encode(document, strlen(document));
	*ret_described =
		json_pack("{s:s, s:O, s:s, s:O}", "Ref", reference, "Descriptor", descriptor, "Raw", raw,
			  strcmp(type, MEDIA_TYPE_OCI_MANIFEST) == 0 ? "OCIManifest" : "SchemaV2Manifest", parsed);
	return 0;
}

static int describe_entry(const json_t *entry, json_t **ret_described, struct error *err)
{
	const char *reference, *document;
	if (json_need_string(entry, "reference", &reference, err) < 0 ||
	    json_need_string(entry, "document", &document, err) < 0)
		return -1;
	return describe(reference, json_object_get(entry, "descriptor"), document, ret_described, err);
}

/* A list that was made here. */
static int inspect_local(const json_t *document, bool verbose, json_t **ret_document, struct error *err)
{
	json_t *entries = json_object_get(document, "manifests");
	if (!verbose)
		return manifest_list_index(document, ret_document, err);
	cleanup_json json_t *array = json_array();
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *described;
		if (describe_entry(json_array_get(entries, i), &described, err) < 0)
			return -1;
		json_array_append_new(array, described);
	}
	*ret_document = steal_pointer(&array);
	return 0;
}

static json_t *descriptor_of(const json_t *done)
{
	json_t *descriptor = json_pack("{s:O, s:O, s:O}", "mediaType", json_object_get(done, "media_type"), "digest",
				       json_object_get(done, "digest"), "size", json_object_get(done, "size"));
	json_t *platform = json_object_get(done, "platform");
	if (platform)
		json_object_set(descriptor, "platform", platform);
	return descriptor;
}

static int describe_child(struct engine *engine, const struct manifest_inspect *inspect, json_t *descriptor,
			  json_t **ret_described, struct error *err)
{
	struct reference child = *inspect->image; /* borrows */
	cleanup_json json_t *done = NULL;
	const char *digest, *document;
	child.tag = NULL;
	if (json_need_string(descriptor, "digest", &digest, err) < 0 || digest_parse(digest, &child.digest, err) < 0 ||
	    manifest_fetch(engine, &child, false, &done, err) < 0 ||
	    json_need_string(done, "document", &document, err) < 0)
		return -1;
	cleanup_free char *reference = reference_text(inspect->image);
	cleanup_free char *text = digest_is_set(&inspect->image->digest) ? reference_text(&child)
									 : format_string("%s@%s", reference, digest);
	return describe(text, descriptor, document, ret_described, err);
}

static int inspect_index(struct engine *engine, const struct manifest_inspect *inspect, const json_t *index,
			 json_t **ret_document, struct error *err)
{
	json_t *manifests = NULL;
	cleanup_json json_t *array = json_array();
	if (json_get_array(index, "manifests", &manifests, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(manifests); i++) {
		json_t *described;
		if (describe_child(engine, inspect, json_array_get(manifests, i), &described, err) < 0)
			return -1;
		json_array_append_new(array, described);
	}
	*ret_document = steal_pointer(&array);
	return 0;
}

static int inspect_remote(struct engine *engine, const struct manifest_inspect *inspect, json_t **ret_document,
			  bool *ret_is_index, struct error *err)
{
	cleanup_json json_t *done = NULL;
	cleanup_json json_t *parsed = NULL;
	cleanup_json json_t *descriptor = NULL;
	cleanup_free char *reference = reference_text(inspect->image);
	const char *document;
	bool is_index = false;
	if (manifest_fetch(engine, inspect->image, inspect->verbose, &done, err) < 0)
		return -1;
	if (json_need_string(done, "document", &document, err) < 0 ||
	    json_get_boolean(done, "is_index", &is_index, err) < 0 ||
	    json_parse(document, strlen(document), &parsed, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	*ret_is_index = is_index;
	if (!inspect->verbose) {
		*ret_document = steal_pointer(&parsed);
		return 0;
	}
	if (is_index)
		return inspect_index(engine, inspect, parsed, ret_document, err);
	descriptor = descriptor_of(done);
	return describe(reference, descriptor, document, ret_document, err);
}

/* One image as a list has it, with what was annotated. */
static int inspect_entry(const struct manifest_files *files, const struct manifest_inspect *inspect,
			 json_t **ret_document, struct error *err)
{
	cleanup_json json_t *document = NULL;
	const char *text;
	if (manifest_files_read(files, inspect->list, &document, err) < 0)
		return -1;
	const json_t *entry = manifest_entry_find(document, inspect->image);
	if (!entry) {
		cleanup_free char *name = reference_familiar_text(inspect->image);
		return error_set(err, ERROR_NOT_FOUND, "No such manifest: %s", name);
	}
	if (inspect->verbose)
		return describe_entry(entry, ret_document, err);
	return json_need_string(entry, "document", &text, err) < 0 ? -1
								   : json_parse(text, strlen(text), ret_document, err);
}

int manifest_inspect(struct engine *engine, const struct manifest_inspect *inspect, json_t **ret_document,
		     bool *ret_is_index, struct error *err)
{
	cleanup_manifest_files struct manifest_files files = MANIFEST_FILES_INIT;
	cleanup_json json_t *local = NULL;
	struct error why = {0};
	*ret_is_index = false;
	if (manifest_files_open(engine, false, &files, err) < 0)
		return -1;
	if (inspect->list)
		return inspect_entry(&files, inspect, ret_document, err);
	if (manifest_files_read(&files, inspect->image, &local, &why) == 0) {
		*ret_is_index = true;
		return inspect_local(local, inspect->verbose, ret_document, err);
	}
	if (why.kind == ERROR_NOT_FOUND)
		return inspect_remote(engine, inspect, ret_document, ret_is_index, err);
	if (err)
		*err = why;
	return -1;
}
