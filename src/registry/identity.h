/*
 * Who asks. Made from a request's credentials, shared by reference count since a verified bearer token is kept.
 */
#pragma once

#include <stdatomic.h>

#include "base/memory.h"
#include "base/time.h"
#include "registry/accounts.h"
#include "registry/permission.h"

enum identity_kind {
	IDENTITY_ANONYMOUS,
	IDENTITY_EVERYBODY,   /* the server was told to ask nobody */
	IDENTITY_CREDENTIALS, /* a password or a personal access token came with the request */
	IDENTITY_BEARER,      /* a token of our token service came; `scopes` is what it allows */
};

struct identity {
	atomic_uint references;
	enum identity_kind kind;
	char user[USER_NAME_SIZE];	     /* lower case; "" is nobody */
	char token_id[ACCESS_TOKEN_ID_SIZE]; /* of the personal access token; "" where a password was given */
	unsigned ceiling;		     /* what the personal access token allows; PERMISSION_ALL without one */
	char *pattern;			     /* the repositories that it is for; NULL: any */
	/* IDENTITY_BEARER */
	struct scope_list scopes;
	char *audience;
	nanoseconds not_before;
	nanoseconds expires;
};

struct identity *identity_new(enum identity_kind kind);
struct identity *identity_share(struct identity *identity);
void identity_free(struct identity *identity); /* drops one reference; NULL is allowed */
static inline void identity_free_pointer(struct identity **identity)
{
	identity_free(*identity);
}
#define cleanup_identity CLEANUP(identity_free_pointer)
