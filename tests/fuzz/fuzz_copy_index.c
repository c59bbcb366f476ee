/*
 * The index.json of a layout, as `image copy` reads and rewrites it: the first line is a name, the rest the document.
 * What is found is one of the document's entries; what is put into it is found again by its name.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oci/media_type.h"
#include "transfer/copy_index.h"

#define NAME "v1.0"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static const struct descriptor *find_entry(const struct index *index, const struct digest *digest)
{
	for (size_t i = 0; i < index->entry_count; i++)
		if (digest_equal(&index->entries[i].descriptor.digest, digest))
			return &index->entries[i].descriptor;
	return NULL;
}

static void check_find(const struct buffer *text, const char *name)
{
	struct descriptor root = {0};
	cleanup_index struct index index = {0};
	struct error err = {0};
	if (copy_layout_find(text, name, &root, &err) < 0) {
		if (!err.message[0])
			abort();
		return;
	}
	if (index_parse(buffer_text(text), text->size, NULL, &index, &err) < 0 || !find_entry(&index, &root.digest))
		abort();
	descriptor_release(&root);
}

static void check_put(const struct buffer *before)
{
	struct descriptor root = {.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST, .size = 7}, found = {0};
	cleanup_free char *text = NULL;
	cleanup_index struct index index = {0};
	struct error err = {0};
	digest_of_bytes("fuzz", 4, &root.digest);
	if (copy_index_text(before, &root, NULL, NAME, &text, &err) < 0) {
		if (!err.message[0])
			abort();
		return;
	}
	/* Whatever else is in there may be what no index may have. */
	if (index_parse(text, strlen(text), NULL, &index, NULL) < 0)
		return;
	cleanup_buffer struct buffer after = BUFFER_INIT(strlen(text) + 1);
	if (buffer_append_string(&after, text, &err) < 0 || copy_layout_find(&after, NAME, &found, &err) < 0 ||
	    !digest_equal(&found.digest, &root.digest))
		abort();
	descriptor_release(&found);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	const uint8_t *line = size ? memchr(bytes, '\n', size) : NULL;
	size_t length = line ? (size_t)(line - bytes) : 0, start = line ? length + 1 : 0;
	cleanup_free char *name = duplicate_bytes(bytes, length);
	cleanup_buffer struct buffer text = BUFFER_INIT(size - start + 1);
	struct error err = {0};
	if (buffer_append(&text, bytes + start, size - start, &err) < 0)
		abort();
	check_find(&text, name);
	check_find(&text, NULL);
	check_put(&text);
	return 0;
}
