/* Templates of --format: whatever is typed ends, within its bounds. */
#include <stdint.h>
#include <string.h>

#include "cli/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *text = duplicate_bytes(bytes, size);
	cleanup_template struct template *template = NULL;
	struct error err = {0};
	if (template_parse(text, &template, &err) < 0)
		return 0;
	cleanup_json json_t *document =
		json_pack("{s:s, s:i, s:[s,s], s:{s:s}, s:n}", "A", "text", "B", 7, "C", "x", "y", "D", "k", "v", "E");
	cleanup_buffer struct buffer output = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	const struct template_input input = {.json = document};
	template_execute(template, &input, &output, &err);
	return 0;
}
