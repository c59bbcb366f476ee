/* Ending containers: stop, kill, wait; and pausing them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/engine.h"

/* The container's stop signal, then SIGKILL after `timeout` seconds (-1: the container's own, or 10; a stopped one is
 * success). Returns once it has been cleaned up after. `signal_text` NULL: the container's. */
int container_stop(struct engine *engine, const char *name, const char *signal_text, int64_t timeout,
		   struct error *err);

/*
 * ERROR_CONFLICT "container X is not running". SIGKILL and the container's stop signal also end its restarts; one that
 * waits for its restart is ended by them alone.
 */
int container_kill(struct engine *engine, const char *name, int signal_number, struct error *err);

/*
 * Freezes all its processes, or thaws them. ERROR_CONFLICT "Container X is already paused", "Container X is not
 * paused", "container X is not running". A signal of stop or kill wakes a paused container, which then receives it.
 */
int container_pause(struct engine *engine, const char *name, bool pause, struct error *err);

/* Waits until it has ended, is not to be started again, and been cleaned up after. */
int container_wait(struct engine *engine, const char *name, int *ret_exit_code, struct error *err);
