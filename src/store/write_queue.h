/*
 * Who finds the database locked by another writer waits in a queue: one process tries again and again, all others sleep
 * in the kernel, which wakes them in the order in which they came. With SQLite's own way, pauses of up to 0.1 s, each
 * of two hundred commands started at once would try thousands of times, and one of them would be unlucky for ten
 * seconds.
 */
#pragma once

#include "base/error.h"
#include "base/time.h"

/*
 * The head of the queue of the database at `path` (the file `path`-queue); close it to let the next one come. A process
 * that dies leaves the queue. ERROR_SYSTEM with ETIMEDOUT when `deadline` (time_monotonic()) has passed.
 */
int write_queue_enter(const char *path, nanoseconds deadline, int *ret_fd, struct error *err);
