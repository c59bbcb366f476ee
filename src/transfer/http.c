/*
 * libcurl pushes: it calls back with what it received. A layer is pulled: the tar reader asks for more. The two meet in
 * http_read(): it drives the transfer (curl_multi_perform) just until something is there. What libcurl has received and
 * nobody has asked for waits in `pending`; when that is full the transfer is paused, the socket's buffers fill, and TCP
 * or HTTP/2 stops the sender. So one thread is enough for a layer, and its memory is bounded.
 */
#include "transfer/http.h"

#include <string.h>

#include "transfer/cancel.h"
#include "transfer/http_exchange.h"
#include "transfer/location.h"

struct http {
	CURLM *multi;
};

int http_initialize(struct error *err)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return error_set(err, ERROR_SYSTEM, "initialise libcurl");
	return 0;
}

int http_new(struct http **ret_http, struct error *err)
{
	CURLM *multi = curl_multi_init();
	if (!multi)
		return error_set(err, ERROR_SYSTEM, "initialise libcurl");
	struct http *http = allocate(sizeof *http);
	http->multi = multi;
	*ret_http = http;
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	curl_multi_cleanup(http->multi);
	free(http);
}

static void collect_result(struct http_exchange *exchange)
{
	int left;
	for (const CURLMsg *message; (message = curl_multi_info_read(exchange->http->multi, &left));) {
		struct http_exchange *owner = NULL;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&owner);
		if (message->msg == CURLMSG_DONE && owner) {
			owner->finished = true;
			owner->result = message->data.result;
		}
	}
}

/* Goes on until headers (then body) have come, or all is over. */
static int drive(struct http_exchange *exchange, bool for_body, struct error *err)
{
	for (;;) {
		int running;
		CURLMcode code = curl_multi_perform(exchange->http->multi, &running);
		if (code != CURLM_OK)
			return error_set(err, ERROR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
		collect_result(exchange);
		bool has_body = exchange->pending_end > exchange->pending_start;
		if (exchange->finished || (for_body ? has_body : exchange->headers_complete))
			return 0;
		if (cancel_is_requested())
			return cancel_error(err);
		code = curl_multi_poll(exchange->http->multi, NULL, 0, CANCEL_POLL_MILLISECONDS, NULL);
		if (code != CURLM_OK)
			return error_set(err, ERROR_SYSTEM, "libcurl: %s", curl_multi_strerror(code));
	}
}

static const char *method_of(const struct http_exchange *exchange)
{
	const char *method = NULL;
	curl_easy_getinfo(exchange->easy, CURLINFO_EFFECTIVE_METHOD, &method);
	return method ? method : "GET";
}

/*
 * An exchange whose sending broke off may still have been answered (401, 413): then the answer counts, and the
 * connection is not used again.
 */
static int open_once(struct http *http, const struct http_request *request, struct http_exchange **ret_exchange,
		     struct error *err)
{
	cleanup_http_exchange struct http_exchange *exchange = allocate(sizeof *exchange);
	exchange->http = http;
	exchange->response.content_length = -1;
	exchange->pending = allocate(HTTP_PENDING_SIZE);
	exchange->easy = curl_easy_init();
	if (!exchange->easy)
		return error_set(err, ERROR_SYSTEM, "initialise libcurl");
	if (http_setup(exchange, request, err) < 0)
		return -1;
	curl_easy_setopt(exchange->easy, CURLOPT_PRIVATE, exchange);
	if (curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
		return error_set(err, ERROR_SYSTEM, "libcurl takes no more transfers");
	if (drive(exchange, false, err) < 0)
		return -1;
	if (!exchange->headers_complete)
		return http_failure(exchange, request->method, err);
	*ret_exchange = steal_pointer(&exchange);
	return 0;
}

static bool is_redirect(const struct http_request *request, const struct http_response *response)
{
	switch (response->status) {
	case 301:
	case 302:
	case 303:
	case 307:
	case 308:
		break;
	default:
		return false;
	}
	return response->location && (strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0);
}

int http_open(struct http *http, const struct http_request *request, struct http_exchange **ret_exchange,
	      struct error *err)
{
	struct http_request current = *request;
	cleanup_free char *url = NULL; /* of the redirect that is followed */
	for (int followed = 0;; followed++) {
		cleanup_http_exchange struct http_exchange *exchange = NULL;
		if (open_once(http, &current, &exchange, err) < 0)
			return -1;
		if (!is_redirect(request, &exchange->response)) {
			*ret_exchange = steal_pointer(&exchange);
			return 0;
		}
		if (followed == HTTP_REDIRECT_LIMIT)
			return error_set(err, ERROR_LIMIT, "%s \"%s\": more than %d redirects", request->method,
					 request->url, HTTP_REDIRECT_LIMIT);
		char *next = NULL;
		if (location_join(current.url, exchange->response.location, &next, err) < 0)
			return error_wrap(err, "%s \"%s\": follow a redirect", request->method, current.url);
		/* Once another origin is entered, there is no way back to the header. */
		if (!location_same_origin(current.url, next))
			current.authorization = NULL;
		replace_string(&url, next);
		current.url = url;
	}
}

const struct http_response *http_response(const struct http_exchange *exchange)
{
	return &exchange->response;
}

ssize_t http_read(struct http_exchange *exchange, void *bytes, size_t size, struct error *err)
{
	if (cancel_is_requested())
		return cancel_error(err);
	if (exchange->pending_start == exchange->pending_end) {
		exchange->pending_start = exchange->pending_end = 0;
		if (exchange->paused) {
			exchange->paused = false;
			curl_easy_pause(exchange->easy, CURLPAUSE_CONT);
		}
		if (exchange->pending_end == 0 && !exchange->finished && drive(exchange, true, err) < 0)
			return -1;
	}
	size_t waiting = exchange->pending_end - exchange->pending_start;
	if (waiting == 0)
		return exchange->result == CURLE_OK ? 0 : http_failure(exchange, method_of(exchange), err);
	if (size > waiting)
		size = waiting;
	memcpy(bytes, exchange->pending + exchange->pending_start, size);
	exchange->pending_start += size;
	return (ssize_t)size;
}

static ssize_t exchange_read(void *context, void *bytes, size_t size, struct error *err)
{
	return http_read(context, bytes, size, err);
}

int http_read_all(struct http_exchange *exchange, size_t limit, struct buffer *ret_bytes, struct error *err)
{
	if (exchange->response.content_length > 0 && (uint64_t)exchange->response.content_length > limit)
		return error_set(err, ERROR_LIMIT, "\"%s\" is larger than %zu bytes", exchange->response.url, limit);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(limit);
	struct source from = {exchange_read, exchange};
	struct sink to = sink_to_buffer(&bytes);
	if (stream_copy(&from, &to, limit, NULL, err) < 0)
		return error_wrap(err, "read \"%s\"", exchange->response.url);
	*ret_bytes = bytes;
	bytes = (struct buffer){0};
	return 0;
}

void http_close(struct http_exchange *exchange)
{
	if (!exchange)
		return;
	if (exchange->easy) {
		curl_multi_remove_handle(exchange->http->multi, exchange->easy);
		curl_easy_cleanup(exchange->easy);
	}
	curl_slist_free_all(exchange->headers);
	trust_release(&exchange->trust);
	http_response_release(&exchange->response);
	free(exchange->authority);
	free(exchange->pending);
	free(exchange);
}
