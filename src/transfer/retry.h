/*
 * Trying again what failed with ERROR_NETWORK: an answer of 429 or 5xx, a connection that broke. It is one rule for all
 * that is asked of a registry or a token service: manifests, blobs, uploads, tokens. The pauses are 0.5, 1,
 * 2… seconds, at most RETRY_LONGEST_PAUSE, each made up to a half longer by chance, so that many clients that failed
 * together do not come back together; or what the registry asked for with Retry-After, up to RETRY_AFTER_LIMIT. A
 * registry that asks for more than that is not waited for: its error says so at once.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

#define RETRY_LIMIT	    3	   /* in a row, after the first attempt */
#define RETRY_LONGEST_PAUSE 10000u /* milliseconds */
#define RETRY_AFTER_LIMIT   30u	   /* seconds */

struct retry {
	unsigned failures; /* in a row */
	unsigned after;	   /* seconds, of the last answer's Retry-After; 0: not said */
	bool is_patient;   /* a registry that is not there at all is waited for too */
};

/* Milliseconds until the next attempt; after at least one failure, at most RETRY_LIMIT. */
unsigned retry_pause(const struct retry *retry);
/*
 * After a failure: 0 where it is worth another attempt, having waited for it; else -1, and *err says what was tried.
 * Its system_errno is then ETIMEDOUT, so that whoever tries again around it does not repeat it all.
 */
int retry_wait(struct retry *retry, struct error *err);
/* Calls attempt(context, retry, err), which may set retry->after, until it succeeds or is not worth repeating. */
int retry_until(struct retry *retry, int (*attempt)(void *context, struct retry *retry, struct error *err),
		void *context, struct error *err);
