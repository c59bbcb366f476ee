/*
 * Digests by libcrypto. The algorithms are fetched once, and the library is told not to read openssl.cnf: that file is
 * of no use here and costs every start of the engine some system calls.
 */
#include "oci/digest.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/random.h"

struct hasher {
	EVP_MD_CTX *context;
	enum digest_algorithm algorithm;
};

static const struct {
	const char *name;
	const char *library_name;
	size_t digits;
} algorithms[] = {
	[DIGEST_SHA256] = {"sha256", "SHA256", 64},
	[DIGEST_SHA512] = {"sha512", "SHA512", 128},
};
static_assert(ARRAY_SIZE(algorithms) == DIGEST_ALGORITHM_COUNT, "a row for each algorithm");

static EVP_MD *fetched[DIGEST_ALGORITHM_COUNT];
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch_algorithms(void)
{
	OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
				    OPENSSL_INIT_NO_ADD_ALL_DIGESTS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS,
			    NULL);
	for (size_t i = 0; i < DIGEST_ALGORITHM_COUNT; i++) {
		fetched[i] = EVP_MD_fetch(NULL, algorithms[i].library_name, NULL);
		if (!fetched[i])
			abort();
	}
}

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

/* What libcrypto refuses here is memory only, and a failed allocation aborts everywhere. */
static void check(int answer)
{
	if (answer != 1)
		abort();
}

struct hasher *hasher_new(enum digest_algorithm algorithm)
{
	pthread_once(&fetch_once, fetch_algorithms);
	struct hasher *hasher = allocate(sizeof *hasher);
	hasher->algorithm = algorithm;
	hasher->context = EVP_MD_CTX_new();
	if (!hasher->context)
		abort();
	check(EVP_DigestInit_ex2(hasher->context, fetched[algorithm], NULL));
	return hasher;
}

void hasher_free(struct hasher *hasher)
{
	if (!hasher)
		return;
	EVP_MD_CTX_free(hasher->context);
	free(hasher);
}

void hasher_update(struct hasher *hasher, const void *bytes, size_t size)
{
	if (size)
		check(EVP_DigestUpdate(hasher->context, bytes, size));
}

void hasher_finish(struct hasher *hasher, struct digest *ret_digest)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];
	unsigned int size = 0;
	check(EVP_DigestFinal_ex(hasher->context, bytes, &size));
	const char *name = algorithms[hasher->algorithm].name;
	size_t name_length = strlen(name);
	*ret_digest = (struct digest){0};
	memcpy(ret_digest->text, name, name_length);
	ret_digest->text[name_length] = ':';
	hex_encode(bytes, size, ret_digest->text + name_length + 1);
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
