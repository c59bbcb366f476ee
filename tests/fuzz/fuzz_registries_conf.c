/* registries.conf: whatever is accepted leads to names that may stand in a URL. */
#include <stdint.h>
#include <string.h>

#include "oci/reference.h"
#include "transfer/registries_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const names[][2] = {
		{"docker.io", "library/debian"}, {"a.b.example.com", "x"}, {"example.com:5000", "team/app"}};
	cleanup_registries_conf struct registries_conf conf = {0};
	struct error err = {0};
	if (registries_conf_add(&conf, "fuzz", (const char *)bytes, size, &err) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(names) * 2; i++) {
		cleanup_registry_sources struct registry_sources sources = {0};
		if (registries_conf_sources(&conf, names[i / 2][0], names[i / 2][1], i & 1, &sources, &err) < 0)
			continue;
		if (sources.count == 0)
			abort();
		for (size_t j = 0; j < sources.count; j++)
			if (!reference_path_is_valid(sources.items[j].path) || !*sources.items[j].domain ||
			    strpbrk(sources.items[j].domain, "/@#?% \\\"\r\n"))
				abort();
	}
	return 0;
}
