/*
 * What `build` takes about where its result goes, where its cache comes from and goes to, and what else it reads; and
 * the flags that scripts pass to buildx and that need no work here. The rest of the table is in cmd_build.c.
 */
#pragma once

#include "cli/options.h"
#include "engine/build_output.h"

#define BUILD_OPTION_LIMIT 96

struct build_arguments {
	struct string_list outputs, annotations, attestations, caches_from, caches_to;
	bool load, push;
	const char *provenance, *sbom;
	/* Taken, and nothing to do. */
	bool remove, force_remove, squash, compress, debug, without_trust;
	const char *builder, *isolation;
};

void build_arguments_init(struct build_arguments *arguments);
void build_arguments_release(struct build_arguments *arguments);
#define cleanup_build_arguments CLEANUP(build_arguments_release)

/* The options of `own` (with its end) and those of the arguments in table[BUILD_OPTION_LIMIT], sorted by name. */
void build_options_table(struct build_arguments *arguments, const struct option *own, struct option *table);

/* Refuses what cannot be had: attestations, --squash. */
int build_arguments_check(const struct build_arguments *arguments, struct error *err);
