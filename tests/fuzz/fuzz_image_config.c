/* Image configurations: what is written is read as the same. */
#include <stdint.h>
#include <string.h>

#include "oci/image_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_image_config struct image_config config = {0}, again = {0}, copy = {0};
	struct error err = {0};
	if (image_config_parse(bytes, size, &config, &err) < 0)
		return 0;
	cleanup_free char *text = image_config_serialize(&config);
	if (image_config_parse(text, strlen(text), &again, &err) < 0)
		abort();
	image_config_copy(&copy, &again);
	cleanup_free char *text_again = image_config_serialize(&copy);
	if (strcmp(text, text_again) != 0)
		abort();
	return 0;
}
