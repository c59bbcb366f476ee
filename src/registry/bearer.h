/*
 * The bearer tokens that the token service gives out for five minutes: JSON Web Tokens with the claims of Docker's
 * "Token Authentication Implementation" (iss, sub, aud, exp, nbf, iat, jti, access) and `tid`, the personal access
 * token that was shown for it, so that revoking that one ends this one, too.
 */
#pragma once

#include "base/time.h"
#include "registry/identity.h"
#include "registry/jwt.h"

#define BEARER_SECONDS 300

/* `scopes` is what was granted, `audience` the name of the service; the text is owned by the caller. */
int bearer_issue(const struct jwt_key *key, const struct identity *identity, const struct scope_list *scopes,
		 const char *audience, nanoseconds now, char **ret_text, struct error *err);
/* Signature, issuer, audience and times; whether user and token still exist is for auth.h. ERROR_UNAUTHORIZED. */
int bearer_verify(const struct jwt_key *key, const char *text, const char *audience, nanoseconds now,
		  struct identity **ret_identity, struct error *err);

/* Remembers tokens whose signature was good, a bounded number. Times and audience are checked each time. */
struct bearer_cache;
struct bearer_cache *bearer_cache_new(void);
void bearer_cache_free(struct bearer_cache *cache);
int bearer_cache_verify(struct bearer_cache *cache, const struct jwt_key *key, const char *text, const char *audience,
			nanoseconds now, struct identity **ret_identity, struct error *err);
