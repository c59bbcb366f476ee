/*
 * JSON Web Tokens (RFC 7519) signed with Ed25519 (RFC 8037). There is one key and one algorithm. What the header of a
 * token says about keys (jwk, x5c, kid) is never looked at, and an `alg` other than EdDSA is refused.
 */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/memory.h"

#define JWT_SIZE_LIMIT ((size_t)16 * 1024)

struct jwt_key;

struct jwt_key *jwt_key_generate(void);
/* ROOT/token-key.pem (PKCS #8, 0600), made where it is missing. */
int jwt_key_load(int root_fd, struct jwt_key **ret_key, struct error *err);
void jwt_key_free(struct jwt_key *key);
static inline void jwt_key_free_pointer(struct jwt_key **key)
{
	jwt_key_free(*key);
}
#define cleanup_jwt_key CLEANUP(jwt_key_free_pointer)

/* The token's text, owned by the caller. */
int jwt_sign(const struct jwt_key *key, const json_t *claims, char **ret_text, struct error *err);
/* Checks form and signature, not what the claims say. Every fault is ERROR_UNAUTHORIZED. */
int jwt_verify(const struct jwt_key *key, const char *text, json_t **ret_claims, struct error *err);
