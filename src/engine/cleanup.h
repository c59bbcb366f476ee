/*
 * What is done once after a container's first process has ended, whoever does it: network and cgroup are taken down,
 * the record gets its exit code, a --rm container goes, and one that is to be started again gets its waiter
 * (restart.h). Doing it again changes nothing.
 */
#pragma once

#include "engine/engine.h"

/*
 * As the monitor's successor, which holds the run folder's lock already, by lock_fd. A container that is gone is
 * success. Becomes the waiter where one is due, and then does not return.
 */
int container_cleanup(struct engine *engine, const char *id, int lock_fd, struct error *err);

/* Where neither monitor nor waiter is left: takes the lock first, kills what still runs. Another command that is at it
 * is waited for. */
int container_cleanup_abandoned(struct engine *engine, const char *id, struct error *err);
