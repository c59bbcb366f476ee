#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "transfer/cancel.h"
#include "transfer/http_exchange.h"
#include "transfer/location.h"

#define CONNECT_SECONDS	  30L
#define LOW_SPEED_SECONDS 120L

void http_response_release(struct http_response *response)
{
	free(response->url);
	free(response->content_type);
	free(response->location);
	free(response->content_digest);
	free(response->content_range);
	free(response->link);
	free(response->range);
	challenge_list_release(&response->challenges);
	*response = (struct http_response){.content_length = -1};
}

static uint64_t parse_number(const char *text, uint64_t limit)
{
	uint64_t number = 0;
	for (; *text >= '0' && *text <= '9'; text++) {
		number = number * 10 + (uint64_t)(*text - '0');
		if (number > limit)
			return limit;
	}
	return number;
}

static void take_header(struct http_response *response, const char *name, const char *value)
{
	const struct {
		const char *name;
		char **member;
	} texts[] = {
		{"content-type", &response->content_type},
		{"location", &response->location},
		{"docker-content-digest", &response->content_digest},
		{"content-range", &response->content_range},
		{"link", &response->link},
		{"range", &response->range},
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		if (strcasecmp(name, texts[i].name) == 0)
			replace_string(texts[i].member, duplicate_string(value));
	if (strcasecmp(name, "content-length") == 0 && *value >= '0' && *value <= '9')
		response->content_length = (int64_t)parse_number(value, INT64_MAX / 16);
	if (strcasecmp(name, "retry-after") == 0)
		response->retry_after = (unsigned)parse_number(value, 3600);
	if (strcasecmp(name, "last-modified") == 0) {
		time_t time = curl_getdate(value, NULL);
		response->last_modified = time > 0 ? (int64_t)time : 0;
	}
	if (strcasecmp(name, "www-authenticate") == 0 && www_authenticate_parse(value, &response->challenges, NULL) < 0)
		response->challenge_is_malformed = true;
}

/* libcurl gives a line at a time, with its end. */
static size_t on_header(char *bytes, size_t unit, size_t count, void *context)
{
	struct http_exchange *exchange = context;
	size_t size = unit * count;
	if (exchange->headers_complete)
		return size; /* trailers */
	exchange->header_bytes += size;
	if (exchange->header_bytes > HTTP_HEADER_LIMIT) {
		error_set(&exchange->callback_error, ERROR_LIMIT, "the answer has more than %zu bytes of headers",
			  HTTP_HEADER_LIMIT);
		return 0;
	}
	cleanup_free char *line = duplicate_bytes(bytes, size);
	size_t length = strcspn(line, "\r\n");
	line[length] = '\0';
	if (length == 0) {
		long status = 0;
		curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
		exchange->response.status = (int)status;
		exchange->headers_complete = status >= 200;
		return size;
	}
	if (strncmp(line, "HTTP/", 5) == 0) {
		char *url = steal_pointer(&exchange->response.url);
		http_response_release(&exchange->response);
		exchange->response.url = url;
		return size;
	}
	char *colon = strchr(line, ':');
	if (!colon)
		return size;
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	for (size_t end = strlen(value); end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t');)
		value[--end] = '\0';
	take_header(&exchange->response, line, value);
	return size;
}

static size_t on_body(char *bytes, size_t unit, size_t count, void *context)
{
	struct http_exchange *exchange = context;
	size_t size = unit * count;
	if (size > HTTP_PENDING_SIZE - exchange->pending_end) {
		exchange->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	memcpy(exchange->pending + exchange->pending_end, bytes, size);
	exchange->pending_end += size;
	return size;
}

static ssize_t body_read(struct http_exchange *exchange, char *bytes, size_t size)
{
	const struct http_body *body = &exchange->body;
	if (body->source)
		return source_read(body->source, bytes, size, &exchange->callback_error);
	if (body->bytes) {
		memcpy(bytes, (const char *)body->bytes + exchange->sent, size);
		return (ssize_t)size;
	}
	ssize_t got = pread(body->fd, bytes, size, (off_t)(body->start + exchange->sent));
	return got < 0 ? error_set_errno(&exchange->callback_error, errno, "read what is to be sent") : got;
}

static size_t on_send(char *bytes, size_t unit, size_t count, void *context)
{
	struct http_exchange *exchange = context;
	uint64_t left = exchange->body.size - exchange->sent;
	size_t size = unit * count < left ? unit * count : (size_t)left;
	if (size == 0)
		return 0;
	if (cancel_is_requested()) {
		cancel_error(&exchange->callback_error);
		return CURL_READFUNC_ABORT;
	}
	ssize_t got = body_read(exchange, bytes, size);
	if (got == 0)
		error_set(&exchange->callback_error, ERROR_CORRUPT, "what is to be sent is shorter than its size says");
	if (got <= 0)
		return CURL_READFUNC_ABORT;
	exchange->sent += (uint64_t)got;
	if (exchange->body.on_sent)
		exchange->body.on_sent(exchange->body.context, exchange->sent);
	return (size_t)got;
}

/*
 * libcurl asks to go back where it finds a kept connection dead after it began to send. A document is sent again
 * unseen; of a file the registry may have kept some, so its caller has to ask first.
 */
static int on_seek(void *context, curl_off_t offset, int origin)
{
	struct http_exchange *exchange = context;
	bool is_document = exchange->body.bytes != NULL;
	if (origin != SEEK_SET || offset < 0 || (!is_document && (uint64_t)offset != exchange->sent))
		return CURL_SEEKFUNC_CANTSEEK;
	exchange->sent = (uint64_t)offset;
	return CURL_SEEKFUNC_OK;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	return cancel_is_requested() ? 1 : 0;
}

static void add_header(struct http_exchange *exchange, const char *line)
{
	struct curl_slist *list = curl_slist_append(exchange->headers, line);
	if (!list)
		abort();
	exchange->headers = list;
}

static void setup_trust(struct http_exchange *exchange)
{
	CURL *easy = exchange->easy;
	const struct trust *trust = &exchange->trust;
	if (trust->certificates.size > 0) {
		struct curl_blob blob = {trust->certificates.bytes, trust->certificates.size, CURL_BLOB_NOCOPY};
		curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
	}
	if (location_is_insecure(exchange->authority)) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	if (trust->client_certificate) {
		curl_easy_setopt(easy, CURLOPT_SSLCERT, trust->client_certificate);
		curl_easy_setopt(easy, CURLOPT_SSLKEY, trust->client_key);
	}
}

static void setup_method(struct http_exchange *exchange, const struct http_request *request)
{
	CURL *easy = exchange->easy;
	if (strcmp(request->method, "HEAD") == 0) {
		curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
	} else if (request->body) {
		exchange->body = *request->body;
		exchange->has_body = true;
		curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
		curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body->size);
		curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_send);
		curl_easy_setopt(easy, CURLOPT_READDATA, exchange);
		curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
		curl_easy_setopt(easy, CURLOPT_SEEKDATA, exchange);
		curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L * 1024);
		curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, request->method);
	} else if (strcmp(request->method, "POST") == 0) {
		curl_easy_setopt(easy, CURLOPT_POST, 1L);
		curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "");
		curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L);
		add_header(exchange, "Content-Type:");
	}
	add_header(exchange, "Expect:"); /* costs a round trip, and some registries never answer it */
	for (size_t i = 0; request->headers && i < request->headers->count; i++)
		add_header(exchange, request->headers->items[i]);
	if (request->authorization) {
		cleanup_free char *line = format_string("Authorization: %s", request->authorization);
		add_header(exchange, line);
		explicit_bzero(line, strlen(line));
	}
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
}

int http_setup(struct http_exchange *exchange, const struct http_request *request, struct error *err)
{
	CURL *easy = exchange->easy;
	if (location_check(request->url, err) < 0)
		return -1;
	exchange->authority = location_authority(request->url);
	if (trust_load(exchange->authority, &exchange->trust, err) < 0)
		return -1;
	exchange->response.url = duplicate_string(request->url);
	bool is_https = strncasecmp(request->url, "https:", 6) == 0;
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, is_https ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_URL, request->url);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "coracle/" CORACLE_VERSION);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_SECONDS);
	curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, 128L * 1024);
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->explanation);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	if (location_authority_is_loopback(exchange->authority))
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	setup_trust(exchange);
	setup_method(exchange, request);
	return 0;
}
