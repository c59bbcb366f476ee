/*
 * `save`: images as one tar archive that is an OCI image layout and a docker-archive in one, as Docker 25 writes it.
 * Small documents come first, so that a reader that streams knows what to expect. A layer whose blob is kept stands in
 * it as it is; any other is made again from its folder, as a plain archive, and verified against its diff id.
 */
#pragma once

#include "archive/compression.h"
#include "base/stream.h"
#include "engine/engine.h"
#include "oci/platform.h"
#include "store/image.h"

/*
 * `names` are what a user typed; a name without a tag stands for all tags of its repository. platform NULL: any.
 * ERROR_CORRUPT after part of the archive was written: whoever gave the sink drops it then.
 */
int images_save(struct engine *engine, char *const *names, size_t count, const struct platform *platform,
		const struct sink *archive, struct error *err);

/* One image as a build exports it. It need have no row: its documents and layers are enough. */
struct image_export {
	const struct image *image;
	const struct string_list *references;		  /* full texts, with their tags */
	const struct string_list *annotations;		  /* KEY=VALUE, added to the manifest */
	const struct string_list *descriptor_annotations; /* of the index's entries */
	bool is_compressed; /* its layers are to have this form: those that have another, with a level all */
	enum compression compression;
	int64_t level; /* 0: the compression's own */
};
/* The caller holds the content lock. */
int image_export(struct engine *engine, const struct image_export *export, const struct sink *archive,
		 struct error *err);
