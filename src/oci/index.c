/* Image indexes: one image for several platforms. */
#include <inttypes.h>
#include <string.h>

#include "base/buffer.h"
#include "oci/document.h"
#include "oci/manifest.h"

#define ATTESTATION_ANNOTATION "vnd.docker.reference.type"
#define ATTESTATION_MANIFEST   "attestation-manifest"
#define FULL_NAME_ANNOTATION   "io.containerd.image.name"
#define REF_NAME_ANNOTATION    "org.opencontainers.image.ref.name"

static int copy_word(const json_t *object, const char *name, char word[32], struct error *err)
{
	const char *text = "";
	if (json_get_string(object, name, &text, err) < 0)
		return -1;
	size_t length = strlen(text);
	if (length >= 32)
		return error_set(err, ERROR_LIMIT, "\"%s\" has %zu characters; at most 31 are allowed", name, length);
	memcpy(word, text, length + 1);
	return 0;
}

static int parse_entry(const json_t *object, struct index_entry *ret_entry, struct error *err)
{
	json_t *platform = NULL, *annotations = NULL;
	struct index_entry entry = {0};
	const char *reference_type = "", *full_name = NULL, *ref_name = NULL;
	if (json_get_object(object, "platform", &platform, err) < 0 ||
	    json_get_object(object, "annotations", &annotations, err) < 0)
		return -1;
	if (annotations && json_get_string(annotations, ATTESTATION_ANNOTATION, &reference_type, err) < 0)
		return -1;
	/* One that is no text is no name. */
	if (annotations) {
		json_get_string(annotations, FULL_NAME_ANNOTATION, &full_name, NULL);
		json_get_string(annotations, REF_NAME_ANNOTATION, &ref_name, NULL);
	}
	if (platform && (copy_word(platform, "os", entry.platform.os, err) < 0 ||
			 copy_word(platform, "architecture", entry.platform.architecture, err) < 0 ||
			 copy_word(platform, "variant", entry.platform.variant, err) < 0))
		return -1;
	entry.is_attestation = strcmp(reference_type, ATTESTATION_MANIFEST) == 0;
	if (descriptor_parse(object, &entry.descriptor, err) < 0)
		return -1;
	entry.full_name = duplicate_string(full_name);
	entry.ref_name = duplicate_string(ref_name);
	*ret_entry = entry;
	return 0;
}

int index_parse(const void *bytes, size_t size, const char *served_as, struct index *ret_index, struct error *err)
{
	cleanup_json json_t *document = NULL;
	cleanup_index struct index index = {0};
	json_t *manifests = NULL;
	if (document_parse(bytes, size, served_as, DOCUMENT_INDEX, &document, err) < 0 ||
	    json_get_array(document, "manifests", &manifests, err) < 0)
		return error_wrap(err, "read the image index");
	size_t count = json_array_size(manifests);
	if (count > INDEX_ENTRY_LIMIT)
		return error_set(err, ERROR_LIMIT, "read the image index: %zu entries; at most %d are allowed", count,
				 INDEX_ENTRY_LIMIT);
	if (count > 0)
		index.entries = allocate_array(count, sizeof *index.entries);
	for (; index.entry_count < count; index.entry_count++) {
		size_t i = index.entry_count;
		if (parse_entry(json_array_get(manifests, i), &index.entries[i], err) < 0)
			return error_wrap(err, "read the image index: entry %zu", i);
	}
	*ret_index = index;
	index = (struct index){0};
	return 0;
}

void index_release(struct index *index)
{
	for (size_t i = 0; i < index->entry_count; i++) {
		descriptor_release(&index->entries[i].descriptor);
		free(index->entries[i].full_name);
		free(index->entries[i].ref_name);
	}
	free(index->entries);
	*index = (struct index){0};
}

/*
 * How well an offered platform fits; 0 is not at all. The very variant comes first, then none given, then any other
 * that runs, of which the higher name is the newer machine.
 */
static int fitness(const struct platform *wanted, const struct platform *offered)
{
	if (!platform_matches(wanted, offered))
		return 0;
	if (strcmp(wanted->variant, offered->variant) == 0)
		return 4;
	if (!offered->variant[0])
		return 3;
	/* "arm64" and "arm64/v8" are one; other variants on a wanted name without one may need a newer machine. */
	return strcmp(offered->variant, "v8") == 0 ? 3 : 2;
}

static void list_platforms(const struct index *index, struct buffer *list)
{
	for (size_t i = 0; i < index->entry_count; i++) {
		const struct index_entry *entry = &index->entries[i];
		if (entry->is_attestation || !entry->platform.os[0])
			continue;
		cleanup_free char *text = platform_text(&entry->platform);
		/* A list that is cut short at the buffer's cap is still of use. */
		if (buffer_append_format(list, NULL, "%s%s", list->size ? ", " : "", text) < 0)
			return;
	}
}

int index_select(const struct index *index, const struct platform *wanted, const struct index_entry **ret_entry,
		 struct error *err)
{
	const struct index_entry *best = NULL;
	int best_fitness = 0;
	for (size_t i = 0; i < index->entry_count; i++) {
		const struct index_entry *entry = &index->entries[i];
		if (entry->is_attestation)
			continue;
		/* An entry that names no platform is taken where no other fits; its config will tell. */
		int fits = entry->platform.os[0] ? fitness(wanted, &entry->platform) : 1;
		bool is_newer = fits == 2 && best_fitness == 2 &&
				strcmp(entry->platform.variant, best->platform.variant) > 0 && wanted->variant[0];
		if (fits > best_fitness || is_newer) {
			best = entry;
			best_fitness = fits;
		}
	}
	if (!best) {
		cleanup_buffer struct buffer list = BUFFER_INIT(1024);
		cleanup_free char *text = platform_text(wanted);
		list_platforms(index, &list);
		return error_set(err, ERROR_NOT_FOUND,
				 "no matching manifest for %s in the manifest list entries (there is: %s)", text,
				 list.size ? buffer_text(&list) : "none");
	}
	*ret_entry = best;
	return 0;
}
