#include "unique_code.h"

#include <ctype.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>

void unique_code_make(const char *user_id, const char *exercise, char code[UNIQUE_CODE_SIZE])
{
	struct sha256_ctx context;
	uint8_t digest[SHA256_DIGEST_SIZE];
	sha256_init(&context);
	for (; *user_id; user_id++) {
		uint8_t letter = (uint8_t)tolower((unsigned char)*user_id);
		sha256_update(&context, 1, &letter);
	}
	sha256_update(&context, strlen(exercise), (const uint8_t *)exercise);
	sha256_digest(&context, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(code + 2 * i, 3, "%02x", digest[i]);
}
