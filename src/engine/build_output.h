/*
 * `build --output`, --load and --push: where a build's result goes. Several may be asked for at once.
 *
 *     type=local,dest=DIR       the final stage's files, owned by the caller; also written "DIR"
 *     type=tar,dest=FILE        the same as one archive, with its owners; "-" or no dest: standard output
 *     type=oci|docker,dest=     an archive as `save` writes it, which is an OCI layout and a docker-archive in one;
 *                               with tar=false a folder that is an OCI layout
 *     type=docker, type=image   the image in the store, as without --output
 *     type=registry             the same, pushed: type=image,push=true
 *     type=cacheonly            nothing: the build cache alone
 *
 * The store gets an image where one of them asks for it. Each destination is written whole or stays as it was: an
 * archive gets its name last; a folder's files are made beside it first, and moved in once all are there.
 */
#pragma once

#include "archive/compression.h"
#include "build/build.h"
#include "engine/engine.h"

enum build_output_kind {
	BUILD_OUTPUT_STORE,
	BUILD_OUTPUT_LOCAL,
	BUILD_OUTPUT_TAR,
	BUILD_OUTPUT_ARCHIVE,
	BUILD_OUTPUT_LAYOUT, /* an OCI layout as a folder */
	BUILD_OUTPUT_NOTHING
};

struct build_output {
	enum build_output_kind kind;
	char *type;		  /* as it is called in messages: "oci" */
	char *destination;	  /* NULL: standard output, or none */
	struct string_list names; /* of the image */
	bool push;
	bool is_insecure;	 /* the registry's certificate is not verified */
	const char *compression; /* of all layers: "uncompressed", "gzip", "zstd"; NULL: as they are */
	enum compression compression_kind;
	int64_t level; /* 0: the compression's own */
	bool rewrite_timestamp;
	struct string_list annotations;		   /* KEY=VALUE, of the manifest */
	struct string_list descriptor_annotations; /* of its entry in index.json */
};

struct build_outputs {
	struct build_output *items;
	size_t count;
};
void build_outputs_release(struct build_outputs *outputs);
#define cleanup_build_outputs CLEANUP(build_outputs_release)

struct build_output_options {
	const struct string_list *texts; /* of --output */
	const struct string_list *tags;
	const struct string_list *annotations; /* "[manifest:|manifest-descriptor:]KEY=VALUE" */
	bool load, push;
};
/* At least one output comes out; errors in buildx's words. */
int build_outputs_parse(const struct build_output_options *options, struct build_outputs *ret_outputs,
			struct error *err);

/* What the build has to know of them: names and annotations of the store's image, or that there is to be none. */
void build_outputs_apply(const struct build_outputs *outputs, struct build_options *build);

/* What the build made; the caller has held the store's content lock since before the build. Pushes are not done here.
 */
int build_output_write(struct engine *engine, const struct build_output *output, const struct build_options *options,
		       const struct image *image, struct error *err);
