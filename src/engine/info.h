/* `info` and `version`: this host and this program, as Docker's documents of the same names. */
#pragma once

#include "base/json.h"
#include "engine/engine.h"

/* Members of Docker's system.Info that mean something here, and ClientInfo. Owned by the caller. */
int engine_info(struct engine *engine, json_t **ret_document, struct error *err);
/* {"Client": …, "Server": …}. There is no API between the two, so its version is "". */
json_t *engine_version(void);
