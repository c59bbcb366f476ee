/* Reads container.log (protocol.h) back: `logs`, with its -f, -t, --tail, --since, --until. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

struct log_query {
	bool follow;
	bool timestamps;
	int64_t tail;		  /* last lines; -1: all */
	nanoseconds since, until; /* 0: no bound */
	int stdout_fd, stderr_fd; /* where to write; -1: leave that stream out */
};

/*
 * log_fd is read to its end; with follow, further lines are written as they come, until the container has ended: its
 * monitor is gone (and with it the cleanup), or nobody holds the lock of run_folder_fd (-1: nobody does). Sleeps on
 * inotify and on the holder's pidfd; nothing polls. With `until`, following ends at that time.
 *
 * Parts of long lines are put together. A last line without an end is written without a newline once the end is
 * reached. Lines that are no records are passed over. `tail` counts lines of both streams, before the bounds are
 * applied, as Docker does. A reader that is gone is SIGPIPE, or where that is ignored an error with EPIPE.
 */
int log_read(int log_fd, int run_folder_fd, const struct log_query *query, struct error *err);
