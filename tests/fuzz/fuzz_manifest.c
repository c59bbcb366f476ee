/* Manifests and indexes: no document is both, and what is written is read as the same. */
#include <stdint.h>
#include <string.h>

#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_manifest struct manifest manifest = {0}, again = {0};
	cleanup_index struct index index = {0};
	struct error err = {0};
	int is_manifest = manifest_parse(bytes, size, NULL, &manifest, &err) == 0;
	int is_index = index_parse(bytes, size, NULL, &index, &err) == 0;
	if (is_manifest && is_index)
		abort();
	if (is_manifest) {
		cleanup_free char *text = manifest_serialize(&manifest);
		if (manifest_parse(text, strlen(text), manifest.media_type, &again, &err) < 0)
			abort();
		cleanup_free char *text_again = manifest_serialize(&again);
		if (strcmp(text, text_again) != 0)
			abort();
	}
	if (is_index) {
		struct platform host;
		const struct index_entry *entry = NULL;
		platform_host(&host);
		if (index_select(&index, &host, &entry, &err) == 0 && entry->is_attestation)
			abort();
	}
	return 0;
}
