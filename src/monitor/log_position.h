/* Places in a log that need not be read up to: both are found by looking at a few blocks, however long the log is. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"

struct log_position {
	uint64_t number; /* of the file (log_files.h) */
	off_t offset;	 /* where a record begins */
};

/* Whether a is behind b. */
static inline bool log_position_is_later(const struct log_position *a, const struct log_position *b)
{
	return a->number != b->number ? a->number > b->number : a->offset > b->offset;
}

int log_find_start(int folder_fd, struct log_position *ret_position, struct error *err);
/* Where the last `lines` lines begin, found from the end backwards. */
int log_find_tail(int folder_fd, int64_t lines, struct log_position *ret_position, struct error *err);
/*
 * A place from which all records since then can be read; what lies between is older and at most a few blocks. Records
 * are in the order of their times: in a log whose clock was set back, the search may end at either of two places.
 */
int log_find_time(int folder_fd, nanoseconds since, struct log_position *ret_position, struct error *err);
