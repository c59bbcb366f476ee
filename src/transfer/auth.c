#include "transfer/auth.h"

#include <curl/curl.h>
#include <string.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/time.h"
#include "transfer/failure.h"
#include "transfer/location.h"
#include "transfer/retry.h"
#include "transfer/trust.h"

#define TOKEN_DOCUMENT_LIMIT  ((size_t)1024 * 1024)
#define TOKEN_LIMIT	      ((size_t)32 * 1024)
#define TOKEN_DEFAULT_SECONDS 60 /* of the specification */
#define TOKEN_MAX_SECONDS     3600
#define TOKEN_MARGIN_SECONDS  10 /* not used so shortly before its end */

/* Registries whose token service is known to be on another host of the same people. */
static const struct {
	const char *registry;
	const char *realm;
} known_realms[] = {
	{"registry-1.docker.io", "auth.docker.io"},
	{"registry.gitlab.com", "gitlab.com"},
};

void auth_init(struct auth *auth, const char *authority, const char *base)
{
	*auth = (struct auth){.authority = duplicate_string(authority), .base = duplicate_string(base)};
	pthread_mutex_init(&auth->lock, NULL);
}

static void token_release(struct auth_token *token)
{
	free(token->scopes);
	if (token->token)
		explicit_bzero(token->token, strlen(token->token));
	free(token->token);
	*token = (struct auth_token){0};
}

void auth_release(struct auth *auth)
{
	for (size_t i = 0; i < auth->token_count; i++)
		token_release(&auth->tokens[i]);
	free(auth->authority);
	free(auth->base);
	free(auth->realm);
	free(auth->service);
	free(auth->refused_realm);
	credentials_release(&auth->credentials);
	pthread_mutex_destroy(&auth->lock);
}

static char *basic_value(const struct credentials *credentials)
{
	cleanup_free char *pair = format_string("%s:%s", credentials->username, credentials->password);
	size_t size = strlen(pair);
	cleanup_free char *encoded = base64_encode(pair, size);
	explicit_bzero(pair, size);
	return format_string("Basic %s", encoded);
}

/* The rule of the header. Remembers a realm that was refused. */
static bool realm_gets_credentials(struct auth *auth)
{
	replace_string(&auth->refused_realm, NULL);
	if (location_same_origin(auth->base, auth->realm))
		return true;
	cleanup_free char *realm = location_authority(auth->realm);
	if (realm && strncmp(auth->base, "https:", 6) == 0 && strncasecmp(auth->realm, "https:", 6) == 0) {
		for (size_t i = 0; i < ARRAY_SIZE(known_realms); i++)
			if (strcmp(auth->authority, known_realms[i].registry) == 0 &&
			    strcmp(realm, known_realms[i].realm) == 0)
				return true;
		if (trust_realm_is_allowed(auth->authority, realm))
			return true;
	}
	replace_string(&auth->refused_realm, duplicate_string(realm ? realm : "?"));
	return false;
}

static int add_query(char **url, const char *name, const char *value, struct error *err)
{
	char *longer;
	if (location_add_query(*url, name, value, &longer, err) < 0)
		return -1;
	replace_string(url, longer);
	return 0;
}

static int token_url(const struct auth *auth, const struct string_list *scopes, bool with_account, char **ret_url,
		     struct error *err)
{
	cleanup_free char *url = duplicate_string(auth->realm);
	if (auth->service && add_query(&url, "service", auth->service, err) < 0)
		return -1;
	for (size_t i = 0; i < scopes->count; i++)
		if (add_query(&url, "scope", scopes->items[i], err) < 0)
			return -1;
	if (with_account && add_query(&url, "account", auth->credentials.username, err) < 0)
		return -1;
	*ret_url = steal_pointer(&url);
	return 0;
}

/* The token goes into a header: nothing but visible ASCII. */
static bool token_is_valid(const char *token)
{
	size_t length = strlen(token);
	for (const char *at = token; *at; at++)
		if (*at <= 0x20 || *at >= 0x7f)
			return false;
	return length > 0 && length <= TOKEN_LIMIT;
}

static int parse_token(const struct buffer *bytes, struct auth_token *ret_token, struct error *err)
{
	cleanup_json json_t *document = NULL;
	const char *token = NULL;
	int64_t seconds = TOKEN_DEFAULT_SECONDS;
	if (json_parse(buffer_text(bytes), bytes->size, &document, err) < 0 ||
	    json_get_string(document, "token", &token, err) < 0)
		return -1;
	if (!token && json_get_string(document, "access_token", &token, err) < 0)
		return -1;
	if (!token || !token_is_valid(token))
		return error_set(err, ERROR_INVALID, "the answer holds no valid token");
	if (json_get_integer(document, "expires_in", &seconds, err) < 0)
		return -1;
	if (seconds < TOKEN_DEFAULT_SECONDS)
		seconds = TOKEN_DEFAULT_SECONDS;
	if (seconds > TOKEN_MAX_SECONDS)
		seconds = TOKEN_MAX_SECONDS;
	ret_token->token = duplicate_string(token);
	ret_token->expires = time_monotonic() + (seconds - TOKEN_MARGIN_SECONDS) * NANOSECONDS_PER_SECOND;
	return 0;
}

static bool is_identity_token(const struct credentials *credentials)
{
	return credentials->username && strcmp(credentials->username, CREDENTIALS_TOKEN_USER) == 0;
}

static int add_field(struct buffer *form, const char *name, const char *value, struct error *err)
{
	char *escaped = curl_easy_escape(NULL, value, 0);
	if (!escaped)
		return error_set(err, ERROR_SYSTEM, "encode a form");
	int outcome = buffer_append_format(form, err, "%s%s=%s", form->size ? "&" : "", name, escaped);
	curl_free(escaped);
	return outcome;
}

/* Docker's "Token Authentication: OAuth2": the identity token goes into the body of a POST. */
static int identity_form(const struct auth *auth, const struct string_list *scopes, struct buffer *form,
			 struct error *err)
{
	cleanup_free char *scope = string_list_join(scopes, " ");
	if (add_field(form, "grant_type", "refresh_token", err) < 0 ||
	    add_field(form, "service", auth->service ? auth->service : "", err) < 0 ||
	    add_field(form, "client_id", "coracle", err) < 0 || add_field(form, "scope", scope, err) < 0)
		return -1;
	return add_field(form, "refresh_token", auth->credentials.password, err);
}

static int ask_token_service(struct auth *auth, struct http *http, const struct string_list *scopes,
			     struct http_exchange **ret_exchange, struct error *err)
{
	bool with_credentials = auth->credentials.username && realm_gets_credentials(auth);
	struct http_request request = {.method = "GET"};
	if (with_credentials && is_identity_token(&auth->credentials)) {
		cleanup_buffer struct buffer form = BUFFER_INIT(4 * TOKEN_LIMIT);
		cleanup_string_list struct string_list headers = {0};
		string_list_add(&headers, "Content-Type: application/x-www-form-urlencoded");
		if (identity_form(auth, scopes, &form, err) < 0)
			return -1;
		struct http_body body = {.bytes = form.bytes, .size = form.size, .fd = -1};
		request =
			(struct http_request){.method = "POST", .url = auth->realm, .headers = &headers, .body = &body};
		/* The answer's headers are here when this returns, so the form has been sent. */
		int outcome = http_open(http, &request, ret_exchange, err);
		explicit_bzero(form.bytes, form.size);
		return outcome;
	}
	cleanup_free char *url = NULL;
	if (token_url(auth, scopes, with_credentials, &url, err) < 0)
		return -1;
	cleanup_free char *authorization = with_credentials ? basic_value(&auth->credentials) : NULL;
	request.url = url;
	request.authorization = authorization;
	return http_open(http, &request, ret_exchange, err);
}

struct token_request {
	struct auth *auth;
	struct http *http;
	const struct string_list *scopes;
	struct auth_token *ret_token;
};

static int fetch_token_once(void *context, struct retry *retry, struct error *err)
{
	const struct token_request *wanted = context;
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	cleanup_buffer struct buffer bytes = {0};
	if (ask_token_service(wanted->auth, wanted->http, wanted->scopes, &exchange, err) < 0)
		return -1;
	if (http_response(exchange)->status != 200) {
		retry->after = http_response(exchange)->retry_after;
		return failure_of_answer(exchange, NULL, err);
	}
	if (http_read_all(exchange, TOKEN_DOCUMENT_LIMIT, &bytes, err) < 0)
		return -1;
	return parse_token(&bytes, wanted->ret_token, err);
}

static int fetch_token(struct auth *auth, struct http *http, const struct string_list *scopes,
		       struct auth_token *ret_token, struct error *err)
{
	struct token_request wanted = {auth, http, scopes, ret_token};
	struct retry retry = {0};
	return retry_until(&retry, fetch_token_once, &wanted, err);
}

static void drop_token(struct auth *auth, size_t index)
{
	token_release(&auth->tokens[index]);
	auth->tokens[index] = auth->tokens[--auth->token_count];
}

static struct auth_token *find_token(struct auth *auth, const char *scopes)
{
	for (size_t i = 0; i < auth->token_count; i++) {
		if (strcmp(auth->tokens[i].scopes, scopes) != 0)
			continue;
		if (auth->tokens[i].expires > time_monotonic())
			return &auth->tokens[i];
		drop_token(auth, i);
		return NULL;
	}
	return NULL;
}

static int explain_locked(const struct auth *auth, struct error *err)
{
	if (!err || !auth->refused_realm)
		return -1;
	char inner[ERROR_MESSAGE_SIZE];
	memcpy(inner, err->message, sizeof inner);
	return error_set(
		err, err->kind,
		"%.1200s (your credentials were not sent: %s sends us to another host, %s, for a token; if you trust "
		"it, write its name into /etc/coracle/certs.d/%s/realm)",
		inner, auth->authority, auth->refused_realm, auth->authority);
}

/* A Bearer value for the scopes: kept or fetched. `extra` (may be NULL) is asked for besides. */
static int bearer_value(struct auth *auth, struct http *http, const struct string_list *scopes, const char *extra,
			char **ret_value, struct error *err)
{
	cleanup_free char *key = string_list_join(scopes, " ");
	struct auth_token *token = find_token(auth, key);
	if (!token) {
		cleanup_string_list struct string_list wanted = {0};
		string_list_copy(&wanted, scopes);
		if (extra && !string_list_contains(&wanted, extra))
			string_list_add(&wanted, extra);
		struct auth_token fresh = {0};
		if (fetch_token(auth, http, &wanted, &fresh, err) < 0)
			return explain_locked(auth, err);
		if (auth->token_count == AUTH_TOKEN_LIMIT)
			drop_token(auth, 0);
		fresh.scopes = steal_pointer(&key);
		token = &auth->tokens[auth->token_count++];
		*token = fresh;
	}
	*ret_value = format_string("Bearer %s", token->token);
	return 0;
}

static int value_locked(struct auth *auth, struct http *http, const struct string_list *scopes, const char *extra,
			char **ret_value, struct error *err)
{
	switch (auth->scheme) {
	case CHALLENGE_BASIC:
		if (!auth->credentials.username)
			return error_set(err, ERROR_UNAUTHORIZED,
					 "no basic auth credentials: sign in with 'coracle login %s'", auth->authority);
		if (is_identity_token(&auth->credentials))
			return error_set(err, ERROR_UNAUTHORIZED,
					 "%s asks for a password, and an identity token is stored: use 'coracle login'",
					 auth->authority);
		*ret_value = basic_value(&auth->credentials);
		return 0;
	case CHALLENGE_BEARER:
		return bearer_value(auth, http, scopes, extra, ret_value, err);
	case CHALLENGE_OTHER:
		break;
	}
	*ret_value = NULL;
	return 0;
}

int auth_header(struct auth *auth, struct http *http, const struct string_list *scopes, char **ret_value,
		struct error *err)
{
	pthread_mutex_lock(&auth->lock);
	int outcome = value_locked(auth, http, scopes, NULL, ret_value, err);
	pthread_mutex_unlock(&auth->lock);
	return outcome;
}

static int learn(struct auth *auth, const struct http_response *response, const char **ret_scope, struct error *err)
{
	const struct challenge *bearer = challenge_list_find(&response->challenges, CHALLENGE_BEARER);
	const struct challenge *basic = challenge_list_find(&response->challenges, CHALLENGE_BASIC);
	if (bearer) {
		if (!bearer->realm)
			return error_set(err, ERROR_INVALID, "%s asks for a token and does not say where to get it",
					 auth->authority);
		if (location_check(bearer->realm, err) < 0)
			return error_wrap(err, "%s sends us for a token", auth->authority);
		auth->scheme = CHALLENGE_BEARER;
		replace_string(&auth->realm, duplicate_string(bearer->realm));
		replace_string(&auth->service, duplicate_string(bearer->service));
		*ret_scope = bearer->scope;
		return 0;
	}
	if (basic) {
		auth->scheme = CHALLENGE_BASIC;
		return 0;
	}
	return error_set(err, ERROR_UNAUTHORIZED, "%s asks for credentials %s", auth->authority,
			 response->challenge_is_malformed ? "with a malformed WWW-Authenticate header"
							  : "and names no way to give them that is known here");
}

static void forget(struct auth *auth, const char *used)
{
	static const char prefix[] = "Bearer ";
	if (!used || strncmp(used, prefix, strlen(prefix)) != 0)
		return;
	for (size_t i = 0; i < auth->token_count; i++)
		if (strcmp(auth->tokens[i].token, used + strlen(prefix)) == 0) {
			drop_token(auth, i);
			return;
		}
}

int auth_answer(struct auth *auth, struct http *http, const struct string_list *scopes,
		const struct http_response *response, const char *used, char **ret_value, struct error *err)
{
	const char *scope = NULL;
	pthread_mutex_lock(&auth->lock);
	int outcome = learn(auth, response, &scope, err);
	if (outcome == 0 && used && auth->scheme == CHALLENGE_BASIC && strncmp(used, "Basic ", 6) == 0)
		outcome = error_set(err, ERROR_UNAUTHORIZED, "unauthorized: incorrect username or password");
	if (outcome == 0) {
		forget(auth, used);
		outcome = value_locked(auth, http, scopes, scope, ret_value, err);
	}
	pthread_mutex_unlock(&auth->lock);
	return outcome;
}

int auth_explain(struct auth *auth, struct error *err)
{
	pthread_mutex_lock(&auth->lock);
	explain_locked(auth, err);
	pthread_mutex_unlock(&auth->lock);
	return -1;
}
