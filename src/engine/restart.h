/*
 * Containers that are started again when they have ended: `--restart`.
 *
 * The cleanup after a container's end asks restart_is_due(), and writes into the record when the next start is due, in
 * the same transaction as the exit code. Then it becomes a waiter (monitor/waiter.c), which keeps the container's lock,
 * and at the time becomes container_start_due(). The record alone decides: a waiter or a start that was killed is put
 * back by the next command that meets the container (container_state_read()). `stop`, `kill` and `rm -f` first write
 * into the record that the container is stopped, and then end the waiter or what it has started meanwhile.
 *
 * Docker's back-off: 100 ms, twice as much each time, a minute at most, and from the start again once the container
 * has run for ten seconds.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "store/container.h"

/* Whether a container that ran for `span` and ended with the code is to be started again, and after what delay. */
bool restart_is_due(const struct container_record *record, const struct container_config *config, int exit_code,
		    nanoseconds span, nanoseconds *ret_delay);

/* How long to wait still for what the record says is due; within the bounds of the back-off, whatever clocks did. */
nanoseconds restart_remaining(const struct container_record *record);

/* The calling process, which has the lock, becomes the waiter; returns only with an error. */
int restart_become_waiter(struct engine *engine, const char *id, int lock_fd, nanoseconds delay, struct error *err);
/* A child of ours becomes it, and has the lock from then on. */
int restart_fork_waiter(struct engine *engine, const char *id, int lock_fd, nanoseconds delay, struct error *err);

/*
 * The start that is due, by the waiter's successor, which was given the lock. Stopped meanwhile is success. A start
 * that fails is not tried again: the record says why.
 */
int container_start_due(struct engine *engine, const char *id, int lock_fd, struct error *err);

/*
 * Starts what is to run after the machine has come up: containers of the policies always, and unless-stopped where
 * nobody stopped them; those of on-failure that the power cut ended. What fails is told line by line to `report`, and
 * does not hold up the others.
 */
int container_start_all(struct engine *engine, const struct engine_report *report, struct error *err);
