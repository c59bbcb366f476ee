#include "base/base64.h"

#include <nettle/base64.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"

static void translate(char *text, const char *from, const char *to)
{
	for (; *text; text++)
		for (int i = 0; i < 2; i++)
			if (*text == from[i]) {
				*text = to[i];
				break;
			}
}

char *base64_encode(const void *bytes, size_t size)
{
	char *text = allocate(BASE64_ENCODE_RAW_LENGTH(size) + 1);
	base64_encode_raw(text, size, bytes);
	return text;
}

char *base64url_encode(const void *bytes, size_t size)
{
	char *text = base64_encode(bytes, size);
	text[strcspn(text, "=")] = '\0';
	translate(text, "+/", "-_");
	return text;
}

unsigned char *base64_decode(const char *text, size_t length, size_t *ret_size)
{
	if (length == 0 || length % 4 != 0 || length > 1024 * 1024)
		return NULL;
	cleanup_free unsigned char *bytes = allocate(BASE64_DECODE_LENGTH(length) + 1);
	struct base64_decode_ctx decoder;
	size_t size = BASE64_DECODE_LENGTH(length);
	base64_decode_init(&decoder);
	if (!base64_decode_update(&decoder, &size, bytes, length, text) || !base64_decode_final(&decoder))
		return NULL;
	/* nettle skips white space and takes bits that mean nothing. */
	cleanup_free char *again = base64_encode(bytes, size);
	if (strlen(again) != length || memcmp(again, text, length) != 0)
		return NULL;
	bytes[size] = '\0';
	*ret_size = size;
	return steal_pointer(&bytes);
}

unsigned char *base64url_decode(const char *text, size_t length, size_t *ret_size)
{
	if (length == 0 || length > 1024 * 1024 || memchr(text, '+', length) || memchr(text, '/', length) ||
	    memchr(text, '=', length))
		return NULL;
	size_t padded_length = (length + 3) / 4 * 4;
	cleanup_free char *padded = allocate(padded_length + 1);
	memset(padded, '=', padded_length);
	memcpy(padded, text, length);
	translate(padded, "-_", "+/");
	return base64_decode(padded, padded_length, ret_size);
}
