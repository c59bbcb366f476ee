#include "build/stage_wire.h"

#include <string.h>

#define NO_TEXT UINT64_MAX

void stage_outcome_release(struct stage_outcome *outcome)
{
	string_list_release(&outcome->consumed);
	string_list_release(&outcome->hits);
	stage_state_release(&outcome->state);
	*outcome = (struct stage_outcome){0};
}

static void put(struct buffer *bytes, const void *from, size_t size)
{
	buffer_append(bytes, from, size, NULL);
}

static void put_number(struct buffer *bytes, uint64_t number)
{
	put(bytes, &number, sizeof number);
}

static void put_text(struct buffer *bytes, const char *text)
{
	put_number(bytes, text ? strlen(text) : NO_TEXT);
	if (text)
		put(bytes, text, strlen(text));
}

static void put_list(struct buffer *bytes, const struct string_list *list)
{
	put_number(bytes, list->count);
	for (size_t i = 0; i < list->count; i++)
		put_text(bytes, list->items[i]);
}

/* All reads fail once one has: the error is looked at in the end. */
struct reader {
	const char *at;
	size_t left;
	bool has_failed;
};

static void get(struct reader *reader, void *to, size_t size)
{
	if (size > reader->left) {
		reader->has_failed = true;
		reader->left = 0;
		memset(to, 0, size);
		return;
	}
	memcpy(to, reader->at, size);
	reader->at += size;
	reader->left -= size;
}

static uint64_t get_number(struct reader *reader)
{
	uint64_t number;
	get(reader, &number, sizeof number);
	return number;
}

/* How many things follow that take `least` bytes each. */
static size_t get_count(struct reader *reader, size_t least)
{
	uint64_t count = get_number(reader);
	if (count <= reader->left / least)
		return count;
	reader->has_failed = true;
	reader->left = 0;
	return 0;
}

/* A field of fixed size that holds a text. */
static void get_field(struct reader *reader, char *to, size_t size)
{
	get(reader, to, size);
	if (!memchr(to, '\0', size)) {
		reader->has_failed = true;
		to[0] = '\0';
	}
}

/* Unset, or one that may be used in a path. */
static void get_digest(struct reader *reader, struct digest *digest)
{
	struct digest same;
	get_field(reader, digest->text, sizeof digest->text);
	if (digest_is_set(digest) && digest_parse(digest->text, &same, NULL) < 0)
		reader->has_failed = true;
}

static void get_platform(struct reader *reader, struct platform *platform)
{
	get_field(reader, platform->os, sizeof platform->os);
	get_field(reader, platform->architecture, sizeof platform->architecture);
	get_field(reader, platform->variant, sizeof platform->variant);
}

static char *get_text(struct reader *reader)
{
	uint64_t length = get_number(reader);
	if (length == NO_TEXT || length > reader->left) {
		reader->has_failed |= length != NO_TEXT;
		return NULL;
	}
	char *text = duplicate_bytes(reader->at, length);
	reader->at += length;
	reader->left -= length;
	return text;
}

static void get_list(struct reader *reader, struct string_list *list)
{
	size_t count = get_count(reader, sizeof(uint64_t));
	for (size_t i = 0; i < count; i++) {
		char *text = get_text(reader);
		if (text)
			string_list_take(list, text);
	}
}

#define CONFIG_TEXTS(config)                                                                                           \
	{                                                                                                              \
		&(config)->created, &(config)->author, &(config)->user, &(config)->working_directory,                  \
			&(config)->stop_signal                                                                         \
	}
#define CONFIG_LISTS(config)                                                                                           \
	{                                                                                                              \
		&(config)->environment, &(config)->entrypoint, &(config)->command, &(config)->exposed_ports,           \
			&(config)->volumes, &(config)->labels, &(config)->shell, &(config)->on_build                   \
	}

static void put_config(struct buffer *bytes, const struct image_config *config)
{
	char *const *const texts[] = CONFIG_TEXTS(config);
	const struct string_list *const lists[] = CONFIG_LISTS(config);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		put_text(bytes, *texts[i]);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		put_list(bytes, lists[i]);
	put(bytes, &config->platform, sizeof config->platform);
	put_number(bytes, config->has_entrypoint);
	put_number(bytes, config->has_command);
	cleanup_free char *healthcheck = config->healthcheck ? json_text(config->healthcheck) : NULL;
	put_text(bytes, healthcheck);
	put_number(bytes, config->diff_id_count);
	put(bytes, config->diff_ids, config->diff_id_count * sizeof *config->diff_ids);
	put_number(bytes, config->history_count);
	for (size_t i = 0; i < config->history_count; i++) {
		const struct image_history *item = &config->history[i];
		put_text(bytes, item->created);
		put_text(bytes, item->created_by);
		put_text(bytes, item->comment);
		put_number(bytes, item->empty_layer);
	}
}

static void get_config(struct reader *reader, struct image_config *config)
{
	char **const texts[] = CONFIG_TEXTS(config);
	struct string_list *const lists[] = CONFIG_LISTS(config);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = get_text(reader);
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		get_list(reader, lists[i]);
	get_platform(reader, &config->platform);
	config->has_entrypoint = get_number(reader) != 0;
	config->has_command = get_number(reader) != 0;
	cleanup_free char *healthcheck = get_text(reader);
	if (healthcheck && json_parse(healthcheck, strlen(healthcheck), &config->healthcheck, NULL) < 0)
		reader->has_failed = true;
	config->diff_id_count = get_count(reader, sizeof *config->diff_ids);
	config->diff_ids = allocate_array(config->diff_id_count + 1, sizeof *config->diff_ids);
	for (size_t i = 0; i < config->diff_id_count; i++)
		get_digest(reader, &config->diff_ids[i]);
	config->history_count = get_count(reader, 4 * sizeof(uint64_t));
	config->history = allocate_array(config->history_count + 1, sizeof *config->history);
	for (size_t i = 0; i < config->history_count; i++) {
		struct image_history *item = &config->history[i];
		item->created = get_text(reader);
		item->created_by = get_text(reader);
		item->comment = get_text(reader);
		item->empty_layer = get_number(reader) != 0;
	}
}

static void put_state(struct buffer *bytes, const struct stage_state *state)
{
	put_config(bytes, &state->config);
	put_number(bytes, state->layer_count);
	for (size_t i = 0; i < state->layer_count; i++) {
		const struct image_layer *layer = &state->layers[i];
		put(bytes, &layer->diff_id, sizeof layer->diff_id);
		put_text(bytes, layer->blob.media_type);
		put(bytes, &layer->blob.digest, sizeof layer->blob.digest);
		put_number(bytes, (uint64_t)layer->blob.size);
		put_number(bytes, layer->size);
	}
	put(bytes, &state->key, sizeof state->key);
	put_list(bytes, &state->arguments);
	put_list(bytes, &state->declared);
	put_number(bytes, (uint64_t)state->created);
	put_number(bytes, state->command_is_ours);
	put_text(bytes, state->prefix);
	put_number(bytes, state->step);
	put_number(bytes, state->steps);
}

static void get_error(struct reader *reader, struct error *error)
{
	get(reader, &error->kind, sizeof error->kind);
	get(reader, &error->system_errno, sizeof error->system_errno);
	get_field(reader, error->message, sizeof error->message);
	if ((unsigned)error->kind >= ERROR_KIND_COUNT) {
		reader->has_failed = true;
		error->kind = ERROR_NONE;
	}
}

static void get_state(struct reader *reader, struct stage_state *state)
{
	get_config(reader, &state->config);
	state->layer_count = get_count(reader, 2 * sizeof(struct digest));
	state->layers = allocate_array(state->layer_count + 1, sizeof *state->layers);
	for (size_t i = 0; i < state->layer_count; i++) {
		struct image_layer *layer = &state->layers[i];
		get_digest(reader, &layer->diff_id);
		layer->blob.media_type = get_text(reader);
		get_digest(reader, &layer->blob.digest);
		layer->blob.size = get_number(reader);
		layer->size = get_number(reader);
	}
	reader->has_failed |= state->layer_count != state->config.diff_id_count;
	get_digest(reader, &state->key);
	get_list(reader, &state->arguments);
	get_list(reader, &state->declared);
	state->created = (nanoseconds)get_number(reader);
	state->command_is_ours = get_number(reader) != 0;
	state->prefix = get_text(reader);
	state->step = get_number(reader);
	state->steps = get_number(reader);
}

void stage_outcome_write(const struct stage_outcome *outcome, struct buffer *bytes)
{
	put_number(bytes, outcome->is_built);
	put(bytes, &outcome->error.kind, sizeof outcome->error.kind);
	put(bytes, &outcome->error.system_errno, sizeof outcome->error.system_errno);
	put(bytes, outcome->error.message, sizeof outcome->error.message);
	put_number(bytes, outcome->culprit);
	put_number(bytes, outcome->failed_step);
	put_number(bytes, outcome->has_log);
	put_list(bytes, &outcome->consumed);
	put_list(bytes, &outcome->hits);
	if (outcome->is_built)
		put_state(bytes, &outcome->state);
}

int stage_outcome_read(const void *bytes, size_t size, struct stage_outcome *ret_outcome, struct error *err)
{
	struct reader reader = {bytes, size, false};
	cleanup_stage_outcome struct stage_outcome outcome = {.is_built = get_number(&reader) != 0};
	get_error(&reader, &outcome.error);
	outcome.culprit = get_number(&reader);
	outcome.failed_step = get_number(&reader);
	outcome.has_log = get_number(&reader) != 0;
	get_list(&reader, &outcome.consumed);
	get_list(&reader, &outcome.hits);
	if (outcome.is_built)
		get_state(&reader, &outcome.state);
	if (reader.has_failed || reader.left)
		return error_set(err, ERROR_CORRUPT, "what a worker tells of its stage is not whole");
	*ret_outcome = outcome;
	outcome = (struct stage_outcome){0};
	return 0;
}
