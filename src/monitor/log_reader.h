/* Reads the files of a log (log_files.h) back: `logs`, with its -f, -t, --details, --tail, --since, --until. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

struct log_query {
	bool follow;
	bool timestamps;
	const char *details;	  /* what --details puts before each line; NULL: nothing */
	int64_t tail;		  /* last lines; -1: all */
	nanoseconds since, until; /* 0: no bound */
	int stdout_fd, stderr_fd; /* where to write; -1: leave that stream out */
};

/*
 * The log of a folder is read to its end; with follow, further lines are written as they come, over any rotation,
 * until the run that goes on has ended, also where the container is to be started again: its monitor is gone (and with
 * it the cleanup), or nobody holds the lock of run_folder_fd (-1: nobody does). Sleeps on inotify and on the holder's
 * pidfd; nothing polls. With `until`, following ends at that time.
 *
 * Parts of long lines are put together. A last line without an end is written without a newline once the end is
 * reached. Lines that are no records are passed over. `tail` counts lines of both streams, before the bounds are
 * applied, as Docker does. A reader that is gone is SIGPIPE, or where that is ignored an error with EPIPE.
 */
int log_read(int folder_fd, int run_folder_fd, const struct log_query *query, struct error *err);
