#include "base/random.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

void random_bytes(void *bytes, size_t size)
{
	char *at = bytes;
	while (size > 0) {
		ssize_t got = getrandom(at, size, 0);
		if (got < 0) {
			if (errno == EINTR)
				continue;
			abort();
		}
		at += got;
		size -= (size_t)got;
	}
}

void hex_encode(const void *bytes, size_t size, char *text)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = bytes;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = digits[from[i] >> 4];
		text[2 * i + 1] = digits[from[i] & 15];
	}
	text[2 * size] = '\0';
}

void random_hex(char *text, size_t digits)
{
	unsigned char bytes[64];
	size_t done = 0;
	while (done < digits) {
		size_t part = (digits - done) / 2;
		if (part > sizeof bytes)
			part = sizeof bytes;
		random_bytes(bytes, part);
		hex_encode(bytes, part, text + done);
		done += 2 * part;
	}
}
