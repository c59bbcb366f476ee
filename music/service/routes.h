/*
 * What the service answers. Paths are below /api/v1/music/.
 *
 *   GET    /          200 {"Count":N,"Items":[…]}
 *   POST   /          200 {"music_id":ID}; 400 {"Message":"Error reading arguments"}
 *   GET    /ID        200 {"Count":1,"Items":[…]}; 404 {"Count":0,"Items":[]}
 *   DELETE /ID        200 {}; 404 {"Count":0,"Items":[]}
 *   GET    /test      200 {}; 500, with the unique code and a backtrace in the log
 *   GET    /health, /readiness   200 (also at the top)
 *   GET    /shutdown  200 {}, then the service ends
 */
#pragma once

#include <jansson.h>
#include <stddef.h>

#include "songs.h"

#define BODY_LIMIT ((size_t)64 * 1024) /* bytes of a request; more is 413 */

struct service {
	struct songs *songs;
	const char *unique_code;
};

struct answer {
	unsigned status;
	json_t *document;  /* owned; NULL: no body */
	const char *allow; /* methods, for 405; else NULL */
};

void route(struct service *service, const char *method, const char *url, const char *body, size_t size,
	   struct answer *ret_answer);
