/* Containers go: `rm`, `run --rm`. */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"

/* `rm`: with `force`, a running one is killed first; else ERROR_CONFLICT with Docker's words. */
int container_remove_named(struct engine *engine, const char *name, bool force, bool anonymous_volumes,
			   struct error *err);

/* One that is known not to run: record, folders, and its anonymous volumes where asked. */
int container_remove_stopped(struct engine *engine, const char *id, bool anonymous_volumes, struct error *err);
