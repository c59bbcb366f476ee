#include "engine/manifest_list.h"

#include <string.h>

#include "engine/manifest_file.h"
#include "oci/media_type.h"

int manifest_fetch(struct engine *engine, const struct reference *image, bool with_platform, json_t **ret_done,
		   struct error *err)
{
	cleanup_json json_t *request = registry_request_new(engine, "manifest", image);
	if (digest_is_set(&image->digest))
		json_object_set_new(request, "digest", json_string(image->digest.text));
	json_object_set_new(request, "with_platform", json_boolean(with_platform));
	return registry_request_send(request, NULL, ret_done, err);
}

json_t *manifest_entry_find(const json_t *document, const struct reference *image)
{
	cleanup_free char *text = reference_text(image);
	json_t *entries = json_object_get(document, "manifests");
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *entry = json_array_get(entries, i);
		const char *name = json_string_value(json_object_get(entry, "reference"));
		if (name && strcmp(name, text) == 0)
			return entry;
	}
	return NULL;
}

/* From the answer to "manifest". */
static int make_entry(const struct reference *image, const json_t *done, json_t **ret_entry, struct error *err)
{
	const char *media_type, *digest, *document;
	int64_t size;
	bool is_index = false;
	cleanup_free char *text = reference_text(image);
	cleanup_free char *name = reference_name(image);
	if (json_need_string(done, "media_type", &media_type, err) < 0 ||
	    json_need_string(done, "digest", &digest, err) < 0 ||
	    json_need_string(done, "document", &document, err) < 0 || json_need_integer(done, "size", &size, err) < 0 ||
	    json_get_boolean(done, "is_index", &is_index, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	if (is_index)
		return error_set(err, ERROR_INVALID, "%s is a manifest list", text);
	json_t *descriptor =
		json_pack("{s:s, s:I, s:s}", "mediaType", media_type, "size", (json_int_t)size, "digest", digest);
	json_t *platform = json_object_get(done, "platform");
	if (platform)
		json_object_set(descriptor, "platform", platform);
	*ret_entry = json_pack("{s:s, s:s, s:o, s:s}", "reference", text, "source", name, "descriptor", descriptor,
			       "document", document);
	return 0;
}

/* The list, or a new one; ERROR_CONFLICT where it is there and not to be amended. */
static int begin_list(const struct manifest_files *files, const struct reference *list, bool amend,
		      json_t **ret_document, struct error *err)
{
	struct error why = {0};
	if (manifest_files_read(files, list, ret_document, &why) == 0)
		return amend ? 0
			     : error_set(err, ERROR_CONFLICT,
					 "refusing to amend an existing manifest list with no --amend flag");
	if (why.kind != ERROR_NOT_FOUND) {
		if (err)
			*err = why;
		return -1;
	}
	cleanup_free char *name = reference_text(list);
	*ret_document = json_pack("{s:s, s:[]}", "name", name, "manifests");
	return 0;
}

static int fetch_entry(struct engine *engine, const char *text, json_t *entries, struct error *err)
{
	cleanup_reference struct reference image = {0};
	cleanup_json json_t *done = NULL;
	json_t *entry = NULL;
	if (reference_parse(text, &image, err) < 0 || manifest_fetch(engine, &image, true, &done, err) < 0 ||
	    make_entry(&image, done, &entry, err) < 0)
		return -1;
	json_array_append_new(entries, entry);
	return 0;
}

static void merge_entry(json_t *document, json_t *entry)
{
	json_t *entries = json_object_get(document, "manifests");
	const char *wanted = json_string_value(json_object_get(entry, "reference"));
	for (size_t i = 0; i < json_array_size(entries); i++) {
		const char *name = json_string_value(json_object_get(json_array_get(entries, i), "reference"));
		if (name && wanted && strcmp(name, wanted) == 0) {
			json_array_set(entries, i, entry);
			return;
		}
	}
	json_array_append(entries, entry);
}

int manifest_list_create(struct engine *engine, const struct reference *list, char *const *images, size_t count,
			 bool amend, struct error *err)
{
	cleanup_manifest_files struct manifest_files early = MANIFEST_FILES_INIT, files = MANIFEST_FILES_INIT;
	cleanup_json json_t *before = NULL;
	cleanup_json json_t *document = NULL;
	cleanup_json json_t *entries = json_array();
	if (manifest_files_open(engine, false, &early, err) < 0 || begin_list(&early, list, amend, &before, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (fetch_entry(engine, images[i], entries, err) < 0)
			return -1;
	/* Nobody waits for a registry: the lock is taken when all is here. */
	if (manifest_files_open(engine, true, &files, err) < 0 || begin_list(&files, list, amend, &document, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(entries); i++)
		merge_entry(document, json_array_get(entries, i));
	return manifest_files_write(&files, list, document, err);
}

/* The systems and machines that Docker lets a list name. */
static bool platform_is_known(const char *os, const char *architecture)
{
	static const struct {
		const char *os;
		const char *architectures; /* between spaces */
	} known[] = {
		{"aix", " ppc64 "},
		{"android", " 386 amd64 arm arm64 "},
		{"darwin", " 386 amd64 arm arm64 "},
		{"dragonfly", " amd64 "},
		{"freebsd", " 386 amd64 arm arm64 "},
		{"illumos", " amd64 "},
		{"js", " wasm "},
		{"linux", " 386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x "},
		{"netbsd", " 386 amd64 arm "},
		{"openbsd", " 386 amd64 arm arm64 "},
		{"plan9", " 386 amd64 arm "},
		{"solaris", " amd64 "},
		{"wasip1", " wasm "},
		{"windows", " 386 amd64 arm arm64 "},
	};
	cleanup_free char *wanted = format_string(" %s ", architecture);
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strcmp(known[i].os, os) == 0 && strstr(known[i].architectures, wanted))
			return true;
	return false;
}

int manifest_list_annotate(struct engine *engine, const struct reference *list, const struct reference *image,
			   const struct manifest_annotation *annotation, struct error *err)
{
	cleanup_manifest_files struct manifest_files files = MANIFEST_FILES_INIT;
	cleanup_json json_t *document = NULL;
	const char *os = "", *architecture = "";
	if (manifest_files_open(engine, true, &files, err) < 0 || manifest_files_read(&files, list, &document, err) < 0)
		return -1;
	json_t *entry = manifest_entry_find(document, image);
	if (!entry) {
		cleanup_free char *name = reference_text(image);
		cleanup_free char *of = reference_text(list);
		return error_set(err, ERROR_NOT_FOUND, "manifest for image %s does not exist in %s", name, of);
	}
	json_t *descriptor = json_object_get(entry, "descriptor");
	json_t *platform = json_object_get(descriptor, "platform");
	if (!json_is_object(platform)) {
		platform = json_object();
		json_object_set_new(descriptor, "platform", platform);
	}
	json_set_text(platform, "architecture", annotation->architecture);
	json_set_text(platform, "os", annotation->os);
	json_set_text(platform, "os.version", annotation->os_version);
	json_set_text(platform, "variant", annotation->variant);
	if (annotation->os_features.count > 0)
		json_object_set_new(platform, "os.features", json_from_strings(&annotation->os_features));
	if (json_get_string(platform, "os", &os, err) < 0 ||
	    json_get_string(platform, "architecture", &architecture, err) < 0)
		return -1;
	if (!platform_is_known(os, architecture))
		return error_set(err, ERROR_INVALID,
				 "manifest entry for image has unsupported os/arch combination: %s/%s", os,
				 architecture);
	return manifest_files_write(&files, list, document, err);
}

/* An OCI index where the first image is OCI's, as Docker decides. */
int manifest_list_index(const json_t *document, json_t **ret_index, struct error *err)
{
	json_t *entries = json_object_get(document, "manifests");
	const char *first = "", *type = MEDIA_TYPE_DOCKER_LIST;
	json_get_string(json_object_get(json_array_get(entries, 0), "descriptor"), "mediaType", &first, NULL);
	if (strcmp(first, MEDIA_TYPE_OCI_MANIFEST) == 0)
		type = MEDIA_TYPE_OCI_INDEX;
	json_t *manifests = json_array();
	cleanup_json json_t *index =
		json_pack("{s:i, s:s, s:o}", "schemaVersion", 2, "mediaType", type, "manifests", manifests);
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *entry = json_array_get(entries, i);
		json_t *descriptor = json_object_get(entry, "descriptor");
		json_t *platform = json_object_get(descriptor, "platform");
		const char *os = "", *architecture = "", *reference = "";
		json_get_string(platform, "os", &os, NULL);
		json_get_string(platform, "architecture", &architecture, NULL);
		json_get_string(entry, "reference", &reference, NULL);
		if (!*os || !*architecture)
			return error_set(err, ERROR_INVALID,
					 "manifest %s must have an OS and Architecture to be pushed to a registry",
					 reference);
		json_array_append(manifests, descriptor);
	}
	*ret_index = steal_pointer(&index);
	return 0;
}

static json_t *sources_of(const json_t *document)
{
	json_t *entries = json_object_get(document, "manifests"), *sources = json_array();
	for (size_t i = 0; i < json_array_size(entries); i++) {
		json_t *entry = json_array_get(entries, i);
		json_array_append_new(sources,
				      json_pack("{s:O, s:O}", "source", json_object_get(entry, "source"), "digest",
						json_object_get(json_object_get(entry, "descriptor"), "digest")));
	}
	return sources;
}

int manifest_list_push(struct engine *engine, const struct reference *list, const struct transfer_progress *progress,
		       struct digest *ret_digest, struct error *err)
{
	cleanup_manifest_files struct manifest_files files = MANIFEST_FILES_INIT;
	cleanup_json json_t *document = NULL;
	cleanup_json json_t *index = NULL;
	cleanup_json json_t *done = NULL;
	const char *type;
	if (manifest_files_open(engine, false, &files, err) < 0 ||
	    manifest_files_read(&files, list, &document, err) < 0 || manifest_list_index(document, &index, err) < 0 ||
	    json_need_string(index, "mediaType", &type, err) < 0)
		return -1;
	cleanup_free char *text = json_text(index);
	cleanup_free char *name = reference_name(list);
	json_t *sources = sources_of(document);
	cleanup_json json_t *request = registry_request_new(engine, "list", list);
	json_set_text(request, "document", text);
	json_set_text(request, "media_type", type);
	json_object_set_new(request, "manifests", sources);
	if (registry_request_send(request, progress, &done, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(sources); i++) {
		const char *digest = json_string_value(json_object_get(json_array_get(sources, i), "digest"));
		engine_report_line(progress ? &progress->report : NULL, "Pushed ref %s@%s with digest: %s", name,
				   digest ? digest : "", digest ? digest : "");
	}
	return registry_answer_digest(done, "manifest", ret_digest, err);
}

int manifest_list_remove(struct engine *engine, const struct reference *list, struct error *err)
{
	cleanup_manifest_files struct manifest_files files = MANIFEST_FILES_INIT;
	cleanup_json json_t *document = NULL;
	if (manifest_files_open(engine, true, &files, err) < 0 || manifest_files_read(&files, list, &document, err) < 0)
		return -1;
	return manifest_files_remove(&files, list, err);
}
