/* Names of images: what is accepted is printed, and what is printed means the same. */
#include <stdint.h>
#include <string.h>

#include "oci/reference.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *text = duplicate_bytes(bytes, size);
	cleanup_reference struct reference reference = {0}, again = {0};
	struct error err = {0};
	if (reference_parse(text, &reference, &err) < 0)
		return 0;
	cleanup_free char *full = reference_text(&reference);
	/* Path and domain become folders and URLs. Two dots are fine in a tag. */
	cleanup_free char *name = reference_name(&reference);
	if (!reference_path_is_valid(reference.path) || strstr(name, "..") || strstr(name, "//"))
		abort();
	if (reference_parse(full, &again, &err) < 0)
		abort();
	cleanup_free char *full_again = reference_text(&again);
	if (strcmp(full, full_again) != 0)
		abort();
	/* Not parsed again: "docker.io/library/<64 digits>" is a name, while the digits alone are not. */
	cleanup_free char *familiar = reference_familiar_text(&reference);
	if (strlen(familiar) > strlen(full))
		abort();
	return 0;
}
