/*
 * An image from one place to another as it is: nothing is unpacked, no document is changed, so digests stay. Each blob
 * is verified on its way, by us or by the registry that takes it; what the other side has is not sent.
 */
#pragma once

#include "transfer/copy_target.h"

struct copy_options {
	bool all; /* an index as a whole; else the manifest of `platform` */
	struct platform platform;
};

/* `ret_root` (may be NULL) gets what the target has now. */
int copy_image(struct copy_source *source, struct copy_target *target, const struct copy_options *options,
	       struct http *http, struct copy_document *ret_root, struct error *err);
