/*
 * Who we are, for one registry: Docker's token authentication (distribution, "Token Authentication Specification") and
 * Basic. Nothing is sent before it is asked for with 401; tokens are kept by scope for the life of the process.
 *
 * Where the password may go (CVE-2020-15157, CVE-2026-33540): to the registry's own origin (scheme, host, port), where
 * it asks for Basic or where its token service is; and to a token service elsewhere only if that is Docker Hub's or
 * GitLab's own, or the file certs.d/HOST/realm names it (trust.h), and both speak https. Any other realm is asked
 * anonymously.
 */
#pragma once

#include <pthread.h>

#include "base/error.h"
#include "base/string_list.h"
#include "transfer/credentials.h"
#include "transfer/http.h"

#define AUTH_TOKEN_LIMIT 64 /* kept at a time */

struct auth_token {
	char *scopes; /* joined by a space */
	char *token;
	int64_t expires; /* monotonic nanoseconds */
};

/* Shared by threads. */
struct auth {
	pthread_mutex_t lock;
	char *authority; /* host[:port] of the registry */
	char *base;	 /* its URL without path */
	struct credentials credentials;
	enum challenge_scheme scheme; /* CHALLENGE_OTHER: not asked yet */
	char *realm;
	char *service;
	struct auth_token tokens[AUTH_TOKEN_LIMIT];
	size_t token_count;
	char *refused_realm; /* host that did not get the credentials, or NULL */
};

void auth_init(struct auth *auth, const char *authority, const char *base);
void auth_release(struct auth *auth);

/* The Authorization header for these scopes, NULL while the registry has not asked; owned by the caller. */
int auth_header(struct auth *auth, struct http *http, const struct string_list *scopes, char **ret_value,
		struct error *err);
/*
 * After a 401: learns the challenge, gets a token. `used` is what was sent (may be NULL). ERROR_UNAUTHORIZED where
 * there is nothing new to try.
 */
int auth_answer(struct auth *auth, struct http *http, const struct string_list *scopes,
		const struct http_response *response, const char *used, char **ret_value, struct error *err);
/* Adds to an error what to do, where credentials were held back. Returns -1. */
int auth_explain(struct auth *auth, struct error *err);
