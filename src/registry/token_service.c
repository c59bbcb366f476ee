/*
 * Docker's token authentication: a client that was refused with a challenge comes here with its credentials and the
 * scopes that it needs, and gets a token for those of them that it may have, which can be none.
 * GET is the "Token Authentication Specification", POST the OAuth2 form of it. A refresh token is a personal access
 * token: there is no second kind of long-lived secret.
 */
#include <string.h>
#include <strings.h>

#include "registry/auth.h"
#include "registry/form.h"
#include "registry/handlers.h"
#include "registry/response.h"

static enum MHD_Result add_query_scope(void *context, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct string_list *scopes = context;
	if (strcmp(name, "scope") == 0 && value && scopes->count < SCOPE_LIMIT)
		string_list_add(scopes, value);
	return MHD_YES;
}

/* What of the asked the identity may have. */
static int grant(struct registry *registry, const struct identity *identity, const struct scope_list *asked,
		 struct scope_list *granted, struct error *err)
{
	for (size_t i = 0; i < asked->count; i++) {
		const struct scope *scope = &asked->items[i];
		unsigned permissions = 0;
		if (strcmp(scope->type, "repository") == 0) {
			if (auth_permissions(registry, identity, scope->name, &permissions, err) < 0)
				return -1;
		} else if (strcmp(scope->type, "registry") == 0 && strcmp(scope->name, "catalog") == 0) {
			/* The list itself holds only what its reader may pull. */
			permissions = identity->kind == IDENTITY_ANONYMOUS ? 0 : PERMISSION_ALL;
		}
		permissions &= scope->permissions;
		if (permissions)
			scope_list_add(granted, scope->type, scope->name, permissions);
	}
	return 0;
}

static int answer(struct request *request, const struct identity *identity, const char *scope_text, struct error *err)
{
	cleanup_scope_list struct scope_list asked = {0};
	cleanup_scope_list struct scope_list granted = {0};
	if (identity->kind == IDENTITY_ANONYMOUS && !request->registry->options.anonymous_pull) {
		response_error(request, OCI_UNAUTHORIZED, 0, NULL);
		response_header(request, "WWW-Authenticate", "Basic realm=\"coracle-registry\"");
		return 0;
	}
	if (scope_list_parse(&asked, scope_text, err) < 0) {
		response_error(request, OCI_UNSUPPORTED, 400, "%s", err->message);
		return 0;
	}
	nanoseconds now = time_now();
	cleanup_free char *token = NULL;
	if (grant(request->registry, identity, &asked, &granted, err) < 0 ||
	    bearer_issue(request->registry->key, identity, &granted, request_service(request), now, &token, err) < 0)
		return -1;
	char issued[TIME_TEXT_SIZE];
	time_format_rfc3339(now / NANOSECONDS_PER_SECOND * NANOSECONDS_PER_SECOND, issued);
	cleanup_json json_t *document = json_object();
	json_set_text(document, "token", token);
	json_set_text(document, "access_token", token);
	json_set_text(document, "token_type", "Bearer");
	json_object_set_new(document, "expires_in", json_integer(BEARER_SECONDS));
	json_set_text(document, "issued_at", issued);
	json_set_text(document, "scope", scope_text);
	response_json(request, 200, document);
	response_header(request, "Cache-Control", "no-store");
	return 0;
}

static int refuse(struct request *request, struct error *err)
{
	if (err->kind == ERROR_LIMIT) {
		response_error(request, OCI_TOOMANYREQUESTS, 0, "%s", err->message);
		return 0;
	}
	if (err->kind != ERROR_UNAUTHORIZED)
		return -1;
	request->registry->metrics.authentication_failures++;
	response_error(request, OCI_UNAUTHORIZED, 0, "%s", err->message);
	response_header(request, "WWW-Authenticate", "Basic realm=\"coracle-registry\"");
	return 0;
}

int token_get(struct request *request, struct error *err)
{
	cleanup_string_list struct string_list scopes = {0};
	MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, add_query_scope, &scopes);
	const char *authorization = request_header(request, "Authorization");
	/* A bearer token does not buy another one, or it would last for ever. */
	if (authorization && strncasecmp(authorization, "Basic ", 6) != 0) {
		response_error(request, OCI_UNAUTHORIZED, 0, "the token service takes Basic credentials");
		response_header(request, "WWW-Authenticate", "Basic realm=\"coracle-registry\"");
		return 0;
	}
	if (auth_identify(request->registry, authorization, request_service(request), &request->identity, err) < 0)
		return refuse(request, err);
	cleanup_free char *joined = string_list_join(&scopes, " ");
	return answer(request, request->identity, joined, err);
}

int token_post(struct request *request, struct error *err)
{
	const char *form = buffer_text(&request->body);
	cleanup_free char *grant_type = form_get(form, "grant_type");
	cleanup_free char *scope = form_get(form, "scope");
	cleanup_free char *user = form_get(form, "username");
	bool is_password = grant_type && strcmp(grant_type, "password") == 0;
	bool is_refresh = grant_type && strcmp(grant_type, "refresh_token") == 0;
	cleanup_free char *secret = form_get(form, is_password ? "password" : "refresh_token");
	if ((!is_password && !is_refresh) || !secret || (is_password && !user)) {
		response_error(request, OCI_UNSUPPORTED, 400,
			       "send grant_type=password with username and password, or grant_type=refresh_token with "
			       "refresh_token");
		return 0;
	}
	int result = auth_log_in(request->registry, is_password ? user : NULL, secret, &request->identity, err);
	explicit_bzero(secret, strlen(secret));
	if (result < 0)
		return refuse(request, err);
	return answer(request, request->identity, scope ? scope : "", err);
}
