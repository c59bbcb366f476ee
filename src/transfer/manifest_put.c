#include "transfer/manifest_put.h"

#include <string.h>

#include "transfer/retry.h"

/* A request that may be tried again, and what it found out. */
struct attempt {
	const struct manifest_put *put;
	struct http *http;
	bool is_there;
};

/* What both requests have in common; released by the caller. */
struct parts {
	char *url;
	struct string_list scopes, headers;
};

static void parts_release(struct parts *parts)
{
	free(parts->url);
	string_list_release(&parts->scopes);
	string_list_release(&parts->headers);
}

static void parts_fill(const struct manifest_put *put, const char *header, struct parts *parts)
{
	parts->url = format_string("%s/v2/%s/manifests/%s", put->registry->base, put->path, put->reference);
	registry_add_scope(&parts->scopes, put->path, "pull,push");
	string_list_add_format(&parts->headers, "%s: %s", header, put->media_type);
}

static int send_document(void *context, struct retry *retry, struct error *err)
{
	const struct attempt *attempt = context;
	const struct manifest_put *put = attempt->put;
	CLEANUP(parts_release) struct parts parts = {0};
	parts_fill(put, "Content-Type", &parts);
	struct http_body body = {.bytes = buffer_text(put->bytes), .size = put->bytes->size, .fd = -1};
	struct registry_call call = {.method = "PUT",
				     .url = parts.url,
				     .scopes = &parts.scopes,
				     .headers = &parts.headers,
				     .body = &body,
				     .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_expect(put->registry, attempt->http, &call, 201, 200, &exchange, err) < 0)
		return -1;
	struct digest said;
	const char *text = http_response(exchange)->content_digest;
	/* One that is named by another algorithm is another name of the same. */
	if (text &&
	    (digest_parse(text, &said, NULL) < 0 ||
	     (digest_algorithm_of(&said) == digest_algorithm_of(put->digest) && !digest_equal(&said, put->digest))))
		return error_set(err, ERROR_CORRUPT, "the registry stored the manifest as %.140s, and not as %s", text,
				 put->digest->text);
	return 0;
}

int manifest_put(const struct manifest_put *put, struct http *http, struct error *err)
{
	struct attempt attempt = {.put = put, .http = http};
	struct retry retry = {.is_patient = true};
	return retry_until(&retry, send_document, &attempt, err);
}

static int ask(void *context, struct retry *retry, struct error *err)
{
	struct attempt *attempt = context;
	const struct manifest_put *put = attempt->put;
	CLEANUP(parts_release) struct parts parts = {0};
	parts_fill(put, "Accept", &parts);
	struct registry_call call = {
		.method = "HEAD", .url = parts.url, .scopes = &parts.scopes, .headers = &parts.headers, .retry = retry};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (registry_open(put->registry, attempt->http, &call, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == 429 || response->status >= 500)
		return registry_failure(put->registry, exchange, NULL, err);
	attempt->is_there = response->status == 200 && response->content_digest &&
			    strcmp(response->content_digest, put->digest->text) == 0;
	return 0;
}

int manifest_is_there(const struct manifest_put *put, struct http *http, bool *ret_is_there, struct error *err)
{
	struct attempt attempt = {.put = put, .http = http};
	struct retry retry = {0};
	if (retry_until(&retry, ask, &attempt, err) < 0)
		return -1;
	*ret_is_there = attempt.is_there;
	return 0;
}
