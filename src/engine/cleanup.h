/*
 * What is done once after a container's first process has ended, whoever does it: network and cgroup are taken down,
 * the record gets its exit code, and a --rm container goes. Doing it again changes nothing.
 */
#pragma once

#include "engine/engine.h"

/* As the monitor's successor, which holds the run folder's lock already. A container that is gone is success. */
int container_cleanup(struct engine *engine, const char *id, struct error *err);

/* Where no monitor is left: takes the lock first, kills what still runs. Another process that holds it is waited for.
 */
int container_cleanup_abandoned(struct engine *engine, const char *id, struct error *err);
