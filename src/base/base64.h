/* Base64 (RFC 4648): with padding as in a Basic header, and the form for URLs without, as in a token. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Owned by the caller. */
char *base64_encode(const void *bytes, size_t size);
char *base64url_encode(const void *bytes, size_t size);
/* Both refuse every other spelling of the same bytes. A NUL is put behind them; owned by the caller; NULL: invalid. */
unsigned char *base64url_decode(const char *text, size_t length, size_t *ret_size);
unsigned char *base64_decode(const char *text, size_t length, size_t *ret_size);
