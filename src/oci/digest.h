/*
 * Digests of the OCI image specification (descriptor.md, "Digests"): "sha256:" + 64 or "sha512:" + 128 lower-case
 * hexadecimal digits. A digest that did not pass digest_parse() is never used in a path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define DIGEST_TEXT_SIZE 136 /* "sha512:" + 128 digits + NUL */

enum digest_algorithm { DIGEST_SHA256, DIGEST_SHA512, DIGEST_ALGORITHM_COUNT };

struct digest {
	char text[DIGEST_TEXT_SIZE]; /* "" is no digest */
};

int digest_parse(const char *text, struct digest *ret_digest, struct error *err);
bool digest_equal(const struct digest *a, const struct digest *b);
static inline bool digest_is_set(const struct digest *digest)
{
	return digest->text[0] != '\0';
}
enum digest_algorithm digest_algorithm_of(const struct digest *digest);
const char *digest_algorithm_name(enum digest_algorithm algorithm); /* "sha256" */
/* The digits behind the colon. */
const char *digest_hex(const struct digest *digest);

/* Bytes in, digest out. The hasher is used once. */
struct hasher;
struct hasher *hasher_new(enum digest_algorithm algorithm);
void hasher_free(struct hasher *hasher);
void hasher_update(struct hasher *hasher, const void *bytes, size_t size);
void hasher_finish(struct hasher *hasher, struct digest *ret_digest);
static inline void hasher_free_pointer(struct hasher **hasher)
{
	hasher_free(*hasher);
}
#define cleanup_hasher CLEANUP(hasher_free_pointer)

/* The sha256 digest of the bytes. */
void digest_of_bytes(const void *bytes, size_t size, struct digest *ret_digest);
/* Hashes the bytes with the algorithm of `expected`; ERROR_CORRUPT where they differ. */
int digest_verify_bytes(const struct digest *expected, const void *bytes, size_t size, struct error *err);
