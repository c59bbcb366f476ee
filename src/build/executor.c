#include "build/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/lexer.h"
#include "build/worker.h"
#include "oci/media_type.h"

void stage_state_release(struct stage_state *state)
{
	image_config_release(&state->config);
	for (size_t i = 0; i < state->layer_count; i++)
		descriptor_release(&state->layers[i].blob);
	free(state->layers);
	string_list_release(&state->arguments);
	string_list_release(&state->declared);
	free(state->prefix);
	*state = (struct stage_state){0};
}

void executor_keep_memos(struct executor *executor)
{
	const struct named_contexts *contexts = executor->options->contexts;
	context_folder_keep_memo(&executor->context);
	for (size_t i = 0; executor->named && i < contexts->count; i++)
		context_folder_keep_memo(&executor->named[i]);
}

void executor_release(struct executor *executor)
{
	workers_free(executor->workers);
	for (size_t i = 0; executor->states && i < executor->graph->count; i++)
		stage_state_release(&executor->states[i]);
	free(executor->states);
	string_list_release(&executor->build_arguments);
	string_list_release(&executor->consumed);
	/* Told for people and for prunes: a build does not fail of it. */
	if (executor->hits.count)
		build_cache_touch(executor->store, &executor->hits, NULL);
	struct string_list *wanted = executor->options->found_keys;
	for (size_t i = 0; wanted && i < executor->hits.count; i++)
		string_list_add(wanted, executor->hits.items[i]);
	string_list_release(&executor->hits);
	context_folder_release(&executor->context);
	const struct named_contexts *contexts = executor->options->contexts;
	for (size_t i = 0; executor->named && i < contexts->count; i++)
		context_folder_release(&executor->named[i]);
	free(executor->named);
}

int executor_open_folder(struct executor *executor, const char *from, struct content_root *ret_root, struct error *err)
{
	const struct named_contexts *contexts = executor->graph->options.contexts;
	struct context_folder *folder = &executor->context;
	if (from && from[0]) {
		const struct named_context *named = named_contexts_find(contexts, from);
		if (!named || named->kind != NAMED_CONTEXT_FOLDER)
			return 0;
		folder = &executor->named[named - contexts->items];
	}
	if (context_folder_open(folder, executor->store, err) < 0)
		return -1;
	*ret_root = context_folder_root(folder, NULL);
	return 1;
}

char *stage_place(const struct stage_state *state)
{
	int width = snprintf(NULL, 0, "%zu", state->steps);
	return format_string("[%s%*zu/%zu]", state->prefix, width, state->step, state->steps);
}

static void add_default_path(struct image_config *config)
{
	if (!string_list_get_key(&config->environment, "PATH"))
		string_list_add(&config->environment, BUILD_DEFAULT_PATH);
}

/* Layers of Docker's media type are OCI's to the byte. */
static void normalize_media_type(struct descriptor *blob)
{
	if (blob->media_type && strcmp(blob->media_type, MEDIA_TYPE_DOCKER_LAYER_GZIP) == 0)
		replace_string(&blob->media_type, duplicate_string(MEDIA_TYPE_OCI_LAYER_GZIP));
}

/* Pulled once a build, however many stages begin with it. A pull is work that may go to a worker: state->is_away. */
static int find_base_image(struct executor *executor, size_t index, const struct digest *key, size_t number,
			   struct image *ret_image, struct error *err)
{
	const struct build_host *host = executor->host;
	const struct build_stage *stage = &executor->graph->stages[index];
	const char *name = stage->base_name;
	struct platform platform;
	int is_asked = stage_platform(stage, &platform, err);
	if (is_asked < 0)
		return -1;
	bool pull = executor->options->pull && !worker_has_made(executor, key);
	if (!pull && build_find_image(executor->store, name, &platform, ret_image, NULL) == 0)
		return 0;
	int is_away = worker_detach(executor, index, number, false, err);
	if (is_away != 0)
		return is_away < 0 ? -1 : 0;
	int claimed = worker_claim(executor, key, err);
	return claimed < 0 ? -1
			   : host->resolve_image(host->context, name, is_asked ? &platform : NULL, pull && !claimed,
						 ret_image, err);
}

static int take_base_image(struct executor *executor, const struct image *image, struct stage_state *state,
			   struct error *err)
{
	if (image_read_config(executor->store, image, &state->config, err) < 0 ||
	    image_layers(executor->store, &image->id, &state->layers, &state->layer_count, err) < 0)
		return -1;
	state->key = image->id;
	return 0;
}

static int load_base_image(struct executor *executor, size_t index, struct stage_state *state, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	cleanup_reference struct reference reference = {0};
	if (reference_parse(stage->base_name, &reference, err) < 0)
		return error_wrap(err, "failed to parse stage name \"%s\"", stage->base_name);
	cleanup_free char *full = reference_text(&reference);
	struct digest key;
	struct cache_key *parts = cache_key_begin(NULL, "base image");
	cache_key_add_text(parts, full);
	cache_key_add_text(parts, stage->platform);
	cache_key_finish(parts, &key);
	cleanup_free char *load = format_string("[internal] load metadata for %s", full);
	/* One that is known already was told of. */
	bool is_known = worker_has_made(executor, &key);
	size_t number = is_known ? 0 : report_begin(executor->report, load);
	struct image image;
	int result = find_base_image(executor, index, &key, number, &image, err);
	if (state->is_away)
		return 0;
	if (result < 0 || take_base_image(executor, &image, state, err) < 0) {
		error_wrap(err, "%s", full);
		executor->failed_step = number;
		if (number)
			report_failed(executor->report, number, err ? err->message : "failed");
		return -1;
	}
	worker_made(executor, &key);
	if (number)
		report_done(executor->report, number);
	if (state->layer_count != state->config.diff_id_count)
		return error_set(err, ERROR_CORRUPT, "%s: %zu layers are known, the configuration has %zu", full,
				 state->layer_count, state->config.diff_id_count);
	for (size_t i = 0; i < state->layer_count; i++)
		normalize_media_type(&state->layers[i].blob);
	nanoseconds created;
	if (state->config.created && time_parse_rfc3339(state->config.created, &created))
		state->created = created;
	state->step = 1;
	cleanup_free char *place = stage_place(state);
	cleanup_free char *name = format_string("%s FROM %s", place, full);
	report_cached(executor->report, report_begin(executor->report, name));
	return 0;
}

static void copy_base_stage(const struct stage_state *base, struct stage_state *state)
{
	image_config_copy(&state->config, &base->config);
	state->layers = allocate_array(base->layer_count + 1, sizeof *state->layers);
	for (size_t i = 0; i < base->layer_count; i++) {
		state->layers[i] = base->layers[i];
		state->layers[i].blob = (struct descriptor){0};
		descriptor_copy(&state->layers[i].blob, &base->layers[i].blob);
	}
	state->layer_count = base->layer_count;
	string_list_copy(&state->arguments, &base->arguments);
	string_list_copy(&state->declared, &base->declared);
	state->key = base->key;
	state->created = base->created;
}

static int load_scratch(const struct build_stage *stage, struct stage_state *state, struct error *err)
{
	struct platform *platform = &state->config.platform;
	if (stage_platform(stage, platform, err) < 0)
		return -1;
	state->config.working_directory = duplicate_string("/");
	cleanup_free char *text = platform_text(platform);
	struct cache_key *key = cache_key_begin(NULL, "scratch");
	cache_key_add_text(key, text);
	cache_key_finish(key, &state->key);
	return 0;
}

static int load_base(struct executor *executor, size_t index, struct stage_state *state, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	switch (stage->base) {
	case STAGE_BASE_SCRATCH:
		if (load_scratch(stage, state, err) < 0)
			return -1;
		break;
	case STAGE_BASE_STAGE:
		copy_base_stage(&executor->states[stage->base_stage], state);
		break;
	case STAGE_BASE_IMAGE:
		if (load_base_image(executor, index, state, err) < 0)
			return -1;
		if (state->is_away)
			return 0;
		break;
	}
	add_default_path(&state->config);
	return 0;
}

static int apply_arguments(struct step *step, struct error *err)
{
	struct executor *executor = step->executor;
	struct stage_state *stage = step->stage;
	cleanup_buffer struct buffer text = BUFFER_INIT(EXPAND_SIZE_LIMIT);
	if (buffer_append_string(&text, "ARG", err) < 0)
		return step_fail(step, err);
	for (size_t i = 0; i < step->instruction->pair_count; i++) {
		const struct instruction_pair *pair = &step->instruction->pairs[i];
		cleanup_free char *value = NULL;
		if (stage_argument_value(executor->graph, &executor->build_arguments, &step->expansion, pair, &value,
					 err) < 0)
			return step_fail(step, err);
		string_list_add(&executor->consumed, pair->key);
		string_list_set_key(&stage->declared, pair->key, value ? value : "");
		if (value)
			string_list_set_key(&stage->arguments, pair->key, value);
		if (buffer_append_format(&text, err, value ? " %s=%s" : " %s", pair->key, value) < 0)
			return step_fail(step, err);
	}
	/* Not in the key: an argument counts where a RUN sees it or a word holds it. */
	struct digest key = stage->key;
	step_note(step, "", buffer_text(&text));
	stage->key = key;
	return 0;
}

static int apply_setting(struct step *step, struct error *err)
{
	struct stage_state *stage = step->stage;
	struct settings settings = {.config = &stage->config, .command_is_ours = stage->command_is_ours};
	cleanup_free char *created_by = NULL;
	if (settings_apply(&settings, step->instruction, &step->expansion, &created_by, err) < 0)
		return step_fail(step, err);
	stage->command_is_ours = settings.command_is_ours;
	step_note(step, created_by ? created_by : step->instruction->arguments.items[0], created_by);
	return 0;
}

/* A step begins when all is there that it takes from. */
static int need_sources(struct executor *executor, size_t index, const struct instruction *instruction,
			struct error *err)
{
	for (size_t i = 0; i < instruction->sources.count && !executor->states[index].is_away; i++) {
		ptrdiff_t source = stage_find(executor->graph, instruction->sources.items[i], index);
		if (source >= 0 && executor_need_stage(executor, (size_t)source, index, err) < 0)
			return -1;
	}
	return 0;
}

static int execute_instruction(struct executor *executor, size_t index, const struct instruction *instruction,
			       struct error *err)
{
	struct stage_state *state = &executor->states[index];
	if (need_sources(executor, index, instruction, err) < 0)
		return -1;
	if (state->is_away)
		return 0;
	struct step step = {
		.executor = executor,
		.stage = state,
		.stage_index = index,
		.instruction = instruction,
		.expansion = {&state->config.environment, &state->arguments, executor->dockerfile->escape},
	};
	switch (instruction->kind) {
	case INSTRUCTION_RUN:
		return executor_run(&step, err);
	case INSTRUCTION_COPY:
	case INSTRUCTION_ADD:
		return executor_copy(&step, err);
	case INSTRUCTION_WORKDIR:
		return executor_workdir(&step, err);
	case INSTRUCTION_ARG:
		return apply_arguments(&step, err);
	default:
		return apply_setting(&step, err);
	}
}

/* An instruction that stands in no Dockerfile; errors are shown at FROM, since it is gone by then. */
static int execute_text(struct executor *executor, size_t index, const char *text, bool is_trigger, struct error *err)
{
	cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
	cleanup_instruction struct instruction instruction = {0};
	struct dockerfile_place place;
	int result = dockerfile_lex(text, strlen(text), &lines, &place, err);
	if (result == 0)
		result = instruction_parse(&lines.items[0], lines.escape, &instruction, err);
	if (result == 0 && is_trigger &&
	    (instruction.kind == INSTRUCTION_FROM || instruction.kind == INSTRUCTION_ONBUILD))
		result = error_set(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
				   instruction_name(instruction.kind));
	executor->states[index].is_in_trigger = is_trigger;
	if (result == 0)
		result = execute_instruction(executor, index, &instruction, err);
	executor->states[index].is_in_trigger = false;
	if (result < 0)
		executor->culprit = executor->graph->stages[index].from;
	return result;
}

/* FROM of a folder: all that is in it, in one layer. */
static int copy_base_folder(struct executor *executor, size_t index, struct error *err)
{
	const struct named_context *folder = executor->graph->stages[index].folder;
	cleanup_free char *text = format_string("COPY --from=%s / /", folder ? folder->name : "");
	return folder ? execute_text(executor, index, text, false, err) : 0;
}

/* ONBUILD of the base, right behind FROM. */
static int execute_triggers(struct executor *executor, size_t index, struct error *err)
{
	struct stage_state *state = &executor->states[index];
	struct string_list triggers = state->config.on_build;
	state->config.on_build = (struct string_list){0};
	int result = 0;
	state->steps += triggers.count;
	for (size_t i = 0; i < triggers.count && result == 0 && !state->is_away; i++)
		result = execute_text(executor, index, triggers.items[i], true, err);
	string_list_release(&triggers);
	return result;
}

static bool makes_step(const struct instruction *instruction)
{
	return instruction->kind == INSTRUCTION_RUN || instruction->kind == INSTRUCTION_COPY ||
	       instruction->kind == INSTRUCTION_ADD || instruction->kind == INSTRUCTION_WORKDIR;
}

/* "[2/5]", "[build 2/5]", "[stage-1 2/5]" */
static void name_stage(const struct stage_graph *graph, size_t index, struct stage_state *state)
{
	const struct build_stage *stage = &graph->stages[index];
	if (stage->from->stage_name)
		state->prefix = format_string("%s ", stage->from->stage_name);
	else
		state->prefix = graph->count > 1 ? format_string("stage-%zu ", index) : duplicate_string("");
	state->steps = stage->base == STAGE_BASE_IMAGE || stage->folder;
	for (size_t i = 0; i < stage->instruction_count; i++)
		state->steps += makes_step(&stage->instructions[i]);
}

/* Calls for each stage that this one takes from, until one returns false. References go back only. */
static bool each_source(const struct stage_graph *graph, size_t index, bool (*call)(void *context, size_t source),
			void *context)
{
	const struct build_stage *stage = &graph->stages[index];
	if (stage->base == STAGE_BASE_STAGE && !call(context, stage->base_stage))
		return false;
	for (size_t i = 0; i < stage->instruction_count; i++) {
		const struct string_list *sources = &stage->instructions[i].sources;
		for (size_t j = 0; j < sources->count; j++) {
			ptrdiff_t source = stage_find(graph, sources->items[j], index);
			if (source >= 0 && !call(context, (size_t)source))
				return false;
		}
	}
	return true;
}

static bool is_built(const struct executor *executor, const char *source, size_t limit)
{
	ptrdiff_t index = stage_find(executor->graph, source, limit);
	return index < 0 || executor->states[index].is_built;
}

/* The first step that is any work takes from nothing that is still to be built. */
static bool has_work_now(const struct executor *executor, size_t index)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	const struct instruction *first = stage->instructions, *end = first + stage->instruction_count;
	while (first < end && (!makes_step(first) || first->kind == INSTRUCTION_WORKDIR))
		first++;
	for (size_t i = 0; first < end && i < first->sources.count; i++)
		if (!is_built(executor, first->sources.items[i], index))
			return false;
	return true;
}

/* A base that has to be pulled is pulled at once; one that is nowhere is better told now than after an hour. */
static bool has_base(const struct executor *executor, const struct build_stage *stage)
{
	struct image image;
	struct platform platform;
	struct error ignored = {0};
	if (stage->base != STAGE_BASE_IMAGE)
		return true;
	return stage_platform(stage, &platform, &ignored) >= 0 &&
	       build_find_image(executor->store, stage->base_name, &platform, &image, &ignored) == 0;
}

ptrdiff_t executor_next_stage(const struct executor *executor, size_t except)
{
	for (size_t i = 0; i < executor->graph->count; i++) {
		const struct build_stage *stage = &executor->graph->stages[i];
		const struct stage_state *state = &executor->states[i];
		if ((!stage->needed && !state->is_wanted) || i == except || state->is_built || state->is_away ||
		    (stage->base == STAGE_BASE_STAGE && !executor->states[stage->base_stage].is_built))
			continue;
		if (has_work_now(executor, i) || !has_base(executor, stage))
			return (ptrdiff_t)i;
	}
	return -1;
}

static bool want(void *context, size_t index)
{
	executor_want(context, index);
	return true;
}

void executor_want(struct executor *executor, size_t index)
{
	if (executor->graph->stages[index].needed || executor->states[index].is_wanted)
		return;
	executor->states[index].is_wanted = true;
	each_source(executor->graph, index, want, executor);
}

/* All the steps of a stage whose sources are there, or those up to where a worker takes it over. */
static int walk_stage(struct executor *executor, size_t index, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	struct stage_state *state = &executor->states[index];
	stage_state_release(state); /* in a worker: of a stage that is away, and is needed here all the same */
	name_stage(executor->graph, index, state);
	if (load_base(executor, index, state, err) < 0) {
		executor->culprit = stage->from;
		return -1;
	}
	if (!state->is_away && (copy_base_folder(executor, index, err) < 0 ||
				(!state->is_away && execute_triggers(executor, index, err) < 0)))
		return -1;
	for (size_t i = 0; i < stage->instruction_count && !state->is_away; i++)
		if (execute_instruction(executor, index, &stage->instructions[i], err) < 0)
			return -1;
	state->is_built = !state->is_away;
	return 0;
}

static int build_stage(struct executor *executor, size_t index, struct error *err)
{
	int result = walk_stage(executor, index, err);
	worker_finish(executor, index, result, err);
	if (executor->states[index].is_built)
		workers_tell(executor, index);
	return result;
}

int executor_build(struct executor *executor, size_t target, struct error *err)
{
	int result = 0;
	while (result == 0 && !executor->states[target].is_built) {
		ptrdiff_t next = workers_have_room(executor->workers) ? executor_next_stage(executor, SIZE_MAX) : -1;
		result = next >= 0 ? build_stage(executor, (size_t)next, err) : workers_wait(executor, err);
	}
	workers_stop(executor);
	return result;
}

struct nested {
	struct executor *executor;
	struct error *err;
};

static bool build_nested(void *context, size_t index)
{
	const struct nested *nested = context;
	struct executor *executor = nested->executor;
	struct stage_state *state = &executor->states[index];
	if (workers_wait_for(executor, index, nested->err) < 0)
		return false;
	if (state->is_built)
		return true;
	bool was_nested = executor->is_nested;
	executor->is_nested = true;
	bool is_done = each_source(executor->graph, index, build_nested, context) &&
		       walk_stage(executor, index, nested->err) == 0;
	executor->is_nested = was_nested;
	return is_done;
}

int executor_need_stage(struct executor *executor, size_t index, size_t for_stage, struct error *err)
{
	struct nested nested = {executor, err};
	if (executor->states[index].is_built)
		return 0;
	if (worker_can_detach(executor)) {
		executor_want(executor, index);
		int is_away = worker_detach(executor, for_stage, 0, true, err);
		if (is_away != 0)
			return is_away < 0 ? -1 : 0;
	}
	int is_told = worker_need(executor, index, err);
	if (is_told != 0)
		return is_told < 0 ? -1 : 0;
	return build_nested(&nested, index) ? 0 : -1;
}
