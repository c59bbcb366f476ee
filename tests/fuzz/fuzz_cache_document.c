/* Documents of a build cache: what was read is written, and read again, as the same. */
#include <stdint.h>
#include <string.h>

#include "build/cache_document.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_cache_document struct cache_document document = {0}, again = {0};
	struct error err = {0};
	if (cache_document_parse(bytes, size, &document, &err) < 0)
		return 0;
	for (size_t i = 0; i < document.record_count; i++) {
		const struct cache_record *record = &document.records[i];
		if (cache_document_find(&document, &record->key) != record ||
		    record->layer >= (ptrdiff_t)document.layer_count)
			abort();
	}
	cleanup_free char *text = cache_document_serialize(&document);
	if (cache_document_parse(text, strlen(text), &again, &err) < 0 || again.record_count != document.record_count ||
	    again.layer_count != document.layer_count)
		abort();
	cleanup_free char *second = cache_document_serialize(&again);
	if (strcmp(text, second) != 0)
		abort();
	return 0;
}
