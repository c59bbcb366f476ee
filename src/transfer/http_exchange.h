/* One request and its answer, inside http*.c: http.c drives it, http_setup.c prepares it, http_failure.c explains it.
 */
#pragma once

#include <curl/curl.h>

#include "transfer/http.h"
#include "transfer/trust.h"

struct http_exchange {
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct trust trust;
	char *authority; /* host[:port] of the URL */
	/* The answer. */
	struct http_response response;
	size_t header_bytes;
	bool headers_complete;
	bool finished;
	CURLcode result;
	char explanation[CURL_ERROR_SIZE];
	/* The answer's body that nobody has read yet: pending[pending_start, pending_end). */
	char *pending;
	size_t pending_start;
	size_t pending_end;
	bool paused;
	/* The request's body. */
	struct http_body body; /* a copy */
	bool has_body;
	uint64_t sent;
	struct error callback_error; /* of a body's source, or a limit */
};

/* Sets everything that does not change from request to request, and the request. */
int http_setup(struct http_exchange *exchange, const struct http_request *request, struct error *err);
/* The failed exchange as an error; its system_errno is ECONNREFUSED where the host was not there at all. */
int http_failure(const struct http_exchange *exchange, const char *method, struct error *err);
void http_response_release(struct http_response *response);
