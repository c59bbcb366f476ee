/*
 * Users, their personal access tokens, and what was granted to them beyond their own repositories. Kept in the
 * registry's database, and changed by commands while a server runs: what is read here is never older than the call.
 *
 * Users' names are told apart in lower case only, as GHCR's are; `user` is such a name below, and the repositories
 * USER/... are that user's own. "No such thing" is ERROR_NOT_FOUND.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/time.h"
#include "registry/access_token.h"
#include "registry/database_pool.h"

#define USER_NAME_SIZE	     65
#define ACCESS_TOKEN_ID_SIZE 13 /* 12 hexadecimal digits and a NUL */

struct account_user {
	char *name; /* as it was added */
	char key[USER_NAME_SIZE];
	char *password; /* its hash (password.h), NULL where only tokens are taken */
	nanoseconds created;
};
void account_user_release(struct account_user *user);
#define cleanup_account_user CLEANUP(account_user_release)

struct account_token {
	char id[ACCESS_TOKEN_ID_SIZE];
	char user[USER_NAME_SIZE]; /* lower case */
	char *name;		   /* what the user calls it, may be "" */
	unsigned permissions;
	char *pattern; /* of repositories, "*" for any */
	nanoseconds created;
	nanoseconds expires; /* 0: never */
	nanoseconds revoked; /* 0: not */
};
void account_token_release(struct account_token *token);
#define cleanup_account_token CLEANUP(account_token_release)

struct account_grant {
	char user[USER_NAME_SIZE];
	char *pattern;
	unsigned permissions;
};

/* The name in lower case, or ERROR_USAGE where it cannot be the first component of a repository. */
int user_name_normalize(const char *name, char key[USER_NAME_SIZE], struct error *err);

/* `password` is a hash or NULL. ERROR_CONFLICT where the user exists. */
int user_add(struct database_pool *pool, const char *name, const char *password, struct error *err);
int user_set_password(struct database_pool *pool, const char *user, const char *password, struct error *err);
/* The tokens and grants go, too. The repositories stay. */
int user_remove(struct database_pool *pool, const char *user, struct error *err);
int user_find(struct database_pool *pool, const char *user, struct account_user *ret_user, struct error *err);
/* Each in the order of names; a visit that fails ends it. */
int user_list(struct database_pool *pool,
	      int (*visit)(void *context, const struct account_user *user, struct error *err), void *context,
	      struct error *err);

/* `id` and `created` of *token are filled here. */
int token_add(struct database_pool *pool, struct account_token *token, const unsigned char hash[ACCESS_TOKEN_HASH_SIZE],
	      struct error *err);
/* These find a token that is revoked or over, too. */
int token_find_by_hash(struct database_pool *pool, const unsigned char hash[ACCESS_TOKEN_HASH_SIZE],
		       struct account_token *ret_token, struct error *err);
int token_find(struct database_pool *pool, const char *id, struct account_token *ret_token, struct error *err);
bool token_is_alive(const struct account_token *token, nanoseconds now);
/* user NULL: everybody's. */
int token_list(struct database_pool *pool, const char *user,
	       int (*visit)(void *context, const struct account_token *token, struct error *err), void *context,
	       struct error *err);
/* Revoking twice is success. */
int token_revoke(struct database_pool *pool, const char *id, struct error *err);

/* permissions 0 takes the grant away. */
int grant_set(struct database_pool *pool, const char *user, const char *pattern, unsigned permissions,
	      struct error *err);
int grant_list(struct database_pool *pool,
	       int (*visit)(void *context, const struct account_grant *grant, struct error *err), void *context,
	       struct error *err);
/* What the user may do with the repository: everything with an own one, else what was granted. */
int user_permissions(struct database_pool *pool, const char *user, const char *repository, unsigned *ret_permissions,
		     struct error *err);
