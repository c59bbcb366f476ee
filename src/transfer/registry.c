#include "transfer/registry.h"

#include <string.h>

#include "oci/reference.h"
#include "transfer/failure.h"
#include "transfer/location.h"
#include "transfer/trust.h"

#define DOCKER_HUB_AUTHORITY "registry-1.docker.io"
#define AUTH_ATTEMPTS	     2
#define REFUSAL_LIMIT	     ((size_t)64 * 1024)

static bool domain_is_valid(const char *domain)
{
	size_t length = strlen(domain);
	return length > 0 && length <= REFERENCE_NAME_LIMIT &&
	       strspn(domain, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]_") == length;
}

static bool ends_with_port_443(const char *authority)
{
	size_t length = strlen(authority);
	return length > 4 && strcmp(authority + length - 4, ":443") == 0;
}

/* Reads a refusal to its end, so that its connection serves the next request. */
static void drain(struct http_exchange *exchange)
{
	cleanup_buffer struct buffer bytes = {0};
	http_read_all(exchange, REFUSAL_LIMIT, &bytes, NULL);
}

/* Before anything secret is sent. */
static int find_scheme(const char *authority, struct http *http, bool *ret_is_plain, struct error *err)
{
	cleanup_free char *url = format_string("https://%s/v2/", authority);
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	struct http_request request = {.method = "GET", .url = url};
	struct error why = {0};
	location_allow_insecure(authority);
	*ret_is_plain = false;
	if (http_open(http, &request, &exchange, &why) == 0) {
		drain(exchange);
		return 0;
	}
	*ret_is_plain = why.kind == ERROR_NETWORK;
	if (!*ret_is_plain && err)
		*err = why;
	return *ret_is_plain ? 0 : -1;
}

int registry_new(const char *domain, const char *username, const char *password, struct http *insecure,
		 struct registry **ret_registry, struct error *err)
{
	if (!domain_is_valid(domain))
		return error_set(err, ERROR_INVALID, "not the name of a registry: \"%.100s\"", domain);
	const char *authority = strcmp(domain, REFERENCE_DEFAULT_DOMAIN) == 0 ? DOCKER_HUB_AUTHORITY : domain;
	bool plain =
		location_authority_is_loopback(authority) && !ends_with_port_443(authority) && !trust_exists(authority);
	if (insecure && find_scheme(authority, insecure, &plain, err) < 0)
		return error_wrap(err, "registry %s", domain);
	cleanup_registry struct registry *registry = allocate(sizeof *registry);
	registry->domain = duplicate_string(domain);
	registry->base = format_string("%s://%s", plain ? "http" : "https", authority);
	auth_init(&registry->auth, authority, registry->base);
	if (location_check(registry->base, err) < 0)
		return error_wrap(err, "registry %s", domain);
	if (username) {
		registry->auth.credentials.username = duplicate_string(username);
		registry->auth.credentials.password = duplicate_string(password ? password : "");
	} else if (credentials_find(domain, &registry->auth.credentials, err) < 0) {
		return -1;
	}
	*ret_registry = steal_pointer(&registry);
	return 0;
}

void registry_free(struct registry *registry)
{
	if (!registry)
		return;
	auth_release(&registry->auth);
	free(registry->domain);
	free(registry->base);
	free(registry);
}

int registry_open(struct registry *registry, struct http *http, const struct registry_call *call,
		  struct http_exchange **ret_exchange, struct error *err)
{
	bool own = location_same_origin(registry->base, call->url);
	if (call->retry)
		call->retry->after = 0;
	cleanup_free char *authorization = NULL;
	if (own && auth_header(&registry->auth, http, call->scopes, &authorization, err) < 0)
		return -1;
	for (int attempt = 0;; attempt++) {
		cleanup_http_exchange struct http_exchange *exchange = NULL;
		struct http_request request = {.method = call->method,
					       .url = call->url,
					       .authorization = authorization,
					       .headers = call->headers,
					       .body = call->body};
		if (http_open(http, &request, &exchange, err) < 0)
			return -1;
		const struct http_response *response = http_response(exchange);
		if (call->retry)
			call->retry->after = response->retry_after;
		bool is_repeatable = !call->body || !call->body->source;
		/* A 401 of where a redirect led to is not the registry's: it gets nothing. */
		if (response->status != 401 || !own || !is_repeatable || attempt == AUTH_ATTEMPTS ||
		    !location_same_origin(registry->base, response->url)) {
			*ret_exchange = steal_pointer(&exchange);
			return 0;
		}
		drain(exchange);
		char *next = NULL;
		if (auth_answer(&registry->auth, http, call->scopes, response, authorization, &next, err) < 0)
			return -1;
		replace_string(&authorization, next);
	}
}

int registry_failure(struct registry *registry, struct http_exchange *exchange, char *ret_code, struct error *err)
{
	int status = http_response(exchange)->status;
	failure_of_answer(exchange, ret_code, err);
	return status == 401 || status == 403 ? auth_explain(&registry->auth, err) : -1;
}

int registry_expect(struct registry *registry, struct http *http, const struct registry_call *call, int status,
		    int other_status, struct http_exchange **ret_exchange, struct error *err)
{
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_open(registry, http, call, &exchange, err) < 0)
		return -1;
	int got = http_response(exchange)->status;
	if (got != status && (other_status == 0 || got != other_status))
		return registry_failure(registry, exchange, NULL, err);
	*ret_exchange = steal_pointer(&exchange);
	return 0;
}

void registry_add_scope(struct string_list *scopes, const char *path, const char *actions)
{
	string_list_add_format(scopes, "repository:%s:%s", path, actions);
}
