/* A tar archive of a root file system becomes an image of one layer. */
#pragma once

#include "base/stream.h"
#include "base/string_list.h"
#include "engine/engine.h"
#include "oci/reference.h"
#include "store/image.h"

struct import_options {
	const struct reference *tag;	 /* NULL: none */
	const char *message;		 /* NULL: where it came from */
	const char *url;		 /* NULL: none */
	struct string_list changes;	 /* "CMD [\"/bin/sh\"]", "ENV A=b": Dockerfile instructions (image_change.h) */
	const struct platform *platform; /* NULL: this host's */
};

/*
 * `archive`: plain, gzip or zstd. A compressed one is kept as it is, so that a push sends these very bytes; a plain one
 * is compressed on the way. One pass.
 */
int image_import(struct engine *engine, const struct source *archive, const struct import_options *options,
		 struct image *ret_image, struct error *err);
/* The same of the archive that lies at options->url, which is fetched as a whole first. */
int image_import_url(struct engine *engine, const struct import_options *options, struct image *ret_image,
		     struct error *err);

/* The archive becomes a layer, folder and blob, under the content lock that the caller holds.
 * ret_layer->blob.media_type is not owned. Without entries (*ret_entries is 0) nothing is kept. */
int image_import_layer(struct engine *engine, const struct source *archive, struct image_layer *ret_layer,
		       uint64_t *ret_entries, struct error *err);
