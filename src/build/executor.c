#include "build/executor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/lexer.h"
#include "oci/media_type.h"

static void stage_state_release(struct stage_state *state)
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

void executor_release(struct executor *executor)
{
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
	ignore_list_release(&executor->ignore);
	memo_free(executor->memo);
	if (executor->context_fd >= 0)
		close(executor->context_fd);
}

int executor_open_context(struct executor *executor, struct error *err)
{
	if (executor->context_fd >= 0)
		return 0;
	const char *path = executor->options->context_path;
	int fd = open_folder(path, false, 0, err);
	if (fd < 0)
		return error_wrap(err, "unable to prepare context");
	executor->context_fd = fd;
	if (executor->options->context_is_archive)
		return 0; /* its files are new each time */
	cleanup_free char *real = realpath(path, NULL);
	struct digest digest;
	digest_of_bytes(real ? real : path, strlen(real ? real : path), &digest);
	cleanup_free char *name = format_string("context-%.32s", digest_hex(&digest));
	executor->memo = memo_open(executor->store->root_fd, name);
	return 0;
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

static int check_platform(const struct build_stage *stage, const struct image_config *config, struct error *err)
{
	if (!stage->platform)
		return 0;
	struct platform wanted;
	if (platform_parse(stage->platform, &wanted, err) < 0)
		return error_wrap(err, "failed to parse platform %s", stage->platform);
	if (platform_matches(&wanted, &config->platform))
		return 0;
	cleanup_free char *offered = platform_text(&config->platform);
	return error_set(err, ERROR_UNSUPPORTED, "%s is for %s here, and --platform asks for %s", stage->base_name,
			 offered, stage->platform);
}

static int load_base_image(struct executor *executor, const struct build_stage *stage, struct stage_state *state,
			   struct error *err)
{
	cleanup_reference struct reference reference = {0};
	if (reference_parse(stage->base_name, &reference, err) < 0)
		return error_wrap(err, "failed to parse stage name \"%s\"", stage->base_name);
	cleanup_free char *full = reference_text(&reference);
	cleanup_free char *load = format_string("[internal] load metadata for %s", full);
	size_t number = report_begin(executor->report, load);
	struct image image;
	if (executor->host->resolve_image(executor->host->context, stage->base_name, executor->options->pull, &image,
					  err) < 0 ||
	    image_read_config(executor->store, &image, &state->config, err) < 0 ||
	    image_layers(executor->store, &image.id, &state->layers, &state->layer_count, err) < 0 ||
	    check_platform(stage, &state->config, err) < 0) {
		error_wrap(err, "%s", full);
		executor->failed_step = number;
		report_failed(executor->report, number, err ? err->message : "failed");
		return -1;
	}
	report_done(executor->report, number);
	if (state->layer_count != state->config.diff_id_count)
		return error_set(err, ERROR_CORRUPT, "%s: %zu layers are known, the configuration has %zu", full,
				 state->layer_count, state->config.diff_id_count);
	for (size_t i = 0; i < state->layer_count; i++)
		normalize_media_type(&state->layers[i].blob);
	nanoseconds created;
	if (state->config.created && time_parse_rfc3339(state->config.created, &created))
		state->created = created;
	cleanup_free char *name = format_string("[%s1/%zu] FROM %s", state->prefix, state->steps, full);
	report_cached(executor->report, report_begin(executor->report, name));
	state->step = 1;
	state->key = image.id;
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

static int load_base(struct executor *executor, size_t index, struct stage_state *state, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	switch (stage->base) {
	case STAGE_BASE_SCRATCH:
		platform_host(&state->config.platform);
		if (check_platform(stage, &state->config, err) < 0)
			return -1;
		state->config.working_directory = duplicate_string("/");
		cache_key_finish(cache_key_begin(NULL, "scratch"), &state->key);
		break;
	case STAGE_BASE_STAGE:
		copy_base_stage(&executor->states[stage->base_stage], state);
		break;
	case STAGE_BASE_IMAGE:
		if (load_base_image(executor, stage, state, err) < 0)
			return -1;
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

static int execute_instruction(struct executor *executor, size_t index, const struct instruction *instruction,
			       struct error *err)
{
	struct stage_state *state = &executor->states[index];
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

/* ONBUILD of the base, right behind FROM; errors are shown there. */
static int execute_triggers(struct executor *executor, size_t index, struct error *err)
{
	struct stage_state *state = &executor->states[index];
	const struct instruction *from = executor->graph->stages[index].from;
	struct string_list triggers = state->config.on_build;
	state->config.on_build = (struct string_list){0};
	int result = 0;
	state->steps += triggers.count;
	for (size_t i = 0; i < triggers.count && result == 0; i++) {
		cleanup_dockerfile_lines struct dockerfile_lines lines = {0};
		cleanup_instruction struct instruction instruction = {0};
		unsigned line;
		result = dockerfile_lex(triggers.items[i], strlen(triggers.items[i]), &lines, &line, err);
		if (result == 0)
			result = instruction_parse(&lines.items[0], lines.escape, &instruction, err);
		if (result == 0 && (instruction.kind == INSTRUCTION_FROM || instruction.kind == INSTRUCTION_ONBUILD))
			result = error_set(err, ERROR_INVALID, "%s isn't allowed as an ONBUILD trigger",
					   instruction_name(instruction.kind));
		if (result == 0)
			result = execute_instruction(executor, index, &instruction, err);
		if (result < 0)
			executor->culprit = from; /* the trigger itself is gone when the error is shown */
	}
	string_list_release(&triggers);
	return result < 0 ? error_wrap(err, "ONBUILD of %s", executor->graph->stages[index].base_name) : 0;
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
	state->steps = stage->base == STAGE_BASE_IMAGE;
	for (size_t i = 0; i < stage->instruction_count; i++)
		state->steps += makes_step(&stage->instructions[i]);
}

/* What the stage takes from is built first. References go back only, so this ends. */
static int build_sources(struct executor *executor, size_t index, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	if (stage->base == STAGE_BASE_STAGE && executor_build_stage(executor, stage->base_stage, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->instruction_count; i++) {
		const struct string_list *sources = &stage->instructions[i].sources;
		for (size_t j = 0; j < sources->count; j++) {
			ptrdiff_t source = stage_find(executor->graph, sources->items[j], index);
			if (source >= 0 && executor_build_stage(executor, (size_t)source, err) < 0)
				return -1;
		}
	}
	return 0;
}

int executor_build_stage(struct executor *executor, size_t index, struct error *err)
{
	const struct build_stage *stage = &executor->graph->stages[index];
	struct stage_state *state = &executor->states[index];
	if (state->is_built)
		return 0;
	if (build_sources(executor, index, err) < 0)
		return -1;
	name_stage(executor->graph, index, state);
	if (load_base(executor, index, state, err) < 0) {
		executor->culprit = stage->from;
		return -1;
	}
	if (execute_triggers(executor, index, err) < 0)
		return -1;
	for (size_t i = 0; i < stage->instruction_count; i++)
		if (execute_instruction(executor, index, &stage->instructions[i], err) < 0)
			return -1;
	state->is_built = true;
	return 0;
}
