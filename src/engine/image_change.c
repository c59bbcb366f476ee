#include "engine/image_change.h"

#include <string.h>

#include "build/path.h"
#include "build/settings.h"

/* What builds do with it, less the making of the folder: a container's start makes it. */
static int apply_workdir(struct image_config *config, const struct instruction *instruction,
			 const struct expansion *expansion, struct error *err)
{
	cleanup_free char *text = NULL;
	if (expand_word(expansion, instruction->arguments.items[0], &text, err) < 0)
		return -1;
	const char *current = config->working_directory;
	replace_string(&config->working_directory, path_resolve(current && *current ? current : "/", text));
	return 0;
}

static int apply_one(struct settings *settings, const char *change, struct error *err)
{
	cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
	cleanup_instruction struct instruction instruction = {0};
	cleanup_free char *ignored = NULL;
	struct dockerfile_place place;
	if (dockerfile_lex(change, strlen(change), &lines, &place, err) < 0)
		return -1;
	if (lines.count != 1)
		return error_set(err, ERROR_INVALID, "one instruction is needed, and there are %zu", lines.count);
	if (instruction_parse(&lines.items[0], lines.escape, &instruction, err) < 0)
		return -1;
	const struct expansion expansion = {.environment = &settings->config->environment, .escape = lines.escape};
	if (instruction.kind == INSTRUCTION_WORKDIR)
		return apply_workdir(settings->config, &instruction, &expansion, err);
	if (!settings_covers(instruction.kind) || instruction.kind == INSTRUCTION_SHELL ||
	    instruction.kind == INSTRUCTION_MAINTAINER)
		return error_set(err, ERROR_INVALID, "%s is not a valid change command",
				 instruction_name(instruction.kind));
	return settings_apply(settings, &instruction, &expansion, &ignored, err);
}

int image_change_apply(struct image_config *config, const struct string_list *changes, struct error *err)
{
	struct settings settings = {.config = config};
	for (size_t i = 0; i < changes->count; i++)
		if (apply_one(&settings, changes->items[i], err) < 0)
			return error_wrap(err, "--change \"%s\"", changes->items[i]);
	return 0;
}
