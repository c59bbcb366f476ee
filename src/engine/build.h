/* `build`: the engine gives the builder images and containers. */
#pragma once

#include "build/build.h"
#include "engine/engine.h"

int engine_build(struct engine *engine, const struct build_options *options, struct image *ret_image,
		 struct error *err);

/* build_check() with the input that engine_build() takes. */
int engine_build_check(struct engine *engine, const struct build_options *options, char **ret_text, size_t *ret_count,
		       struct error *err);

/* What --metadata-file writes, as BuildKit has it; owned by the caller. */
int build_metadata(struct engine *engine, const struct build_options *options, const struct image *image,
		   char **ret_text, struct error *err);
