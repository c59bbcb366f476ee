/* URLs of ADD and of contexts: nothing that passed is an option of git, leaves a folder by its name, or holds a secret.
 */
#include <stdint.h>
#include <string.h>

#include "build/remote_source.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_argument(const char *text)
{
	if (!text)
		return;
	if (!text[0] || text[0] == '-')
		abort();
	for (; *text; text++)
		if ((unsigned char)*text <= 0x20)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *text = duplicate_bytes(bytes, size);
	cleanup_remote_source struct remote_source source = {0}, again = {0};
	struct error err = {0};
	if (remote_source_parse(text, &source, &err) < 0)
		return 0;
	check_argument(source.url);
	check_argument(source.ref);
	if (source.kind != remote_source_kind(text) || strchr(source.url, '#'))
		abort();
	if (source.kind == REMOTE_FILE && (!source.name[0] || strchr(source.name, '/') ||
					   strcmp(source.name, "..") == 0 || strcmp(source.name, ".") == 0))
		abort();
	if (source.ref && (strstr(source.ref, "..") || strchr(source.ref, ':') || source.ref[0] == '+'))
		abort();
	if (source.folder && (!source.folder[0] || source.folder[0] == '/'))
		abort();
	/* What git or the server gets means the same again. */
	if (remote_source_parse(source.url, &again, &err) < 0 || again.kind != source.kind ||
	    strcmp(again.url, source.url) != 0)
		abort();
	return 0;
}
