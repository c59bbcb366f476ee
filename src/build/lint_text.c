/* Rules that look at how a Dockerfile is written: letters' case, old forms, names of stages. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/lint_internal.h"
#include "build/words.h"

static bool is_lower(const char *word)
{
	for (; *word; word++)
		if (isupper((unsigned char)*word))
			return false;
	return true;
}

static bool is_upper(const char *word)
{
	for (; *word; word++)
		if (islower((unsigned char)*word))
			return false;
	return true;
}

/* ARGs before the first FROM belong to no stage and are left out, as BuildKit does. */
static size_t first_stage(const struct dockerfile *dockerfile)
{
	size_t i = 0;
	while (i < dockerfile->count && dockerfile->items[i].kind != INSTRUCTION_FROM)
		i++;
	return i;
}

static void check_casing(struct lint *lint)
{
	const struct dockerfile *dockerfile = lint->dockerfile;
	size_t lower = 0, upper = 0;
	for (size_t i = first_stage(dockerfile); i < dockerfile->count; i++) {
		cleanup_free char *name = lint_written_name(&dockerfile->items[i]);
		lower += is_lower(name);
		upper += is_upper(name);
	}
	bool wants_lower = lower > upper;
	for (size_t i = first_stage(dockerfile); i < dockerfile->count; i++) {
		cleanup_free char *name = lint_written_name(&dockerfile->items[i]);
		if (wants_lower ? !is_lower(name) : !is_upper(name))
			lint_warn(lint, LINT_CONSISTENT_INSTRUCTION_CASING, &dockerfile->items[i],
				  "Command '%s' should match the case of the command majority (%s)", name,
				  wants_lower ? "lowercase" : "uppercase");
	}
}

static bool is_taken(const struct dockerfile *dockerfile, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (dockerfile->items[i].stage_name &&
		    strcmp(dockerfile->items[i].stage_name, dockerfile->items[index].stage_name) == 0)
			return true;
	return false;
}

static void check_stage_name(struct lint *lint, size_t index)
{
	const struct instruction *from = &lint->dockerfile->items[index];
	cleanup_string_list struct string_list words = {0};
	words_split_plain(from->text, &words);
	if (!from->stage_name || words.count < 4)
		return;
	/* FROM [--platform=…] BASE AS NAME */
	const char *command = words.items[0], *as = words.items[words.count - 2], *name = words.items[words.count - 1];
	if (!is_lower(name))
		lint_warn(lint, LINT_STAGE_NAME_CASING, from, "Stage name '%s' should be lowercase", name);
	/* A FROM of mixed case is told elsewhere. */
	if ((is_lower(command) && !is_lower(as)) || (is_upper(command) && !is_upper(as)))
		lint_warn(lint, LINT_FROM_AS_CASING, from, "'%s' and '%s' keywords' casing do not match", as, command);
	if (strcmp(from->stage_name, "scratch") == 0 || strcmp(from->stage_name, "context") == 0)
		lint_warn(lint, LINT_RESERVED_STAGE_NAME, from,
			  "Stage name should not use the same name as reserved stage \"%s\"", from->stage_name);
	if (is_taken(lint->dockerfile, index))
		lint_warn(lint, LINT_DUPLICATE_STAGE_NAME, from,
			  "Duplicate stage name \"%s\", stage names should be unique", from->stage_name);
}

/* ENV and LABEL without '=' in their first word. */
static void check_pairs(struct lint *lint, const struct instruction *instruction)
{
	cleanup_string_list struct string_list words = {0};
	words_split_quoted(instruction->text, lint->dockerfile->escape, &words);
	if (words.count > 1 && !strchr(words.items[1], '='))
		lint_warn(lint, LINT_LEGACY_KEY_VALUE_FORMAT, instruction,
			  "\"%s key=value\" should be used instead of legacy \"%s key value\" format", words.items[0],
			  words.items[0]);
}

void lint_text(struct lint *lint)
{
	check_casing(lint);
	for (size_t i = 0; i < lint->dockerfile->count; i++) {
		const struct instruction *instruction = &lint->dockerfile->items[i];
		unsigned line = instruction->empty_continuation;
		if (line)
			lint_add(lint, LINT_NO_EMPTY_CONTINUATION, line, line, "Empty continuation line");
		if (instruction->kind == INSTRUCTION_FROM)
			check_stage_name(lint, i);
		if (instruction->kind == INSTRUCTION_ENV || instruction->kind == INSTRUCTION_LABEL)
			check_pairs(lint, instruction);
		if (instruction->kind == INSTRUCTION_MAINTAINER)
			lint_warn(lint, LINT_MAINTAINER_DEPRECATED, instruction,
				  "Maintainer instruction is deprecated in favor of using label");
	}
}
