/*
 * A bearer token names the scopes that it was asked for, so a client that goes from one repository to another comes
 * with one that does not fit. Whether that is to be told by 401 with a challenge (ask the token service again) or by
 * 403 depends on what the user may do by now, which is looked up just then. So clients that fetch tokens one by one
 * work, and a push to somebody else's repository ends in "denied" and not in a second login.
 */
#include "registry/auth.h"

#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "registry/log.h"
#include "registry/response.h"

#define WRONG_CREDENTIALS "incorrect username or password"

static int wrong(struct error *err)
{
	return error_set(err, ERROR_UNAUTHORIZED, WRONG_CREDENTIALS);
}

static int log_in_with_token(struct registry *registry, const char *user, const char *secret,
			     struct identity **ret_identity, struct error *err)
{
	unsigned char hash[ACCESS_TOKEN_HASH_SIZE];
	cleanup_account_token struct account_token token = {0};
	if (!access_token_is_valid(secret))
		return wrong(err);
	access_token_hash(secret, hash);
	if (token_find_by_hash(registry->database, hash, &token, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? wrong(err) : -1;
	if (!token_is_alive(&token, time_now()) || (user && strcmp(user, token.user) != 0))
		return wrong(err);
	struct identity *identity = identity_new(IDENTITY_CREDENTIALS);
	memcpy(identity->user, token.user, sizeof identity->user);
	memcpy(identity->token_id, token.id, sizeof identity->token_id);
	identity->ceiling = token.permissions;
	identity->pattern = steal_pointer(&token.pattern);
	*ret_identity = identity;
	return 0;
}

int auth_log_in(struct registry *registry, const char *user, const char *secret, struct identity **ret_identity,
		struct error *err)
{
	char key[USER_NAME_SIZE];
	if (user && user_name_normalize(user, key, NULL) < 0)
		return wrong(err);
	if (!user || strncmp(secret, ACCESS_TOKEN_PREFIX, strlen(ACCESS_TOKEN_PREFIX)) == 0)
		return log_in_with_token(registry, user ? key : NULL, secret, ret_identity, err);
	cleanup_account_user struct account_user account = {0};
	if (user_find(registry->database, key, &account, err) < 0)
		return err->kind == ERROR_NOT_FOUND ? wrong(err) : -1;
	if (!account.password)
		return wrong(err);
	if (password_check(registry->passwords, account.password, secret, err) < 0)
		return -1;
	struct identity *identity = identity_new(IDENTITY_CREDENTIALS);
	memcpy(identity->user, account.key, sizeof identity->user);
	*ret_identity = identity;
	return 0;
}

static int identify_basic(struct registry *registry, const char *encoded, struct identity **ret_identity,
			  struct error *err)
{
	size_t size;
	cleanup_free char *pair = (char *)base64_decode(encoded, strnlen(encoded, 8192), &size);
	char *colon = pair ? strchr(pair, ':') : NULL;
	if (!colon || strlen(pair) != size)
		return wrong(err);
	*colon = '\0';
	int result = auth_log_in(registry, pair, colon + 1, ret_identity, err);
	explicit_bzero(pair, size);
	return result;
}

/* Whether what the token was given for still holds. */
static int check_alive(struct registry *registry, const struct identity *identity, struct error *err)
{
	if (identity->token_id[0]) {
		cleanup_account_token struct account_token token = {0};
		if (token_find(registry->database, identity->token_id, &token, err) < 0 && err->kind != ERROR_NOT_FOUND)
			return -1;
		if (!token.pattern || !token_is_alive(&token, time_now()) || strcmp(token.user, identity->user) != 0)
			return error_set(err, ERROR_UNAUTHORIZED, "the access token was revoked or has expired");
		return 0;
	}
	if (!identity->user[0])
		return registry->options.anonymous_pull ? 0 : wrong(err);
	cleanup_account_user struct account_user user = {0};
	if (user_find(registry->database, identity->user, &user, err) < 0)
		return err->kind == ERROR_NOT_FOUND
			       ? error_set(err, ERROR_UNAUTHORIZED, "there is no such user any more")
			       : -1;
	return 0;
}

static int identify_bearer(struct registry *registry, const char *text, const char *service,
			   struct identity **ret_identity, struct error *err)
{
	if (strncmp(text, ACCESS_TOKEN_PREFIX, strlen(ACCESS_TOKEN_PREFIX)) == 0)
		return auth_log_in(registry, NULL, text, ret_identity, err);
	cleanup_identity struct identity *identity = NULL;
	if (bearer_cache_verify(registry->bearers, registry->key, text, service, time_now(), &identity, err) < 0 ||
	    check_alive(registry, identity, err) < 0)
		return -1;
	*ret_identity = steal_pointer(&identity);
	return 0;
}

int auth_identify(struct registry *registry, const char *authorization, const char *service,
		  struct identity **ret_identity, struct error *err)
{
	if (registry->options.no_auth) {
		*ret_identity = identity_new(IDENTITY_EVERYBODY);
		return 0;
	}
	if (!authorization) {
		*ret_identity = identity_new(IDENTITY_ANONYMOUS);
		return 0;
	}
	const char *space = strchr(authorization, ' ');
	size_t length = space ? (size_t)(space - authorization) : 0;
	const char *value = space ? space + strspn(space, " ") : "";
	if (length == 5 && strncasecmp(authorization, "Basic", length) == 0)
		return identify_basic(registry, value, ret_identity, err);
	if (length == 6 && strncasecmp(authorization, "Bearer", length) == 0)
		return identify_bearer(registry, value, service, ret_identity, err);
	return error_set(err, ERROR_UNAUTHORIZED, "the Authorization header is neither Basic nor Bearer");
}

int auth_permissions(struct registry *registry, const struct identity *identity, const char *repository,
		     unsigned *ret_permissions, struct error *err)
{
	unsigned permissions = 0;
	if (identity->kind == IDENTITY_EVERYBODY) {
		*ret_permissions = PERMISSION_ALL;
		return 0;
	}
	if (identity->user[0] &&
	    user_permissions(registry->database, identity->user, repository, &permissions, err) < 0)
		return -1;
	if (identity->kind == IDENTITY_CREDENTIALS) {
		permissions &= identity->ceiling;
		if (identity->pattern && !pattern_matches(identity->pattern, repository))
			permissions = 0;
	} else if (identity->token_id[0]) {
		cleanup_account_token struct account_token token = {0};
		if (token_find(registry->database, identity->token_id, &token, err) < 0)
			return -1;
		permissions &= pattern_matches(token.pattern, repository) ? token.permissions : 0;
	}
	if (registry->options.anonymous_pull)
		permissions |= PERMISSION_PULL;
	*ret_permissions = permissions;
	return 0;
}

int auth_effective_permissions(struct registry *registry, const struct identity *identity, const char *repository,
			       unsigned *ret_permissions, struct error *err)
{
	if (identity->kind != IDENTITY_BEARER)
		return auth_permissions(registry, identity, repository, ret_permissions, err);
	*ret_permissions = scope_list_permissions(&identity->scopes, "repository", repository);
	return 0;
}

static const struct {
	unsigned permission;
	const char *actions; /* what a client needs next, too */
} access_table[] = {
	[ACCESS_PULL] = {PERMISSION_PULL, "pull"},
	[ACCESS_PUSH] = {PERMISSION_PUSH, "pull,push"},
	[ACCESS_DELETE] = {PERMISSION_DELETE, "pull,delete"},
};

static void challenge(struct request *request, const char *error, const char *reason)
{
	enum route_access access = request->route->access;
	cleanup_free char *base = request_base_url(request);
	cleanup_free char *scope = request->name ? format_string(",scope=\"repository:%s:%s\"", request->name,
								 access_table[access].actions)
				   : access == ACCESS_CATALOG ? duplicate_string(",scope=\"registry:catalog:*\"")
							      : duplicate_string("");
	cleanup_free char *why = error ? format_string(",error=\"%s\"", error) : duplicate_string("");
	if (reason)
		response_error(request, OCI_UNAUTHORIZED, 0, "%s", reason);
	else
		response_error(request, OCI_UNAUTHORIZED, 0, NULL);
	response_header_format(request, "WWW-Authenticate", "Bearer realm=\"%s/token\",service=\"%s\"%s%s", base,
			       request_service(request), scope, why);
}

static int check_repository(struct request *request, struct error *err)
{
	const struct identity *identity = request->identity;
	unsigned needed = access_table[request->route->access].permission, permissions;
	if (auth_effective_permissions(request->registry, identity, request->name, &permissions, err) < 0)
		return -1;
	if ((permissions & needed) == needed)
		return 0;
	if (!identity->user[0]) {
		challenge(request, identity->kind == IDENTITY_BEARER ? "insufficient_scope" : NULL, NULL);
		return 0;
	}
	if (auth_permissions(request->registry, identity, request->name, &permissions, err) < 0)
		return -1;
	if ((permissions & needed) == needed)
		challenge(request, "insufficient_scope", NULL);
	else
		response_error(request, OCI_DENIED, 0, NULL);
	return 0;
}

int auth_check(struct request *request, struct error *err)
{
	enum route_access access = request->route->access;
	if (access == ACCESS_PUBLIC)
		return 0;
	if (auth_identify(request->registry, request_header(request, "Authorization"), request_service(request),
			  &request->identity, err) < 0) {
		if (err->kind == ERROR_UNAUTHORIZED) {
			request->registry->metrics.authentication_failures++;
			challenge(request, "invalid_token", err->message);
			return 0;
		}
		if (err->kind == ERROR_LIMIT) {
			response_error(request, OCI_TOOMANYREQUESTS, 0, "%s", err->message);
			return 0;
		}
		return -1;
	}
	const struct identity *identity = request->identity;
	if (request->name)
		return check_repository(request, err);
	if (identity->kind == IDENTITY_ANONYMOUS)
		challenge(request, NULL, NULL);
	else if (access == ACCESS_CATALOG && identity->kind == IDENTITY_BEARER &&
		 !scope_list_permissions(&identity->scopes, "registry", "catalog"))
		challenge(request, "insufficient_scope", NULL);
	return 0;
}
