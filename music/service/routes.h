/*
 * What the service answers. Paths are below /api/v1/music/.
 *
 *   GET    /          200 {"Count":N,"Items":[…]}; with ?limit=&after=&q= a part of it, and "Next" where more follows
 *   POST   /          200 {"music_id":ID}; 400 {"Message":"Error reading arguments"}
 *   GET    /ID        200 {"Count":1,"Items":[…]}; 404 {"Count":0,"Items":[]}
 *   PUT    /ID        200 {"music_id":ID}; 400 as above; 404 {"Count":0,"Items":[]}
 *   DELETE /ID        200 {}; 404 {"Count":0,"Items":[]}
 *   GET    /test      200 {}; 500, with the unique code and a backtrace in the log
 *   GET    /health    200 while the service lives (also at the top)
 *   GET    /readiness 200 while the data is open and no end is near, else 503 (also at the top)
 *   GET    /shutdown  200 {}, then the service ends
 *
 * At the top: GET / (the page), /openapi.json, /metrics.
 *
 * 405 names the methods in Allow. A body without a length is 411, over BODY_LIMIT 413, of a type that is not JSON 415
 * (none, and what curl -d says unasked, pass). A page of another site that writes is 403.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "songs.h"

#define BODY_LIMIT ((size_t)64 * 1024) /* bytes of a request */

struct service {
	struct songs *songs;
	const char *unique_code;
	bool is_ending; /* atomic */
};

struct request {
	const char *method, *url; /* the URL's path */
	const char *limit, *after, *query;
	const char *content_type, *fetch_site; /* headers, or NULL */
	const char *id;			       /* X-Request-ID, for the log */
	bool has_length, is_too_large;
	const char *body;
	size_t size;
};

struct answer {
	unsigned status;
	struct text *body; /* owned; NULL: none */
	const char *type;  /* NULL: application/json */
	const char *allow; /* methods, for 405; else NULL */
	bool is_change;	   /* nothing of the above: the change has to be made, and change_answer() tells */
};

/* What a change needs while it waits: owned by the request. */
struct pending_change {
	struct songs_change change;
	char *artist, *title;
	char music_id[256];
};

void route(struct service *service, const struct request *request, struct pending_change *change,
	   struct answer *ret_answer);
void change_answer(const struct pending_change *change, struct answer *ret_answer);
void change_release(struct pending_change *change);
