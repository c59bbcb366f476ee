/*
 * Up to WORKERS_MAX things at a time: the calling thread and as many more as there is work for. The first failure stops
 * the others (cancel.h) and is the one that is reported.
 */
#pragma once

#include <stddef.h>

#include "base/error.h"

#define WORKERS_MAX 3

struct http;

/*
 * Calls work(context, index, http, err) once for each index below count, lowest first. Each thread has an HTTP client
 * of its own; that of the calling thread is `http`.
 */
int workers_run(size_t count, struct http *http,
		int (*work)(void *context, size_t index, struct http *http, struct error *err), void *context,
		struct error *err);
