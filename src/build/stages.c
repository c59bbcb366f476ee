#include "build/stages.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "build/words.h"
#include "oci/platform.h"

void stage_graph_release(struct stage_graph *graph)
{
	for (size_t i = 0; i < graph->count; i++) {
		free(graph->stages[i].base_name);
		free(graph->stages[i].platform);
	}
	free(graph->stages);
	string_list_release(&graph->global_arguments);
	*graph = (struct stage_graph){0};
}

static ptrdiff_t find_named(const struct stage_graph *graph, const char *text, size_t limit)
{
	for (size_t i = limit; i-- > 0;) {
		const char *name = graph->stages[i].from->stage_name;
		if (name && strcasecmp(name, text) == 0)
			return (ptrdiff_t)i;
	}
	if (!isdigit((unsigned char)text[0]) || strlen(text) > 6)
		return -1;
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	return *end == '\0' && number < limit ? (ptrdiff_t)number : -1;
}

ptrdiff_t stage_find(const struct stage_graph *graph, const char *text, size_t limit)
{
	const struct named_context *context = named_contexts_find(graph->options.contexts, text);
	if (context)
		return context->kind == NAMED_CONTEXT_STAGE ? find_named(graph, context->value, limit) : -1;
	return find_named(graph, text, limit);
}

static void add_platform(struct string_list *arguments, const char *prefix, const struct platform *platform)
{
	cleanup_free char *text = platform_text(platform);
	string_list_add_format(arguments, "%sPLATFORM=%s", prefix, text);
	string_list_add_format(arguments, "%sOS=%s", prefix, platform->os);
	string_list_add_format(arguments, "%sARCH=%s", prefix, platform->architecture);
	string_list_add_format(arguments, "%sVARIANT=%s", prefix, platform->variant);
}

static int add_global(struct string_list *arguments, const struct instruction *instruction, char escape,
		      const struct string_list *build_arguments, struct string_list *consumed, struct error *err)
{
	struct expansion expansion = {.arguments = arguments, .escape = escape};
	for (size_t i = 0; i < instruction->pair_count; i++) {
		const struct instruction_pair *pair = &instruction->pairs[i];
		cleanup_free char *value = NULL;
		const char *given = string_list_get_key(build_arguments, pair->key);
		if (given) {
			value = duplicate_string(given);
			string_list_add(consumed, pair->key);
		} else if (pair->value && expand_word(&expansion, pair->value, &value, err) < 0) {
			return -1;
		}
		if (value)
			string_list_set_key(arguments, pair->key, value);
	}
	return 0;
}

int stage_global_arguments(const struct dockerfile *dockerfile, const struct string_list *build_arguments,
			   const struct platform *platform, struct string_list *consumed,
			   struct string_list *ret_arguments, const struct instruction **ret_culprit, struct error *err)
{
	cleanup_string_list struct string_list arguments = {0};
	struct platform host;
	platform_host(&host);
	platform_canonicalize(&host);
	add_platform(&arguments, "BUILD", &host);
	add_platform(&arguments, "TARGET", platform ? platform : &host);
	for (size_t i = 0; i < dockerfile->count && dockerfile->items[i].kind != INSTRUCTION_FROM; i++) {
		*ret_culprit = &dockerfile->items[i];
		if (add_global(&arguments, *ret_culprit, dockerfile->escape, build_arguments, consumed, err) < 0)
			return -1;
	}
	*ret_culprit = NULL;
	*ret_arguments = arguments;
	arguments = (struct string_list){0};
	return 0;
}

int stage_argument_value(const struct stage_graph *graph, const struct string_list *build_arguments,
			 const struct expansion *expansion, const struct instruction_pair *pair, char **ret_value,
			 struct error *err)
{
	const char *value = string_list_get_key(build_arguments, pair->key);
	if (!value && pair->value)
		return expand_word(expansion, pair->value, ret_value, err);
	if (!value)
		value = string_list_get_key(&graph->global_arguments, pair->key);
	*ret_value = duplicate_string(value);
	return 0;
}

/* What FROM is based on, in place of what it says. base_name stays NULL where that is FROM's own. */
static int take_context(const struct stage_graph *graph, const struct named_context *context, struct build_stage *stage,
			struct error *err)
{
	ptrdiff_t found;
	switch (context->kind) {
	case NAMED_CONTEXT_STAGE:
		found = find_named(graph, context->value, graph->count);
		if (found < 0)
			return error_set(err, ERROR_INVALID,
					 "failed to get build context %s: stage \"%s\" needs to be defined before the "
					 "stage that is based on it",
					 context->name, context->value);
		stage->base = STAGE_BASE_STAGE;
		stage->base_stage = (size_t)found;
		return 0;
	case NAMED_CONTEXT_IMAGE:
		stage->base = strcmp(context->value, "scratch") == 0 ? STAGE_BASE_SCRATCH : STAGE_BASE_IMAGE;
		stage->base_name = duplicate_string(context->value);
		return 0;
	default:
		stage->base = STAGE_BASE_SCRATCH;
		stage->folder = context;
		return 0;
	}
}

/* A stage whose own name is a context's is that context, whatever stands in it. */
static bool replace_stage(struct stage_graph *graph)
{
	struct build_stage *stage = &graph->stages[graph->count - 1];
	const char *name = stage->from->stage_name;
	const struct named_context *context = name ? named_contexts_find(graph->options.contexts, name) : NULL;
	if (!context || context->kind == NAMED_CONTEXT_STAGE)
		return false;
	stage->folder = NULL;
	replace_string(&stage->base_name, NULL);
	take_context(graph, context, stage, NULL);
	if (!stage->base_name)
		stage->base_name = duplicate_string(context->name);
	return true;
}

/* Of what stands above it, where FROM says none; NULL: this machine's, as far as anybody cares. */
static char *inherit_platform(const struct stage_graph *graph, const struct build_stage *stage)
{
	if (stage->base == STAGE_BASE_STAGE)
		return duplicate_string(graph->stages[stage->base_stage].platform);
	return graph->options.platform ? platform_text(graph->options.platform) : NULL;
}

static int add_stage(struct stage_graph *graph, const struct instruction *from, char escape, struct error *err)
{
	if (graph->count >= STAGE_LIMIT)
		return error_set(err, ERROR_LIMIT, "more than %d build stages", STAGE_LIMIT);
	struct expansion expansion = {.arguments = &graph->global_arguments, .escape = escape};
	cleanup_free char *base = NULL, *platform = NULL;
	if (expand_word(&expansion, from->arguments.items[0], &base, err) < 0)
		return -1;
	if (!base[0])
		return error_set(err, ERROR_INVALID, "base name (%s) should not be blank", from->arguments.items[0]);
	if (from->platform && expand_word(&expansion, from->platform, &platform, err) < 0)
		return error_wrap(err, "failed to process arguments for platform %s", from->platform);
	if (from->platform && !platform[0])
		return error_set(err, ERROR_INVALID, "empty platform value from expression %s", from->platform);
	struct build_stage stage = {.from = from, .instructions = from + 1};
	ptrdiff_t found = find_named(graph, base, graph->count);
	const struct named_context *context = named_contexts_find(graph->options.contexts, base);
	if (strcmp(base, "scratch") == 0) { /* also where a stage has that name */
		stage.base = STAGE_BASE_SCRATCH;
	} else if (context) {
		if (take_context(graph, context, &stage, err) < 0)
			return -1;
	} else if (found >= 0 && !isdigit((unsigned char)base[0])) {
		stage.base = STAGE_BASE_STAGE;
		stage.base_stage = (size_t)found;
	} else {
		stage.base = STAGE_BASE_IMAGE;
	}
	if (!stage.base_name)
		stage.base_name = steal_pointer(&base);
	if (!platform)
		platform = inherit_platform(graph, &stage);
	stage.platform = steal_pointer(&platform);
	graph->stages = reallocate_array(graph->stages, graph->count + 1, sizeof *graph->stages);
	graph->stages[graph->count++] = stage;
	return 0;
}

int stage_platform(const struct build_stage *stage, struct platform *ret_platform, struct error *err)
{
	if (!stage->platform) {
		platform_host(ret_platform);
		platform_canonicalize(ret_platform);
		return 0;
	}
	if (platform_parse(stage->platform, ret_platform, err) < 0)
		return error_wrap(err, "failed to parse platform %s", stage->platform);
	platform_canonicalize(ret_platform);
	return 1;
}

static int find_target(const struct stage_graph *graph, const char *target, size_t *ret_index, struct error *err)
{
	*ret_index = graph->count - 1;
	if (!target || !target[0])
		return 0;
	ptrdiff_t found = find_named(graph, target, graph->count);
	if (found >= 0) {
		*ret_index = (size_t)found;
		return 0;
	}
	const char **names = allocate_array(graph->count + 1, sizeof *names);
	size_t count = 0;
	for (size_t i = 0; i < graph->count; i++)
		if (graph->stages[i].from->stage_name)
			names[count++] = graph->stages[i].from->stage_name;
	const char *suggestion = words_suggest(target, names);
	free(names);
	if (suggestion)
		return error_set(err, ERROR_NOT_FOUND, "target stage \"%s\" could not be found (did you mean %s?)",
				 target, suggestion);
	return error_set(err, ERROR_NOT_FOUND, "target stage \"%s\" could not be found", target);
}

static int check_contexts(const struct stage_graph *graph, struct error *err)
{
	const struct named_contexts *contexts = graph->options.contexts;
	size_t ignored;
	for (size_t i = 0; contexts && i < contexts->count; i++) {
		const struct named_context *context = &contexts->items[i];
		if (context->kind == NAMED_CONTEXT_STAGE && find_target(graph, context->value, &ignored, err) < 0)
			return error_wrap(err, "failed to get build context %s", context->name);
	}
	return 0;
}

static void mark_sources(struct stage_graph *graph, size_t index, const struct instruction *instruction)
{
	for (size_t i = 0; i < instruction->sources.count; i++) {
		ptrdiff_t found = stage_find(graph, instruction->sources.items[i], index);
		if (found >= 0)
			graph->stages[found].needed = true;
	}
}

/* References go to earlier stages only, so one pass from the target down is enough. */
static void mark_needed(struct stage_graph *graph)
{
	graph->stages[graph->target].needed = true;
	for (size_t i = graph->target + 1; i-- > 0;) {
		const struct build_stage *stage = &graph->stages[i];
		if (!stage->needed)
			continue;
		if (stage->base == STAGE_BASE_STAGE)
			graph->stages[stage->base_stage].needed = true;
		for (size_t j = 0; j < stage->instruction_count; j++)
			mark_sources(graph, i, &stage->instructions[j]);
	}
}

int stage_graph_build(const struct dockerfile *dockerfile, const struct string_list *build_arguments,
		      const struct stage_options *options, struct string_list *consumed, struct stage_graph *ret_graph,
		      const struct instruction **ret_culprit, struct error *err)
{
	cleanup_stage_graph struct stage_graph graph = {.options = *options};
	if (stage_global_arguments(dockerfile, build_arguments, options->platform, consumed, &graph.global_arguments,
				   ret_culprit, err) < 0)
		return -1;
	bool is_replaced = false;
	for (size_t i = 0; i < dockerfile->count; i++) {
		const struct instruction *instruction = &dockerfile->items[i];
		*ret_culprit = instruction;
		if (instruction->kind == INSTRUCTION_FROM) {
			if (add_stage(&graph, instruction, dockerfile->escape, err) < 0)
				return -1;
			is_replaced = replace_stage(&graph);
		} else if (graph.count && !is_replaced) {
			graph.stages[graph.count - 1].instruction_count++;
		}
	}
	*ret_culprit = NULL;
	if (find_target(&graph, options->target, &graph.target, err) < 0 || check_contexts(&graph, err) < 0)
		return -1;
	mark_needed(&graph);
	*ret_graph = graph;
	graph = (struct stage_graph){0};
	return 0;
}
