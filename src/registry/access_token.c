#include "registry/access_token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <string.h>

#include "base/random.h"

#define PREFIX_LENGTH	(sizeof ACCESS_TOKEN_PREFIX - 1)
#define RANDOM_LENGTH	34
#define CHECKSUM_LENGTH 6 /* 62^6 is more than 2^32 */
#define BODY_LENGTH	(PREFIX_LENGTH + RANDOM_LENGTH)

static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
#define ALPHABET_SIZE (sizeof alphabet - 1)

_Static_assert(BODY_LENGTH + CHECKSUM_LENGTH + 1 == ACCESS_TOKEN_TEXT_SIZE, "the size of a token");
_Static_assert(ACCESS_TOKEN_HASH_SIZE == SHA256_DIGEST_LENGTH, "the size of a hash");

static void checksum(const char *text, char digits[CHECKSUM_LENGTH])
{
	unsigned char hash[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)text, BODY_LENGTH, hash);
	uint32_t number = (uint32_t)hash[0] << 24 | (uint32_t)hash[1] << 16 | (uint32_t)hash[2] << 8 | hash[3];
	for (int i = CHECKSUM_LENGTH - 1; i >= 0; i--) {
		digits[i] = alphabet[number % ALPHABET_SIZE];
		number /= ALPHABET_SIZE;
	}
}

void access_token_generate(char text[ACCESS_TOKEN_TEXT_SIZE])
{
	memcpy(text, ACCESS_TOKEN_PREFIX, PREFIX_LENGTH);
	for (size_t i = PREFIX_LENGTH; i < BODY_LENGTH;) {
		unsigned char byte;
		random_bytes(&byte, 1);
		/* Beyond the last whole multiple the first letters would come up more often. */
		if (byte < 256 / ALPHABET_SIZE * ALPHABET_SIZE)
			text[i++] = alphabet[byte % ALPHABET_SIZE];
	}
	checksum(text, text + BODY_LENGTH);
	text[BODY_LENGTH + CHECKSUM_LENGTH] = '\0';
}

bool access_token_is_valid(const char *text)
{
	char digits[CHECKSUM_LENGTH];
	if (strnlen(text, ACCESS_TOKEN_TEXT_SIZE) != ACCESS_TOKEN_TEXT_SIZE - 1 ||
	    memcmp(text, ACCESS_TOKEN_PREFIX, PREFIX_LENGTH) != 0 ||
	    strspn(text + PREFIX_LENGTH, alphabet) != RANDOM_LENGTH + CHECKSUM_LENGTH)
		return false;
	checksum(text, digits);
	return CRYPTO_memcmp(digits, text + BODY_LENGTH, CHECKSUM_LENGTH) == 0;
}

void access_token_hash(const char *text, unsigned char hash[ACCESS_TOKEN_HASH_SIZE])
{
	SHA256((const unsigned char *)text, strlen(text), hash);
}
