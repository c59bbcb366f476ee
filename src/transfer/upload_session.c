#include "transfer/upload_session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "transfer/location.h"

#define STATUS_CONFLICT	       409
#define STATUS_NOT_IMPLEMENTED 501

void upload_session_release(struct upload_session *session)
{
	replace_string(&session->url, NULL);
	session->offset = 0;
}

static void tell_sent(void *context, uint64_t sent)
{
	const struct upload_session *session = context;
	session->on_sent(session->context, session->offset + sent);
}

static int call(struct upload_session *session, const char *method, const char *url, const struct string_list *headers,
		struct http_body *body, struct http_exchange **ret_exchange, struct error *err)
{
	struct registry_call request = {.method = method,
					.url = url,
					.scopes = session->scopes,
					.headers = headers,
					.body = body,
					.retry = &session->retry};
	if (body && session->on_sent) {
		body->on_sent = tell_sent;
		body->context = session;
	}
	return registry_open(session->registry, session->http, &request, ret_exchange, err);
}

/* Where the session goes on: an answer may name another place each time. */
static int move(struct upload_session *session, const struct http_response *response, struct error *err)
{
	char *target = NULL;
	if (location_join(response->url, response->location, &target, err) < 0)
		return -1;
	replace_string(&session->url, target);
	return 0;
}

int upload_session_begin(struct upload_session *session, const char *url, bool may_mount, bool *ret_is_done,
			 struct error *err)
{
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	upload_session_release(session);
	if (call(session, "POST", url, NULL, NULL, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	*ret_is_done = may_mount && response->status == 201;
	if (*ret_is_done)
		return 0;
	if (response->status != 202)
		return registry_failure(session->registry, exchange, NULL, err);
	if (!response->location)
		return error_set(err, ERROR_INVALID, "%s began an upload and does not say where",
				 session->registry->domain);
	return move(session, response, err);
}

int upload_session_put(struct upload_session *session, struct http_body *body, struct error *err)
{
	cleanup_string_list struct string_list headers = {0};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	cleanup_free char *url = NULL;
	string_list_add(&headers, "Content-Type: application/octet-stream");
	if (location_add_query(session->url, "digest", session->blob->digest.text, &url, err) < 0 ||
	    call(session, "PUT", url, &headers, body, &exchange, err) < 0)
		return -1;
	int status = http_response(exchange)->status;
	return status == 201 || status == 204 ? 0 : registry_failure(session->registry, exchange, NULL, err);
}

/*
 * "0-LAST", the last byte that has come; "bytes=0-LAST" is seen too. "0-0" is said for one byte and for none: then, and
 * for everything else that is strange, there is nothing to go on from, which is 0.
 */
static uint64_t parse_received(const char *range, uint64_t size)
{
	if (!range)
		return 0;
	if (strncasecmp(range, "bytes=", 6) == 0)
		range += 6;
	if (strncmp(range, "0-", 2) != 0 || range[2] < '1' || range[2] > '9')
		return 0;
	char *end = NULL;
	errno = 0;
	unsigned long long last = strtoull(range + 2, &end, 10);
	return errno || *end || last >= size ? 0 : last + 1;
}

static int ask_received(struct upload_session *session, struct error *err)
{
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	if (call(session, "GET", session->url, NULL, NULL, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == STATUS_CONFLICT)
		/* It has not noticed yet that the connection of the last request is gone. */
		return error_set(err, ERROR_NETWORK, "%s is still busy with what was sent before",
				 session->registry->domain);
	/* 204 it is; 202 comes from some. */
	if (response->status != 204 && response->status != 202)
		return registry_failure(session->registry, exchange, NULL, err);
	session->offset = parse_received(response->range, session->blob->size);
	if (session->offset == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has kept nothing of the upload", session->registry->domain);
	return response->location ? move(session, response, err) : 0;
}

static int patch_rest(struct upload_session *session, int fd, struct error *err)
{
	cleanup_string_list struct string_list headers = {0};
	cleanup_http_exchange struct http_exchange *exchange = NULL;
	uint64_t size = session->blob->size;
	struct http_body body = {.fd = fd, .start = session->offset, .size = size - session->offset};
	string_list_add(&headers, "Content-Type: application/octet-stream");
	string_list_add_format(&headers, "Content-Range: %" PRIu64 "-%" PRIu64, session->offset, size - 1);
	if (call(session, "PATCH", session->url, &headers, &body, &exchange, err) < 0)
		return -1;
	const struct http_response *response = http_response(exchange);
	if (response->status == STATUS_NOT_IMPLEMENTED)
		return error_set(err, ERROR_UNSUPPORTED, "%s knows no PATCH", session->registry->domain);
	if (response->status != 202 && response->status != 204 && response->status != 201)
		return registry_failure(session->registry, exchange, NULL, err);
	session->offset = size;
	return response->location ? move(session, response, err) : 0;
}

int upload_session_resume(struct upload_session *session, int fd, struct error *err)
{
	struct error why = {0};
	struct http_body nothing = {.bytes = "", .fd = -1};
	if (ask_received(session, &why) == 0 &&
	    (session->offset == session->blob->size || patch_rest(session, fd, &why) == 0) &&
	    upload_session_put(session, &nothing, &why) == 0)
		return 0;
	if (why.kind != ERROR_NETWORK)
		upload_session_release(session);
	if (err)
		*err = why;
	return -1;
}
