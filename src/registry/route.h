/*
 * Which handler serves which method and path. A pattern is fixed text with at most one {name}, which takes one or more
 * parts of a path, and behind it fixed parts and a {reference}, which takes one. As {name} is followed by a known
 * number of parts, a path is matched from its end, and a repository may itself be called "a/blobs/b".
 */
#pragma once

#include "registry/request.h"

enum route_access {
	ACCESS_PUBLIC,
	ACCESS_LOGIN, /* somebody who is known */
	ACCESS_CATALOG,
	ACCESS_PULL,
	ACCESS_PUSH,
	ACCESS_DELETE,
};

struct route {
	unsigned methods; /* bits: 1 << enum http_method */
	const char *pattern;
	enum route_access access;
	int (*begin)(struct request *request, struct error *err); /* before the body; may be NULL */
	/* Takes the body as it comes. NULL: it is kept in memory up to body_limit. */
	int (*receive)(struct request *request, const void *bytes, size_t size, struct error *err);
	int (*finish)(struct request *request, struct error *err); /* unless there is an answer already */
	size_t body_limit;					   /* bytes; 0: the body is ignored */
};

enum route_result { ROUTE_FOUND, ROUTE_NO_PATH, ROUTE_NO_METHOD, ROUTE_NAME_INVALID };

/*
 * On ROUTE_FOUND *ret_name and *ret_reference are the path's, owned by the caller, NULL where the pattern has none.
 * On ROUTE_NO_METHOD *ret_methods are those that there are for the path.
 */
enum route_result route_find(enum http_method method, const char *path, const struct route **ret_route, char **ret_name,
			     char **ret_reference, unsigned *ret_methods);
