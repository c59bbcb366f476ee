/*
 * The logs of containers that are gone, for a while: ROOT/removed-logs/<time>-<kB>-<id>/ is the log's folder as it was,
 * moved there by one rename, with "removed.json" in it. So a removal costs nothing of the log's size, and whoever
 * follows the log of a --rm container reads it to its end. The names tell all that the bounds are about: at most
 * REMOVED_LOGS_COUNT of them, REMOVED_LOGS_BYTES together, and none older than REMOVED_LOGS_AGE; the oldest go, with
 * the next removal or at once by `system prune`.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "store/container.h"

#define REMOVED_LOGS_COUNT 64
#define REMOVED_LOGS_BYTES (128LL * 1024 * 1024)
#define REMOVED_LOGS_AGE   (3 * 24 * 3600 * NANOSECONDS_PER_SECOND)

/* Moves the log of a container that is about to be removed, where it has said something. */
int removed_log_keep(struct engine *engine, const struct container_record *record, struct error *err);

/*
 * The last one that was removed with that name, id, or beginning of an id: its folder and what --details shows of it,
 * both owned. ERROR_NOT_FOUND.
 */
int removed_log_find(struct engine *engine, const char *name, int *ret_folder_fd, char **ret_details,
		     struct error *err);

/* Removes those that were kept before that time; adds their bytes. */
int removed_logs_prune(struct engine *engine, nanoseconds before, uint64_t *bytes, struct error *err);
