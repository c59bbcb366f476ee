/*
 * Rules that need to know what a stage's variables are: its instructions are gone through in their order as a build
 * does it, but nothing is run. What a base image brings along (environment, SHELL, triggers) is known where it is here.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/lint_internal.h"
#include "build/path.h"
#include "build/remote_source.h"
#include "build/settings.h"

struct stage_view {
	struct image_config config;
	struct string_list arguments; /* KEY=VALUE: ARGs in scope that have a value */
	struct string_list declared;  /* their names, and those of ARGs without one */
	bool is_walked, is_known;     /* known: down to the image */
	bool has_workdir;
};

struct walk {
	struct lint *lint;
	const struct stage_graph *graph;
	struct stage_view *views;			   /* graph->count of them */
	struct stage_view *view;			   /* the one at hand */
	const struct instruction *last[INSTRUCTION_COUNT]; /* of this stage, of each kind */
	const struct instruction *shown;		   /* where an error that is met now belongs */
	const struct instruction *culprit;
	struct error error; /* the first one */
};

static void view_release(struct stage_view *view)
{
	image_config_release(&view->config);
	string_list_release(&view->arguments);
	string_list_release(&view->declared);
}

/* What goes wrong here goes wrong in the build, unless it comes of what we do not know. */
static void keep_error(struct walk *walk, const struct error *err)
{
	if (walk->view->is_known && !walk->culprit) {
		walk->error = *err;
		walk->culprit = walk->shown;
	}
}

/* CMD, ENTRYPOINT, HEALTHCHECK: only the last one of a stage counts, so an earlier one is the mistake. */
static void check_command(struct walk *walk, const struct instruction *instruction)
{
	const struct instruction *before = walk->last[instruction->kind];
	cleanup_free char *name = lint_written_name(instruction);
	if (before)
		lint_warn(
			walk->lint, LINT_MULTIPLE_INSTRUCTIONS_DISALLOWED, before,
			"Multiple %s instructions should not be used in the same stage because only the last one will "
			"be used",
			name);
	walk->last[instruction->kind] = instruction;
	if (instruction->kind != INSTRUCTION_HEALTHCHECK && !instruction->is_exec_form &&
	    instruction->arguments.count && !walk->view->config.shell.count)
		lint_warn(walk->lint, LINT_JSON_ARGS_RECOMMENDED, instruction,
			  "JSON arguments recommended for %s to prevent unintended behavior related to OS signals",
			  name);
}

static void check_ports(struct lint *lint, const struct instruction *instruction, const struct expansion *expansion)
{
	cleanup_string_list struct string_list words = {0};
	struct error ignored = {0};
	for (size_t i = 0; i < instruction->arguments.count; i++)
		expand_words(expansion, instruction->arguments.items[i], &words, &ignored);
	for (size_t i = 0; i < words.count; i++) {
		const char *word = words.items[i], *slash = strrchr(word, '/');
		bool has_upper = false;
		for (const char *at = slash ? slash : ""; *at; at++)
			has_upper |= isupper((unsigned char)*at) != 0;
		if (has_upper)
			lint_warn(lint, LINT_EXPOSE_PROTO_CASING, instruction,
				  "Defined protocol '%s' in EXPOSE instruction should be lowercase", word);
		if (strchr(word, ':'))
			lint_warn(lint, LINT_EXPOSE_INVALID_FORMAT, instruction,
				  "EXPOSE instruction should not define an IP address or host-port mapping, found '%s'",
				  word);
	}
}

static void check_workdir(struct walk *walk, const struct instruction *instruction, const struct expansion *expansion)
{
	struct error err = {0};
	cleanup_free char *path = NULL;
	if (expand_word(expansion, instruction->arguments.items[0], &path, &err) < 0) {
		keep_error(walk, &err);
		return;
	}
	if (!walk->view->has_workdir && path[0] != '/')
		lint_warn(walk->lint, LINT_WORKDIR_RELATIVE_PATH, instruction,
			  "Relative workdir \"%s\" can have unexpected results if the base image changes", path);
	walk->view->has_workdir = true;
}

/* A name that only a pattern of everything fits. */
#define NO_ONES_NAME "\x01"

static void check_source(struct lint *lint, const struct instruction *instruction, const char *source)
{
	cleanup_free char *clean = path_clean(source);
	const char *path = clean + (clean[0] == '/');
	bool is_root = path[0] == '\0' || strcmp(path, ".") == 0;
	if (ignore_matches(lint->ignore, is_root ? NO_ONES_NAME : path))
		lint_warn(lint, LINT_COPY_IGNORED_FILE, instruction,
			  "Attempting to %s file \"%s\" that is excluded by .dockerignore",
			  instruction->kind == INSTRUCTION_ADD ? "Add" : "Copy", clean);
}

/* A '!' line makes it too hard to say what an ignored folder holds. */
static void check_sources(struct walk *walk, const struct instruction *instruction, const struct expansion *expansion)
{
	const struct ignore_list *ignore = walk->lint->ignore;
	for (size_t i = 0; i + 1 < instruction->arguments.count; i++) {
		struct error err = {0};
		cleanup_free char *source = NULL;
		if (strncmp(instruction->arguments.items[i], "<<", 2) == 0 && instruction->heredoc_count)
			continue;
		if (expand_word(expansion, instruction->arguments.items[i], &source, &err) < 0)
			keep_error(walk, &err);
		else if (!instruction->from && ignore && ignore->count && !ignore->has_exceptions &&
			 remote_source_kind(source) == REMOTE_NONE)
			check_source(walk->lint, instruction, source);
	}
}

static void apply_arguments(struct walk *walk, const struct instruction *instruction, const struct expansion *expansion)
{
	for (size_t i = 0; i < instruction->pair_count; i++) {
		const struct instruction_pair *pair = &instruction->pairs[i];
		struct error err = {0};
		cleanup_free char *value = NULL;
		if (stage_argument_value(walk->graph, walk->lint->build_arguments, expansion, pair, &value, &err) < 0)
			keep_error(walk, &err);
		string_list_add(&walk->view->declared, pair->key);
		if (value)
			string_list_set_key(&walk->view->arguments, pair->key, value);
	}
}

static void check_instruction(struct walk *walk, const struct instruction *instruction,
			      const struct expansion *expansion)
{
	if (walk->view->is_known)
		lint_variables(walk->lint, instruction, expansion, &walk->view->declared);
	switch (instruction->kind) {
	case INSTRUCTION_ADD:
	case INSTRUCTION_COPY:
		check_sources(walk, instruction, expansion);
		break;
	case INSTRUCTION_ARG:
	case INSTRUCTION_ENV:
		for (size_t i = 0; i < instruction->pair_count; i++)
			lint_secret(walk->lint, instruction, instruction->pairs[i].key);
		break;
	case INSTRUCTION_CMD:
	case INSTRUCTION_ENTRYPOINT:
	case INSTRUCTION_HEALTHCHECK:
		check_command(walk, instruction);
		break;
	case INSTRUCTION_EXPOSE:
		check_ports(walk->lint, instruction, expansion);
		break;
	case INSTRUCTION_WORKDIR:
		check_workdir(walk, instruction, expansion);
		break;
	default:
		break;
	}
}

/* What the instruction changes for those behind it. */
static void apply(struct walk *walk, const struct instruction *instruction, const struct expansion *expansion)
{
	struct settings settings = {.config = &walk->view->config};
	struct error err = {0};
	cleanup_free char *text = NULL;
	if (instruction->kind == INSTRUCTION_ARG)
		apply_arguments(walk, instruction, expansion);
	else if (settings_covers(instruction->kind) &&
		 settings_apply(&settings, instruction, expansion, &text, &err) < 0)
		keep_error(walk, &err);
}

static struct expansion expansion_of(const struct walk *walk)
{
	return (struct expansion){
		.environment = &walk->view->config.environment,
		.arguments = &walk->view->arguments,
		.escape = walk->lint->dockerfile->escape,
	};
}

/* ONBUILD of the base: whoever wrote it is judged elsewhere, and what it sets counts here. */
static void apply_triggers(struct walk *walk, const struct instruction *from)
{
	walk->shown = from; /* a trigger has no line of its own */
	struct string_list triggers = walk->view->config.on_build;
	walk->view->config.on_build = (struct string_list){0};
	for (size_t i = 0; i < triggers.count; i++) {
		cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
		cleanup_instruction struct instruction instruction = {0};
		struct error ignored = {0};
		struct dockerfile_place place;
		struct expansion expansion = expansion_of(walk);
		if (dockerfile_lex(triggers.items[i], strlen(triggers.items[i]), &lines, &place, &ignored) == 0 &&
		    instruction_parse(&lines.items[0], lines.escape, &instruction, &ignored) == 0 &&
		    instruction.kind != INSTRUCTION_ONBUILD)
			apply(walk, &instruction, &expansion);
	}
	string_list_release(&triggers);
}

static void load_base(struct walk *walk, const struct build_stage *stage)
{
	struct lint *lint = walk->lint;
	struct stage_view *view = walk->view;
	if (stage->base == STAGE_BASE_STAGE) {
		const struct stage_view *base = &walk->views[stage->base_stage];
		image_config_copy(&view->config, &base->config);
		string_list_copy(&view->arguments, &base->arguments);
		string_list_copy(&view->declared, &base->declared);
		view->is_known = base->is_known;
		view->has_workdir = base->has_workdir;
	} else {
		bool is_found = stage->base == STAGE_BASE_IMAGE && lint->find_base &&
				lint->find_base(lint->context, stage, &view->config);
		if (is_found)
			lint_base_platform(lint, stage, &view->config.platform);
		view->is_known = is_found || stage->base == STAGE_BASE_SCRATCH;
		lint->is_complete &= view->is_known;
	}
	if (!string_list_get_key(&view->config.environment, "PATH"))
		string_list_add(&view->config.environment, BUILD_DEFAULT_PATH);
}

static void walk_stage(struct walk *walk, size_t index)
{
	const struct build_stage *stage = &walk->graph->stages[index];
	walk->view = &walk->views[index];
	memset(walk->last, 0, sizeof walk->last);
	load_base(walk, stage);
	apply_triggers(walk, stage->from);
	for (size_t i = 0; i < stage->instruction_count; i++) {
		struct expansion expansion = expansion_of(walk);
		walk->shown = &stage->instructions[i];
		check_instruction(walk, &stage->instructions[i], &expansion);
		apply(walk, &stage->instructions[i], &expansion);
	}
}

int lint_stages(struct lint *lint, const struct stage_graph *graph, const struct instruction **ret_culprit,
		struct error *err)
{
	struct walk walk = {.lint = lint, .graph = graph};
	walk.views = allocate_array(graph->count, sizeof *walk.views);
	lint->is_complete = true;
	for (size_t i = 0; i < graph->count; i++)
		if (lint->all_stages || graph->stages[i].needed)
			walk_stage(&walk, i);
	for (size_t i = 0; i < graph->count; i++)
		view_release(&walk.views[i]);
	free(walk.views);
	*ret_culprit = walk.culprit;
	if (!walk.culprit)
		return 0;
	if (err)
		*err = walk.error;
	return -1;
}
