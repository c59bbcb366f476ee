/*
 * Who asks, and whether they may. Three kinds of credentials are taken: Basic with a personal access token or the
 * user's password; a bearer token of our token service; a personal access token as a bearer token. Every request asks
 * the database whether user and token still are: a revoked token is refused at once.
 */
#pragma once

#include "registry/request.h"
#include "registry/route.h"

/*
 * From the header Authorization (NULL: none). ERROR_UNAUTHORIZED where the credentials are wrong, ERROR_LIMIT where too
 * many passwords are being tried.
 */
int auth_identify(struct registry *registry, const char *authorization, const char *service,
		  struct identity **ret_identity, struct error *err);
/* From a name and a password or personal access token; `user` NULL: any user's token. */
int auth_log_in(struct registry *registry, const char *user, const char *secret, struct identity **ret_identity,
		struct error *err);
/* What the identity may do with the repository now; the scopes of a bearer token are left aside. */
int auth_permissions(struct registry *registry, const struct identity *identity, const char *repository,
		     unsigned *ret_permissions, struct error *err);
/* The same within the scopes: what this request may do. */
int auth_effective_permissions(struct registry *registry, const struct identity *identity, const char *repository,
			       unsigned *ret_permissions, struct error *err);

/* Fills request->identity and decides; where the answer is no it is given here. */
int auth_check(struct request *request, struct error *err);
