/*
 * Digests by nettle: a page of code in the static engine where libcrypto's would be four megabytes, as fast (both use
 * the processor's SHA instructions), and nothing to set up at the start of a command.
 */
#include "oci/digest.h"

#include <assert.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha2.h>
#include <string.h>

#include "base/random.h"

struct hasher {
	union {
		struct sha256_ctx sha256;
		struct sha512_ctx sha512;
	} context;
	enum digest_algorithm algorithm;
};

static const struct {
	const char *name;
	const struct nettle_hash *hash;
	size_t digits;
} algorithms[] = {
	[DIGEST_SHA256] = {"sha256", &nettle_sha256, 2 * SHA256_DIGEST_SIZE},
	[DIGEST_SHA512] = {"sha512", &nettle_sha512, 2 * SHA512_DIGEST_SIZE},
};
static_assert(ARRAY_SIZE(algorithms) == DIGEST_ALGORITHM_COUNT, "a row for each algorithm");

/* Where a text that somebody else wrote may be shown on a terminal. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~')
			return false;
	return true;
}

static int refuse(const char *why, const char *text, struct error *err)
{
	if (!*text || !is_printable(text))
		return error_set(err, ERROR_INVALID, "%s", why);
	return error_set(err, ERROR_INVALID, "%s: \"%.140s\"", why, text);
}

int digest_parse(const char *text, struct digest *ret_digest, struct error *err)
{
	const char *colon = strchr(text, ':');
	if (!colon)
		return refuse("invalid checksum digest format", text, err);
	size_t name_length = (size_t)(colon - text);
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		const char *name = algorithms[i].name;
		if (strlen(name) != name_length || memcmp(name, text, name_length) != 0)
			continue;
		const char *digits = colon + 1;
		size_t length = strnlen(digits, DIGEST_TEXT_SIZE);
		if (strspn(digits, "0123456789abcdef") < length)
			return refuse("invalid checksum digest format", text, err);
		if (length != algorithms[i].digits)
			return refuse("invalid checksum digest length", text, err);
		*ret_digest = (struct digest){0};
		memcpy(ret_digest->text, text, name_length + 1 + length);
		return 0;
	}
	return refuse("unsupported digest algorithm", text, err);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return strcmp(a->text, b->text) == 0;
}

enum digest_algorithm digest_algorithm_of(const struct digest *digest)
{
	return strncmp(digest->text, "sha512:", 7) == 0 ? DIGEST_SHA512 : DIGEST_SHA256;
}

const char *digest_algorithm_name(enum digest_algorithm algorithm)
{
	return algorithms[algorithm].name;
}

const char *digest_hex(const struct digest *digest)
{
	const char *colon = strchr(digest->text, ':');
	return colon ? colon + 1 : "";
}

struct hasher *hasher_new(enum digest_algorithm algorithm)
{
	struct hasher *hasher = allocate(sizeof *hasher);
	hasher->algorithm = algorithm;
	algorithms[algorithm].hash->init(&hasher->context);
	return hasher;
}

void hasher_free(struct hasher *hasher)
{
	free(hasher);
}

void hasher_update(struct hasher *hasher, const void *bytes, size_t size)
{
	if (size)
		algorithms[hasher->algorithm].hash->update(&hasher->context, size, bytes);
}

void hasher_finish(struct hasher *hasher, struct digest *ret_digest)
{
	unsigned char bytes[SHA512_DIGEST_SIZE];
	const struct nettle_hash *hash = algorithms[hasher->algorithm].hash;
	hash->digest(&hasher->context, hash->digest_size, bytes);
	const char *name = algorithms[hasher->algorithm].name;
	size_t name_length = strlen(name);
	*ret_digest = (struct digest){0};
	memcpy(ret_digest->text, name, name_length);
	ret_digest->text[name_length] = ':';
	hex_encode(bytes, hash->digest_size, ret_digest->text + name_length + 1);
}

static void hash_bytes(enum digest_algorithm algorithm, const void *bytes, size_t size, struct digest *ret_digest)
{
	cleanup_hasher struct hasher *hasher = hasher_new(algorithm);
	hasher_update(hasher, bytes, size);
	hasher_finish(hasher, ret_digest);
}

void digest_of_bytes(const void *bytes, size_t size, struct digest *ret_digest)
{
	hash_bytes(DIGEST_SHA256, bytes, size, ret_digest);
}

int digest_verify_bytes(const struct digest *expected, const void *bytes, size_t size, struct error *err)
{
	struct digest found;
	hash_bytes(digest_algorithm_of(expected), bytes, size, &found);
	if (!digest_equal(expected, &found))
		return error_set(err, ERROR_CORRUPT, "the content does not match its digest: expected %s, got %s",
				 expected->text, found.text);
	return 0;
}
