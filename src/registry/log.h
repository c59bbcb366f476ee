/*
 * The access log: a line a request on stdout. What could be a secret is never in it: no headers, no query, no body; and
 * bytes of a path that could break a line or drive a terminal are written as \xNN.
 */
#pragma once

#include "registry/request.h"

void log_request(const struct request *request, bool was_completed);
/* What went wrong inside, on stderr. */
void log_failure(const struct request *request, const struct error *err);
void log_set_enabled(bool enabled); /* the access log; before the first thread */
