/* Rules about what FROM is based on. An error in here is the build's to tell, when it comes to it. */
#include <string.h>

#include "build/lint_internal.h"
#include "oci/platform.h"
#include "oci/reference.h"

/* Names in the word that no ARG declares; one with neither default nor value is declared all the same. */
static void check_declared(struct lint *lint, const struct instruction *from, const char *word,
			   const struct string_list *values, const struct string_list *declared)
{
	cleanup_string_list struct string_list missing = {0};
	struct expansion expansion = {.arguments = values, .escape = lint->dockerfile->escape, .missing = &missing};
	struct error ignored = {0};
	cleanup_free char *text = NULL;
	expand_word(&expansion, word, &text, &ignored);
	for (size_t i = 0; i < missing.count; i++) {
		if (string_list_contains(declared, missing.items[i]))
			continue;
		const struct string_list *const lists[] = {values, declared};
		cleanup_free char *suggestion = lint_suggestion(missing.items[i], "", lists, ARRAY_SIZE(lists));
		lint_warn(lint, LINT_UNDEFINED_ARG_IN_FROM, from, "FROM argument '%s' is not declared%s",
			  missing.items[i], suggestion);
	}
}

/* The base with no build argument given. */
static void check_default(struct lint *lint, const struct instruction *from, const struct string_list *defaults)
{
	struct expansion expansion = {.arguments = defaults, .escape = lint->dockerfile->escape};
	struct error ignored = {0};
	cleanup_reference struct reference reference = {0};
	cleanup_free char *base = NULL;
	if (expand_word(&expansion, from->arguments.items[0], &base, &ignored) == 0 &&
	    reference_parse(base, &reference, &ignored) < 0)
		lint_warn(lint, LINT_INVALID_DEFAULT_ARG_IN_FROM, from,
			  "Default value for ARG %s results in empty or invalid base image name",
			  from->arguments.items[0]);
}

static void check_platform(struct lint *lint, const struct instruction *from)
{
	const char *text = from->platform;
	if (strcmp(text, "$TARGETPLATFORM") == 0 || strcmp(text, "${TARGETPLATFORM}") == 0)
		lint_warn(lint, LINT_REDUNDANT_TARGET_PLATFORM, from,
			  "Setting platform to predefined %s in FROM is redundant as this is the default behavior",
			  text);
	struct error ignored = {0};
	struct platform platform;
	if (strchr(text, '$') || platform_parse(text, &platform, &ignored) < 0)
		return;
	/* A stage that says in its name what it is for means it. */
	const char *name = from->stage_name ? from->stage_name : "";
	if (!strstr(name, platform.os) && !strstr(name, platform.architecture))
		lint_warn(lint, LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED, from,
			  "FROM --platform flag should not use constant value \"%s\"", text);
}

void lint_from(struct lint *lint)
{
	const struct dockerfile *dockerfile = lint->dockerfile;
	cleanup_string_list struct string_list values = {0}, defaults = {0}, declared = {0}, consumed = {0};
	const struct string_list none = {0};
	const struct instruction *culprit;
	struct error ignored = {0};
	bool has_defaults = stage_global_arguments(dockerfile, &none, lint->platform, &consumed, &defaults, &culprit,
						   &ignored) == 0;
	if (stage_global_arguments(dockerfile, lint->build_arguments, lint->platform, &consumed, &values, &culprit,
				   &ignored) < 0)
		return;
	for (size_t i = 0; i < dockerfile->count && dockerfile->items[i].kind != INSTRUCTION_FROM; i++)
		for (size_t j = 0; j < dockerfile->items[i].pair_count; j++)
			string_list_add(&declared, dockerfile->items[i].pairs[j].key);
	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *from = &dockerfile->items[i];
		if (from->kind != INSTRUCTION_FROM)
			continue;
		if (has_defaults)
			check_default(lint, from, &defaults);
		check_declared(lint, from, from->arguments.items[0], &values, &declared);
		if (from->platform) {
			check_declared(lint, from, from->platform, &values, &declared);
			check_platform(lint, from);
		}
	}
}

void lint_base_platform(struct lint *lint, const struct build_stage *stage, const struct platform *actual)
{
	struct platform expected;
	struct error ignored = {0};
	int is_asked = stage_platform(stage, &expected, &ignored);
	if (is_asked == 0)
		platform_host(&expected);
	if (is_asked < 0 || !actual->os[0] || !actual->architecture[0] ||
	    (strcmp(expected.os, actual->os) == 0 && strcmp(expected.architecture, actual->architecture) == 0))
		return;
	struct platform found = *actual;
	platform_canonicalize(&expected);
	platform_canonicalize(&found);
	cleanup_free char *wanted = platform_text(&expected);
	cleanup_free char *offered = platform_text(&found);
	lint_warn(lint, LINT_INVALID_BASE_IMAGE_PLATFORM, stage->from,
		  "Base image %s was pulled with platform \"%s\", expected \"%s\" for current build", stage->base_name,
		  offered, wanted);
}
