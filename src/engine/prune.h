/* Giving disk back: `rmi` and `system prune`. */
#pragma once

#include <stdbool.h>

#include "base/string_list.h"
#include "engine/engine.h"

/* Tags and images go as Docker says (store/image.h), then the bytes that nothing names any more. */
int image_remove_named(struct engine *engine, const char *name, bool force, struct string_list *ret_lines,
		       struct error *err);

struct prune_outcome {
	struct string_list containers; /* ids that were removed */
	struct string_list images;     /* Docker's lines */
	uint64_t bytes;
};
void prune_outcome_release(struct prune_outcome *outcome);
#define cleanup_prune_outcome CLEANUP(prune_outcome_release)

/* Stopped containers alone; `bytes` is 0. */
int container_prune(struct engine *engine, struct prune_outcome *ret_outcome, struct error *err);
/* Stopped containers and images without a tag; with `all`, images that no container uses,
 * and what builds have kept. */
int system_prune(struct engine *engine, bool all, struct prune_outcome *ret_outcome, struct error *err);
