/* What a build step with a given key made. Keys are digests of everything that goes into a step (build/cache.h). */
#pragma once

#include "store/store.h"

struct build_cache_entry {
	struct digest diff_id; /* unset: the step made no layer */
	struct digest blob;    /* of the compressed layer */
	uint64_t blob_size;
	uint64_t size; /* bytes of files */
};
/* ERROR_NOT_FOUND where there is none, or where its layer is gone. */
int build_cache_find(struct store *store, const struct digest *key, struct build_cache_entry *ret_entry,
		     struct error *err);
int build_cache_put(struct store *store, const struct digest *key, const struct build_cache_entry *entry,
		    struct error *err);
/* Forgets all entries; store_collect() then frees what only they named. */
int build_cache_clear(struct store *store, struct error *err);
