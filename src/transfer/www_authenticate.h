/*
 * The WWW-Authenticate header of HTTP (RFC 9110, sections 11.2 to 11.6.1), as registries send it:
 *     Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull"
 *     Basic realm="Registry"
 * Strict: tokens and quoted strings only, no parameter twice, no control characters, and bounds on everything. What
 * does not fit is ERROR_INVALID (ERROR_LIMIT past a bound), never a guess: where credentials go depends on it.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"
#include "base/memory.h"

#define WWW_AUTHENTICATE_TEXT_LIMIT	 8192 /* bytes of one header line */
#define WWW_AUTHENTICATE_CHALLENGE_LIMIT 8
#define WWW_AUTHENTICATE_PARAMETER_LIMIT 16 /* of one challenge */

enum challenge_scheme { CHALLENGE_OTHER, CHALLENGE_BASIC, CHALLENGE_BEARER };

/* Parameters that are absent are NULL. Unknown ones are checked and left out. */
struct challenge {
	enum challenge_scheme scheme;
	char *realm;
	char *service;
	char *scope;
	char *error;
};

struct challenge_list {
	struct challenge items[WWW_AUTHENTICATE_CHALLENGE_LIMIT];
	size_t count;
};

/* Appends the challenges of one header line; on failure the list is as it was. */
int www_authenticate_parse(const char *text, struct challenge_list *list, struct error *err);
/* The first challenge of that scheme, or NULL. */
const struct challenge *challenge_list_find(const struct challenge_list *list, enum challenge_scheme scheme);
void challenge_list_release(struct challenge_list *list);
#define cleanup_challenge_list CLEANUP(challenge_list_release)
