/*
 * The stages of a Dockerfile: where each begins, what it is based on, and which of them the target needs. FROM is
 * expanded here, with the global ARGs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/string_list.h"
#include "build/expand.h"
#include "build/instruction.h"
#include "build/named_context.h"
#include "oci/platform.h"

#define STAGE_LIMIT 1000

enum stage_base { STAGE_BASE_SCRATCH, STAGE_BASE_IMAGE, STAGE_BASE_STAGE };

struct build_stage {
	const struct instruction *from;		/* borrowed from the Dockerfile, as are those after it */
	const struct instruction *instructions; /* behind FROM */
	size_t instruction_count;
	enum stage_base base;
	char *base_name;		    /* expanded, as FROM has it */
	size_t base_stage;		    /* for STAGE_BASE_STAGE */
	char *platform;			    /* expanded, or what the build or the base's stage says, or NULL */
	const struct named_context *folder; /* borrowed: scratch, and all of its files; or NULL */
	bool needed;
};

/* What the command line says of stages; borrowed, each may be NULL. */
struct stage_options {
	const char *target;		 /* NULL, "": the last one */
	const struct platform *platform; /* NULL: this machine's */
	const struct named_contexts *contexts;
};

struct stage_graph {
	struct stage_options options;
	struct build_stage *stages;
	size_t count;
	size_t target;
	struct string_list global_arguments; /* KEY=VALUE: declared before the first FROM, and the platforms */
};

void stage_graph_release(struct stage_graph *graph);
#define cleanup_stage_graph CLEANUP(stage_graph_release)

/*
 * `build_arguments` are KEY=VALUE; the keys that global ARGs take are added to `consumed`. On failure *ret_culprit
 * (never NULL) is the instruction to show, or NULL.
 */
int stage_graph_build(const struct dockerfile *dockerfile, const struct string_list *build_arguments,
		      const struct stage_options *options, struct string_list *consumed, struct stage_graph *ret_graph,
		      const struct instruction **ret_culprit, struct error *err);

/* KEY=VALUE of the platforms and of the ARGs before the first FROM; arguments as those of stage_graph_build(). */
int stage_global_arguments(const struct dockerfile *dockerfile, const struct string_list *build_arguments,
			   const struct platform *platform, struct string_list *consumed,
			   struct string_list *ret_arguments, const struct instruction **ret_culprit,
			   struct error *err);

/* An ARG in a stage: the one given, else the default, else the global one of that name. ret_value (owned) is NULL where
 * there is none of them. */
int stage_argument_value(const struct stage_graph *graph, const struct string_list *build_arguments,
			 const struct expansion *expansion, const struct instruction_pair *pair, char **ret_value,
			 struct error *err);

/* 1: what is asked of its base; 0: nothing is, and it is this machine's, if it can be had; -1. */
int stage_platform(const struct build_stage *stage, struct platform *ret_platform, struct error *err);

/*
 * The stage before `limit` of that name or number, the last one where several have the name; or -1. A named context
 * goes before: the stage that it stands for, or none.
 */
ptrdiff_t stage_find(const struct stage_graph *graph, const char *text, size_t limit);
