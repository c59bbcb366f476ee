/* Giving disk back: `rmi`, and `container`, `image`, `builder` and `system prune`. */
#pragma once

#include <stdbool.h>

#include "base/string_list.h"
#include "base/time.h"
#include "engine/engine.h"

/* Tags and images go as Docker says (store/image.h), then the bytes that nothing names any more. */
int image_remove_named(struct engine *engine, const char *name, bool force, struct string_list *ret_lines,
		       struct error *err);

struct prune_outcome {
	struct string_list containers; /* ids that were removed */
	struct string_list volumes;    /* names */
	struct string_list networks;   /* names */
	struct string_list images;     /* Docker's lines: "untagged: web:1", "deleted: sha256:…" */
	struct string_list caches;     /* keys of the build cache */
	uint64_t bytes;
};
void prune_outcome_release(struct prune_outcome *outcome);
#define cleanup_prune_outcome CLEANUP(prune_outcome_release)

/*
 * Filters are "name=value" (engine/filter.h). All know until (made before then), label and label!; others are named.
 * What is used meanwhile, or gone, is passed over. Outcomes are added to; on failure they tell what was done so far.
 */

/* Stopped containers; `bytes` is what they had written. */
int container_prune(struct engine *engine, const struct string_list *filters, struct prune_outcome *outcome,
		    struct error *err);
/* Images without a tag; with `all` (or the filter dangling=false) all that no container was made of. */
int image_prune(struct engine *engine, bool all, const struct string_list *filters, struct prune_outcome *outcome,
		struct error *err);

struct builder_prune_options {
	bool all;			   /* also what images have too, and steps that made no layer */
	const struct string_list *filters; /* until (last used before then), id */
	uint64_t keep;			   /* bytes of cache that may stay; the last used do; 0: none is kept for it */
	uint64_t reserved;		   /* bytes that stay in any case */
	uint64_t free;			   /* bytes that the file system is to have free, and no more goes for it */
	nanoseconds until;		   /* as the filter; 0: none */
};
int builder_prune(struct engine *engine, const struct builder_prune_options *options, struct prune_outcome *outcome,
		  struct error *err);

struct system_prune_options {
	bool all;     /* images that no container was made of, and the whole build cache */
	bool volumes; /* anonymous ones that no container uses, too */
	const struct string_list *filters;
};
/* Containers, networks, volumes, images, build cache, logs of removed containers, and what broken transfers have left.
 */
int system_prune(struct engine *engine, const struct system_prune_options *options, struct prune_outcome *outcome,
		 struct error *err);
