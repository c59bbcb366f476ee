/*
 * What is not wrong in a Dockerfile but not good either: BuildKit's build checks, by its names and in its words
 * (docs.docker.com/reference/build-checks).
 *
 *     lint_begin(&lint, err)       `# check=`, BUILDKIT_DOCKERFILE_CHECK; what the text alone tells, and FROM
 *     lint_stages(&lint, …)        once the stage graph is there: variables, commands, sources
 *     lint_sort(&lint)             by line
 *     lint_failure(&lint, err)     `error=true`: warnings are errors
 *
 * Nothing is built and nothing is pulled: of a base image that `find_base` does not know, the variables are not judged.
 */
#pragma once

#include "base/buffer.h"
#include "build/ignore.h"
#include "build/stages.h"
#include "oci/image_config.h"

enum lint_rule {
	LINT_CONSISTENT_INSTRUCTION_CASING,
	LINT_COPY_IGNORED_FILE,
	LINT_DUPLICATE_STAGE_NAME,
	LINT_EXPOSE_INVALID_FORMAT,
	LINT_EXPOSE_PROTO_CASING,
	LINT_FROM_AS_CASING,
	LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED,
	LINT_INVALID_BASE_IMAGE_PLATFORM,
	LINT_INVALID_DEFAULT_ARG_IN_FROM,
	LINT_JSON_ARGS_RECOMMENDED,
	LINT_LEGACY_KEY_VALUE_FORMAT,
	LINT_MAINTAINER_DEPRECATED,
	LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED,
	LINT_NO_EMPTY_CONTINUATION,
	LINT_REDUNDANT_TARGET_PLATFORM,
	LINT_RESERVED_STAGE_NAME,
	LINT_SECRETS_USED_IN_ARG_OR_ENV,
	LINT_STAGE_NAME_CASING,
	LINT_UNDEFINED_ARG_IN_FROM,
	LINT_UNDEFINED_VAR,
	LINT_WORKDIR_RELATIVE_PATH,
	LINT_RULE_COUNT,
};

struct lint_warning {
	enum lint_rule rule;
	char *message;
	unsigned first_line, last_line;
};

struct lint {
	/* Filled by the caller, borrowed: */
	const struct dockerfile *dockerfile;
	const struct string_list *build_arguments; /* KEY=VALUE */
	const struct platform *platform;	   /* --platform; NULL: none */
	const struct ignore_list *ignore;	   /* NULL: none */
	bool all_stages;			   /* also those that the target does not need */
	/* The configuration of an image that is here, without pulling it. NULL: none is. */
	bool (*find_base)(void *context, const struct build_stage *stage, struct image_config *ret_config);
	void *context;
	/* Results: */
	bool skips[LINT_RULE_COUNT], warnings_are_errors;
	struct lint_warning *warnings;
	size_t count;
	bool is_complete; /* every base image was found */
};

int lint_begin(struct lint *lint, struct error *err);
/* Fails with what the build would fail with, as far as it can be told: the first such error, after all stages were
 * judged. *ret_culprit (never NULL) is the instruction to show, or NULL. */
int lint_stages(struct lint *lint, const struct stage_graph *graph, const struct instruction **ret_culprit,
		struct error *err);
void lint_sort(struct lint *lint);
/* "lint violation found for rules: A, B" where there are warnings and the Dockerfile makes errors of them; else 0. */
int lint_failure(const struct lint *lint, struct error *err);
void lint_release(struct lint *lint);
#define cleanup_lint CLEANUP(lint_release)

/* "JSONArgsRecommended: JSON arguments … (line 2)"; owned by the caller. */
char *lint_short_text(const struct lint_warning *warning);
/* What `build --check` says: "Check complete, …", then each warning with the lines that it is about. */
int lint_print(const struct lint *lint, const char *file_name, const char *text, size_t size, struct buffer *output,
	       struct error *err);
