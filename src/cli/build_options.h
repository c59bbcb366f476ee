/* What `build` takes: the options, and what they are checked for before anything is built. */
#pragma once

#include "build/build.h"
#include "cli/options.h"

#define BUILD_OPTION_COUNT 49

struct build_arguments {
	struct build_options build;
	const char *progress, *call, *network, *id_file, *metadata_file;
	bool quiet, check, load, push;
	struct string_list outputs, caches_from, caches_to, no_cache_filters, platforms, named_contexts;
	struct platform platform;	/* what build.platform points to, */
	struct named_contexts contexts; /* and build.contexts */
	/* Only what says that there are none. */
	struct string_list attestations;
	const char *provenance, *sbom;
	/* Scripts pass these to buildx: taken, and nothing to do. */
	bool remove, force_remove, squash, compress, debug, without_trust;
	const char *builder, *isolation;
};

void build_arguments_init(struct build_arguments *arguments);
void build_arguments_release(struct build_arguments *arguments);
#define cleanup_build_arguments CLEANUP(build_arguments_release)

/* BUILD_OPTION_COUNT of them, with the end. */
void build_options_table(struct build_arguments *arguments, struct option *table);
/* Completes arguments->build; refuses what cannot be had (attestations, --squash). */
int build_arguments_check(struct build_arguments *arguments, struct error *err);
