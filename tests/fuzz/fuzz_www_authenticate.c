/* WWW-Authenticate: what is refused changes nothing, what is accepted has no control characters but tabs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/www_authenticate.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_text(const char *text)
{
	for (; text && *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	cleanup_free char *text = duplicate_bytes(bytes, size);
	cleanup_challenge_list struct challenge_list list = {0};
	struct error err = {0};
	if (www_authenticate_parse("Basic realm=\"first\"", &list, &err) < 0)
		abort();
	if (www_authenticate_parse(text, &list, &err) < 0 && (list.count != 1 || !err.message[0]))
		abort();
	if (list.count > WWW_AUTHENTICATE_CHALLENGE_LIMIT || strcmp(list.items[0].realm, "first") != 0)
		abort();
	for (size_t i = 0; i < list.count; i++) {
		check_text(list.items[i].realm);
		check_text(list.items[i].service);
		check_text(list.items[i].scope);
		check_text(list.items[i].error);
	}
	if (challenge_list_find(&list, CHALLENGE_BASIC) != &list.items[0])
		abort();
	return 0;
}
