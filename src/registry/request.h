/*
 * One request, from its headers to its last byte. server.c makes it, finds its route (route.h), asks who is asking
 * (auth.h), and calls the route's handlers, which answer with the functions of response.h. One thread at a time has it.
 */
#pragma once

#include <microhttpd.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/time.h"
#include "registry/identity.h"
#include "registry/registry.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_METHOD_COUNT,
};

struct route;

struct request {
	struct registry *registry;
	struct MHD_Connection *connection;
	enum http_method method;
	char *path; /* decoded; may hold any byte but NUL */
	char *host; /* lower case, "registry" where the client named none that is one */
	const struct route *route;
	char *name;	 /* the repository that the path names, validated; or NULL */
	char *reference; /* the last part of the path, where the route has one; not validated */
	struct identity *identity;
	nanoseconds started; /* time_monotonic() */
	bool is_tls;
	/* the body */
	uint64_t received;  /* bytes so far */
	struct buffer body; /* of a route that takes it in memory */
	/* the answer */
	unsigned status; /* 0 until there is one */
	struct MHD_Response *response;
	uint64_t response_size;
	/* of the handlers, between begin and finish */
	struct upload_hold *hold; /* of an upload, or NULL */
	bool upload_has_row;
};

/* NULL where there is none. */
const char *request_header(const struct request *request, const char *name);
const char *request_query(const struct request *request, const char *name);
/* Content-Length; false where there is none that is a number. */
bool request_content_length(const struct request *request, uint64_t *ret_size);
/* The address, for logs. */
void request_peer(const struct request *request, char *text, size_t size);
/* "https://ghcr.test": what the client calls us, or --public-url. Owned by the caller. */
char *request_base_url(const struct request *request);
/* The service's name in tokens: the host of that. Borrowed. */
const char *request_service(const struct request *request);
/* Gives back an upload that is in use, or drops one that ends with its request. */
void request_release_upload(struct request *request);
void request_free(struct request *request);
