/*
 * Answers on TRANSFER_ANSWER_FD (protocol.h): a line at a time, from any thread. Progress of one layer is told at most
 * ten times a second; a change of its status always.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"
#include "base/json.h"
#include "base/time.h"
#include "oci/digest.h"

#define PROGRESS_ID_SIZE 13

/* One layer's; used by one thread at a time. */
struct progress {
	char id[PROGRESS_ID_SIZE];
	const char *status; /* the one that was told last; a literal */
	nanoseconds told;   /* when, by the monotonic clock */
};

void progress_init(struct progress *progress, const struct digest *digest);
/* `status` is a string literal of protocol.h; the numbers are bytes, total 0 where there is none to tell. */
void progress_tell(struct progress *progress, const char *status, uint64_t current, uint64_t total);
/* "Mounted from REPOSITORY" */
void progress_tell_mounted(struct progress *progress, const char *repository);

/* Steals `done`, adds "event". */
int progress_done(json_t *done, struct error *err);
void progress_error(const struct error *failure);
