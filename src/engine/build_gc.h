/*
 * The build cache's own limits, which builds keep without being asked. What was not used for 60 days goes, and the
 * least recently used of what is more than a tenth of the file system (2 GB at least). Bytes that images have too do
 * not count. CORACLE_BUILD_CACHE_MAX ("20g", powers of 1024; "0": no limit) and CORACLE_BUILD_CACHE_AGE ("720h"; "0")
 * say otherwise.
 *
 * At most once an hour a build looks, when all it had to do is done; where there is too much, it starts
 * `coracle builder prune --policy` in the background and ends.
 */
#pragma once

#include "engine/engine.h"
#include "engine/prune.h"

#define BUILD_GC_AGE_HOURS     60 * 24
#define BUILD_GC_PERCENT       10
#define BUILD_GC_BYTES_MINIMUM (2ULL << 30)
#define BUILD_GC_PAUSE_SECONDS 3600

struct build_gc_policy {
	uint64_t bytes;	   /* 0: no limit */
	nanoseconds until; /* last used before then; 0: no limit */
};
int build_gc_policy(struct engine *engine, struct build_gc_policy *ret_policy, struct error *err);

/* Removes what the policy says. */
int build_gc(struct engine *engine, struct prune_outcome *outcome, struct error *err);
/* Starts that elsewhere, where it is time and needed. A build does not fail of it. */
void build_gc_start(struct engine *engine);
