/* Reading what a monitor keeps in a container's run folder. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"

enum monitor_state {
	MONITOR_NONE,	 /* never started since boot */
	MONITOR_RUNNING, /* the monitor lives and so does the first process */
	MONITOR_EXITED,	 /* the monitor wrote an exit code */
	MONITOR_WAITING, /* a waiter lives, which will have it started again */
	MONITOR_BUSY,	 /* a command holds the lock, starting or cleaning up; wait, or look again */
	MONITOR_LOST	 /* the monitor died without one: killed, or the power went */
};

struct monitor_status {
	enum monitor_state state;
	bool cleaning; /* exited, and the cleanup still holds the lock */
	pid_t pid;
	nanoseconds started;
	nanoseconds finished;
	int exit_code;
	bool out_of_memory;
};

/* run_folder_fd -1 gives MONITOR_NONE. */
int monitor_status_read(int run_folder_fd, struct monitor_status *ret_status, struct error *err);
/*
 * Waits until nobody holds the lock; `timeout` in nanoseconds, -1: for ever. ERROR_LIMIT after the timeout. Takes
 * nothing: it sleeps on a pidfd of the holder.
 */
int monitor_wait(int run_folder_fd, nanoseconds timeout, struct error *err);
/*
 * The same for ever, and then the monitor's last word, even where the folder's files have been removed meanwhile
 * (--rm): MONITOR_EXITED with finished, exit_code and out_of_memory, or MONITOR_LOST.
 */
int monitor_wait_exit(int run_folder_fd, struct monitor_status *ret_status, struct error *err);
/*
 * Ends a waiter; one that has just begun to start the container, or was no waiter, is left alone. Whether it has gone
 * is told by the lock.
 */
int monitor_end_waiter(int run_folder_fd, struct error *err);
/* A client's connection to attach.sock. ERROR_NOT_FOUND where no monitor listens. */
int monitor_connect(int run_folder_fd, int *ret_fd, struct error *err);
