/* A running container's first process, held by a pidfd, for those that join its namespaces. */
#pragma once

#include "engine/engine.h"
#include "store/container.h"

/* A pid may be given out again: pinned first, then asked whether it is still the container's. ERROR_CONFLICT where it
 * does not run. */
int container_pin(int run_folder, const struct container_record *record, pid_t pid, int *ret_pidfd, struct error *err);
/* That of "ID" in `--pid container:ID` and its like; `what` is "PID" or "IPC". */
int container_pin_joined(struct engine *engine, const char *id, const char *what, int *ret_pidfd, struct error *err);
