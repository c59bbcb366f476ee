/*
 * HTTP over libcurl, pulled rather than pushed: an exchange is opened, which returns once the answer's headers are
 * here, and its body is read piece by piece. At most HTTP_PENDING_SIZE bytes wait in memory; a reader that is slow
 * slows the sender down.
 *
 * Security, for every request: only URLs that location_check() lets through; certificates are verified against the
 * system's CAs and those of certs.d (trust.h), except where registries.conf calls the host insecure; redirects of GET
 * and HEAD are followed by hand, at most HTTP_REDIRECT_LIMIT, never from https to http, and Authorization is dropped
 * where scheme, host or port differ. No proxy for this machine's own addresses, otherwise the environment's. No
 * cookies, no .netrc.
 *
 * Times: 30 s to connect; an exchange that moves less than a byte a second for 120 s is broken off.
 *
 * A client belongs to one thread; connections are kept and used again. Exchanges of one client may not be driven from
 * within one another: for a body that is read from another exchange use a second client.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/stream.h"
#include "base/string_list.h"
#include "transfer/www_authenticate.h"

#define HTTP_PENDING_SIZE   ((size_t)512 * 1024)
#define HTTP_REDIRECT_LIMIT 5
#define HTTP_HEADER_LIMIT   ((size_t)64 * 1024) /* bytes of all headers of an answer */

struct http;
struct http_exchange;

/* What is sent. One of bytes, fd (a regular file) or source; all but source can be sent again by the caller. */
struct http_body {
	uint64_t size;
	const void *bytes;
	int fd;		/* -1: none */
	uint64_t start; /* where in fd it begins */
	const struct source *source;
	void (*on_sent)(void *context, uint64_t sent); /* may be NULL */
	void *context;
};

struct http_request {
	const char *method; /* GET, HEAD, POST, PUT, PATCH */
	const char *url;
	const char *authorization;	   /* the header's value, or NULL */
	const struct string_list *headers; /* "Name: value", or NULL */
	const struct http_body *body;	   /* NULL: none */
};

struct http_response {
	int status;
	char *url; /* that gave this answer, after redirects */
	char *content_type;
	char *location;
	char *content_digest; /* Docker-Content-Digest */
	char *content_range;
	char *link;		/* the next page of a list, RFC 8288 */
	char *range;		/* of an upload's bytes that have come */
	int64_t content_length; /* -1: not said */
	unsigned retry_after;	/* seconds, 0: not said */
	int64_t last_modified;	/* seconds since 1970, 0: not said */
	struct challenge_list challenges;
	bool challenge_is_malformed; /* a WWW-Authenticate header was refused */
};

/* Once, before any thread. */
int http_initialize(struct error *err);
int http_new(struct http **ret_http, struct error *err);
void http_free(struct http *http);
static inline void http_free_pointer(struct http **http)
{
	http_free(*http);
}
#define cleanup_http CLEANUP(http_free_pointer)

/*
 * Sends and waits for the headers. Any status is success here; ERROR_NETWORK where there was no answer, which may be
 * tried again, ERROR_INVALID where the other side cannot be trusted, which may not. The request's parts must stay valid
 * until http_close.
 */
int http_open(struct http *http, const struct http_request *request, struct http_exchange **ret_exchange,
	      struct error *err);
const struct http_response *http_response(const struct http_exchange *exchange);
/* Up to `size` bytes of the body; 0 at its end. A body that is cut short is ERROR_NETWORK. */
ssize_t http_read(struct http_exchange *exchange, void *bytes, size_t size, struct error *err);
/* All that is left, into a fresh buffer; more than `limit` bytes is ERROR_LIMIT. */
int http_read_all(struct http_exchange *exchange, size_t limit, struct buffer *ret_bytes, struct error *err);
void http_close(struct http_exchange *exchange);
static inline void http_close_pointer(struct http_exchange **exchange)
{
	http_close(*exchange);
}
#define cleanup_http_exchange CLEANUP(http_close_pointer)
