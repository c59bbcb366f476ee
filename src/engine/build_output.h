/*
 * `build --output`: where a build's result goes beside, or instead of, the store.
 *
 *     type=local,dest=DIR    the final stage's files, owned by the caller; also written "DIR"
 *     type=tar,dest=FILE     the same as one archive, with its owners; "-" or no dest: standard output
 *     type=oci|docker,dest=  an archive as `save` writes it, which is an OCI layout and a docker-archive in one
 *     type=docker, type=image   the image in the store, as without --output; name= is one more tag
 *
 * For local and tar no image is made. For archives the image is in the store too: its layers are there anyway.
 */
#pragma once

#include "build/build.h"
#include "engine/engine.h"

enum build_output_kind { BUILD_OUTPUT_STORE, BUILD_OUTPUT_LOCAL, BUILD_OUTPUT_TAR, BUILD_OUTPUT_ARCHIVE };

struct build_output {
	enum build_output_kind kind;
	char *destination; /* NULL: standard output */
	char *name;	   /* NULL, or tags, separated by commas */
};

int build_output_parse(const char *text, struct build_output *ret_output, struct error *err);
void build_output_release(struct build_output *output);
#define cleanup_build_output CLEANUP(build_output_release)

/* What the build made; the caller has held the store's content lock since before the build. */
int build_output_write(struct engine *engine, const struct build_output *output, const struct build_options *options,
		       const struct image *image, struct error *err);
