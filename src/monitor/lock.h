/*
 * The lock file of a run folder (protocol.h). Its text, always LOCK_TEXT_SIZE bytes, padded with spaces, a newline
 * last, is one of
 *     "taken PID"                      of a command that starts the container or cleans up after it
 *     "monitor PID"                    of the monitor
 *     "monitor PID exited CODE NS OOM" its last word, kept while the cleanup, which has the same pid, works
 *     "waiter PID"                     of who starts the container again when its time has come (waiter.c)
 * The text tells who holds the lock; whether it is held is told by the kernel alone.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"
#include "monitor/text.h"

#define LOCK_TEXT_SIZE 128

enum lock_role { LOCK_TAKEN, LOCK_MONITOR, LOCK_WAITER };

struct lock_state {
	bool held;
	enum lock_role role; /* the last holder's */
	pid_t pid;	     /* the last holder; 0: the text says nothing */
	bool has_exit;
	struct exit_text end;
};

/* Owned. ERROR_NOT_FOUND where the file is missing, and so nobody holds it. */
int lock_open(int run_folder_fd, int *ret_fd, struct error *err);
int lock_query(int lock_fd, struct lock_state *ret_state, struct error *err);
bool lock_state_equal(const struct lock_state *a, const struct lock_state *b);
/*
 * A pidfd of the holder in *ret_pidfd, owned, or -1 where it is not known for the moment (it has just died, or has not
 * put down its name): look again soon. *ret_state is as of when the pidfd was opened.
 */
int lock_holder(int lock_fd, struct lock_state *ret_state, int *ret_pidfd, struct error *err);
/* Waits until nobody holds it. `timeout` as in monitor_wait(). */
int lock_wait(int lock_fd, nanoseconds timeout, struct error *err);

/* Says who holds it. `end` may be NULL. -1 with errno set. */
int lock_write_text(int lock_fd, enum lock_role role, const struct exit_text *end);
