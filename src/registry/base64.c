#include "registry/base64.h"

#include <openssl/evp.h>
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

char *base64url_encode(const void *bytes, size_t size)
{
	char *text = allocate((size + 2) / 3 * 4 + 1);
	EVP_EncodeBlock((unsigned char *)text, bytes, (int)size);
	text[strcspn(text, "=")] = '\0';
	translate(text, "+/", "-_");
	return text;
}

unsigned char *base64_decode(const char *text, size_t length, size_t *ret_size)
{
	if (length == 0 || length % 4 != 0 || length > 1024 * 1024)
		return NULL;
	cleanup_free unsigned char *bytes = allocate(length / 4 * 3 + 1);
	int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)text, (int)length);
	if (decoded < 0)
		return NULL;
	size_t size = (size_t)decoded - (text[length - 1] == '=') - (text[length - 2] == '=');
	/* EVP_DecodeBlock trims white space and takes bits that mean nothing. */
	cleanup_free char *again = allocate(length + 1);
	EVP_EncodeBlock((unsigned char *)again, bytes, (int)size);
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
