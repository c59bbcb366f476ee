/* Rows of the build cache, steps and cache mounts, and which of them --filter keeps: by id, type and until. */
#pragma once

#include "engine/engine.h"
#include "store/build_cache.h"

struct build_cache_filter {
	const struct string_list *filters; /* borrowed */
	nanoseconds until;		   /* not used since; 0: whenever */
};

/* All rows, whatever the filters say, the least recently used first; ERROR_USAGE for a filter that there is not. */
int build_cache_rows(struct engine *engine, const struct string_list *filters, struct build_cache_list *ret_list,
		     struct build_cache_filter *ret_filter, struct error *err);
bool build_cache_filter_keeps(const struct build_cache_filter *filter, const struct build_cache_row *row);
