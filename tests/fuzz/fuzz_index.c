/* Indexes: whatever platform is asked for, what is chosen fits it and is no attestation. */
#include <stdint.h>
#include <stdlib.h>

#include "oci/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const wanted[] = {"linux/amd64", "linux/arm64/v8", "linux/arm/v7", "windows/amd64"};
	cleanup_index struct index index = {0};
	struct error err = {0};
	if (index_parse(bytes, size, NULL, &index, &err) < 0) {
		if (!err.message[0])
			abort();
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
		struct platform platform;
		const struct index_entry *entry = NULL;
		if (platform_parse(wanted[i], &platform, &err) < 0)
			abort();
		if (index_select(&index, &platform, &entry, &err) < 0)
			continue;
		if (entry < index.entries || entry >= index.entries + index.entry_count || entry->is_attestation ||
		    (entry->platform.os[0] && !platform_matches(&platform, &entry->platform)))
			abort();
		struct digest again;
		if (digest_parse(entry->descriptor.digest.text, &again, &err) < 0)
			abort();
	}
	return 0;
}
