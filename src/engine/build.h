/* `build`: the engine gives the builder images and containers. */
#pragma once

#include "build/build.h"
#include "engine/build_cache.h"
#include "engine/engine.h"

/*
 * caches_from and caches_to may be empty. The image that comes out has an inline cache where one of caches_to is that.
 * A cache that cannot be exported is an error, after the image was made.
 */
struct build_job {
	const struct build_options *options;
	const struct build_cache_specs *caches_from, *caches_to;
};
/* ret_content_lock, owned by the caller: until it is closed, nothing of what was built is collected. */
int engine_build(struct engine *engine, const struct build_job *job, struct image *ret_image, int *ret_content_lock,
		 struct error *err);

/* build_check() with the input that engine_build() takes. */
int engine_build_check(struct engine *engine, const struct build_options *options, char **ret_text, size_t *ret_count,
		       struct error *err);

/* What --metadata-file writes, as BuildKit has it; owned by the caller. */
int build_metadata(struct engine *engine, const struct build_options *options, const struct image *image,
		   char **ret_text, struct error *err);
