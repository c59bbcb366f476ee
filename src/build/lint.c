#include "build/lint.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "build/lint_internal.h"
#include "build/report.h"
#include "build/words.h"

#define RULE_URL "https://docs.docker.com/go/dockerfile/rule/"

static const struct {
	const char *name, *page;
} rules[] = {
	[LINT_CONSISTENT_INSTRUCTION_CASING] = {"ConsistentInstructionCasing", "consistent-instruction-casing"},
	[LINT_COPY_IGNORED_FILE] = {"CopyIgnoredFile", "copy-ignored-file"},
	[LINT_DUPLICATE_STAGE_NAME] = {"DuplicateStageName", "duplicate-stage-name"},
	[LINT_EXPOSE_INVALID_FORMAT] = {"ExposeInvalidFormat", "expose-invalid-format"},
	[LINT_EXPOSE_PROTO_CASING] = {"ExposeProtoCasing", "expose-proto-casing"},
	[LINT_FROM_AS_CASING] = {"FromAsCasing", "from-as-casing"},
	[LINT_FROM_PLATFORM_FLAG_CONST_DISALLOWED] = {"FromPlatformFlagConstDisallowed",
						      "from-platform-flag-const-disallowed"},
	[LINT_INVALID_BASE_IMAGE_PLATFORM] = {"InvalidBaseImagePlatform", "invalid-base-image-platform"},
	[LINT_INVALID_DEFAULT_ARG_IN_FROM] = {"InvalidDefaultArgInFrom", "invalid-default-arg-in-from"},
	[LINT_JSON_ARGS_RECOMMENDED] = {"JSONArgsRecommended", "json-args-recommended"},
	[LINT_LEGACY_KEY_VALUE_FORMAT] = {"LegacyKeyValueFormat", "legacy-key-value-format"},
	[LINT_MAINTAINER_DEPRECATED] = {"MaintainerDeprecated", "maintainer-deprecated"},
	[LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED] = {"MultipleInstructionsDisallowed",
						   "multiple-instructions-disallowed"},
	[LINT_NO_EMPTY_CONTINUATION] = {"NoEmptyContinuation", "no-empty-continuation"},
	[LINT_REDUNDANT_TARGET_PLATFORM] = {"RedundantTargetPlatform", "redundant-target-platform"},
	[LINT_RESERVED_STAGE_NAME] = {"ReservedStageName", "reserved-stage-name"},
	[LINT_SECRETS_USED_IN_ARG_OR_ENV] = {"SecretsUsedInArgOrEnv", "secrets-used-in-arg-or-env"},
	[LINT_STAGE_NAME_CASING] = {"StageNameCasing", "stage-name-casing"},
	[LINT_UNDEFINED_ARG_IN_FROM] = {"UndefinedArgInFrom", "undefined-arg-in-from"},
	[LINT_UNDEFINED_VAR] = {"UndefinedVar", "undefined-var"},
	[LINT_WORKDIR_RELATIVE_PATH] = {"WorkdirRelativePath", "workdir-relative-path"},
};
static_assert(ARRAY_SIZE(rules) == LINT_RULE_COUNT, "a name for each rule");

void lint_release(struct lint *lint)
{
	for (size_t i = 0; i < lint->count; i++)
		free(lint->warnings[i].message);
	free(steal_pointer(&lint->warnings));
	lint->count = 0;
}

void lint_add(struct lint *lint, enum lint_rule rule, unsigned first_line, unsigned last_line, const char *format, ...)
{
	if (lint->skips[rule])
		return;
	va_list arguments;
	char *message = NULL;
	va_start(arguments, format);
	if (vasprintf(&message, format, arguments) < 0)
		abort();
	va_end(arguments);
	lint->warnings = reallocate_array(lint->warnings, lint->count + 1, sizeof *lint->warnings);
	lint->warnings[lint->count++] = (struct lint_warning){rule, message, first_line, last_line};
}

char *lint_written_name(const struct instruction *instruction)
{
	return duplicate_bytes(instruction->text, strcspn(instruction->text, " \t"));
}

char *lint_suggestion(const char *name, const char *prefix, const struct string_list *const *lists, size_t count)
{
	cleanup_string_list struct string_list keys = {0};
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < lists[i]->count; j++)
			string_list_take(&keys, duplicate_bytes(lists[i]->items[j], strcspn(lists[i]->items[j], "=")));
	const char *nearest = keys.count ? words_suggest(name, (const char *const *)keys.items) : NULL;
	return nearest ? format_string(" (did you mean %s%s?)", prefix, nearest) : duplicate_string("");
}

static void take_skipped(struct lint *lint, const char *value)
{
	if (strcmp(value, "all") == 0)
		memset(lint->skips, true, sizeof lint->skips);
	for (const char *at = value; *at;) {
		size_t length = strcspn(at, ","), whole = length;
		const char *start = at;
		text_trim(&start, &length);
		for (size_t i = 0; i < LINT_RULE_COUNT; i++)
			if (strlen(rules[i].name) == length && strncmp(rules[i].name, start, length) == 0)
				lint->skips[i] = true;
		at += whole + (at[whole] == ',');
	}
}

/* "skip=A,B" or "error=true" */
static int take_option(struct lint *lint, const char *option, size_t length, struct error *err)
{
	cleanup_free char *whole = duplicate_bytes(option, length);
	const char *equals = memchr(option, '=', length);
	if (!equals)
		return error_set(err, ERROR_INVALID, "invalid check option \"%s\"", whole);
	size_t key_length = (size_t)(equals - option), value_length = length - key_length - 1;
	const char *key_start = option, *value_start = equals + 1;
	text_trim(&key_start, &key_length);
	text_trim(&value_start, &value_length);
	cleanup_free char *key = duplicate_bytes(key_start, key_length);
	cleanup_free char *value = duplicate_bytes(value_start, value_length);
	if (strcmp(key, "skip") == 0) {
		take_skipped(lint, value);
		return 0;
	}
	if (strcmp(key, "experimental") == 0)
		return 0; /* rules that are not here */
	if (strcmp(key, "error") != 0)
		return error_set(err, ERROR_INVALID, "invalid check option \"%s\"", key);
	if (!text_parse_boolean(value, &lint->warnings_are_errors))
		return error_set(
			err, ERROR_INVALID,
			"failed to parse check option \"%s\": strconv.ParseBool: parsing \"%s\": invalid syntax", whole,
			value);
	return 0;
}

/* The build argument comes before the directive, and instead of it. */
static int parse_options(struct lint *lint, struct error *err)
{
	const char *argument = string_list_get_key(lint->build_arguments, "BUILDKIT_DOCKERFILE_CHECK");
	const char *text = argument ? argument : lint->dockerfile->check;
	for (const char *at = text ? text : ""; *at;) {
		size_t length = strcspn(at, ";");
		if (at[strspn(at, " \t")] && take_option(lint, at, length, err) < 0)
			return error_wrap(err, argument ? "failed to parse BUILDKIT_DOCKERFILE_CHECK"
							: "failed to parse check options");
		at += length + (at[length] == ';');
	}
	return 0;
}

int lint_begin(struct lint *lint, struct error *err)
{
	lint_release(lint);
	memset(lint->skips, false, sizeof lint->skips);
	lint->warnings_are_errors = false;
	if (parse_options(lint, err) < 0)
		return -1;
	lint_text(lint);
	lint_from(lint);
	return 0;
}

static int compare_warnings(const void *a, const void *b)
{
	const struct lint_warning *left = a, *right = b;
	if (left->first_line != right->first_line)
		return left->first_line < right->first_line ? -1 : 1;
	if (left->rule != right->rule)
		return left->rule < right->rule ? -1 : 1;
	return strcmp(left->message, right->message);
}

void lint_sort(struct lint *lint)
{
	if (lint->count)
		qsort(lint->warnings, lint->count, sizeof *lint->warnings, compare_warnings);
}

int lint_failure(const struct lint *lint, struct error *err)
{
	if (!lint->warnings_are_errors || !lint->count)
		return 0;
	bool found[LINT_RULE_COUNT] = {false};
	for (size_t i = 0; i < lint->count; i++)
		found[lint->warnings[i].rule] = true;
	cleanup_string_list struct string_list names = {0};
	for (size_t i = 0; i < LINT_RULE_COUNT; i++)
		if (found[i])
			string_list_add(&names, rules[i].name);
	cleanup_free char *joined = string_list_join(&names, ", ");
	return error_set(err, ERROR_INVALID, "lint violation found for rules: %s", joined);
}

char *lint_short_text(const struct lint_warning *warning)
{
	return format_string("%s: %s (line %u)", rules[warning->rule].name, warning->message, warning->first_line);
}

int lint_print(const struct lint *lint, const char *file_name, const char *text, size_t size, struct buffer *output,
	       struct error *err)
{
	if (!lint->count)
		return buffer_append_string(output, "Check complete, no warnings found.\n", err);
	if (buffer_append_format(output, err, "Check complete, %zu warning%s been found!\n", lint->count,
				 lint->count == 1 ? " has" : "s have") < 0)
		return -1;
	for (size_t i = 0; i < lint->count; i++) {
		const struct lint_warning *warning = &lint->warnings[i];
		if (buffer_append_format(output, err, "\nWARNING: %s - " RULE_URL "%s/\n%s\n",
					 rules[warning->rule].name, rules[warning->rule].page, warning->message) < 0 ||
		    excerpt_append(output, file_name, text, size, warning->first_line, warning->last_line, err) < 0)
			return -1;
	}
	return 0;
}
