/*
 * `save`: images as one tar archive that is an OCI image layout and a docker-archive in one, as Docker 25 writes it.
 * Small documents come first, so that a reader that streams knows what to expect. A layer whose blob is kept stands in
 * it as it is; any other is made again from its folder, as a plain archive, and verified against its diff id.
 */
#pragma once

#include "base/stream.h"
#include "engine/engine.h"
#include "oci/platform.h"

/*
 * `names` are what a user typed; a name without a tag stands for all tags of its repository. platform NULL: any.
 * ERROR_CORRUPT after part of the archive was written: whoever gave the sink drops it then.
 */
int images_save(struct engine *engine, char *const *names, size_t count, const struct platform *platform,
		const struct sink *archive, struct error *err);
