/* A stage's outcome as bytes: round trips, every cut, every bit turned, and what a worker must not say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "build/stage_wire.h"

static void set_digest(struct digest *digest, char digit)
{
	char text[DIGEST_TEXT_SIZE] = "sha256:";
	memset(text + 7, digit, 64);
	assert_int_equal(digest_parse(text, digest, NULL), 0);
}

static void add_layer(struct stage_state *state, char digit)
{
	struct image_layer layer = {.size = 1234567890123, .blob.size = UINT64_C(1) << 40};
	set_digest(&layer.diff_id, digit);
	set_digest(&layer.blob.digest, 'f');
	layer.blob.media_type = duplicate_string("application/x");
	image_config_add_diff_id(&state->config, &layer.diff_id);
	state->layers = reallocate_array(state->layers, state->layer_count + 1, sizeof *state->layers);
	state->layers[state->layer_count++] = layer;
}

/* Something in each member, also what JSON could not hold. */
static void fill(struct stage_outcome *outcome)
{
	struct stage_state *state = &outcome->state;
	struct image_config *config = &state->config;
	*outcome = (struct stage_outcome){.is_built = true, .culprit = 3, .failed_step = 9, .has_log = true};
	string_list_add(&outcome->consumed, "VERSION");
	string_list_add(&outcome->hits, "sha256:hit");
	string_list_add(&outcome->hits, "");
	config->user = duplicate_string("1000:\xff\xfe");
	config->working_directory = duplicate_string("");
	config->platform = (struct platform){"linux", "arm64", "v8"};
	config->has_command = true;
	string_list_add(&config->environment, "A=\n\t\x80");
	string_list_add(&config->labels, "k=v");
	string_list_add(&config->on_build, "RUN true");
	config->healthcheck = json_pack("{s:[s,s]}", "Test", "CMD", "true");
	image_config_add_history(config, "2001-01-01T00:00:00Z", "RUN x", "comment", false);
	image_config_add_history(config, NULL, NULL, NULL, true);
	add_layer(state, 'a');
	add_layer(state, 'b');
	set_digest(&state->key, 'c');
	string_list_add(&state->arguments, "X=1");
	string_list_add(&state->declared, "X=1");
	state->created = -5;
	state->command_is_ours = true;
	state->prefix = duplicate_string("build ");
	state->step = 2;
	state->steps = 7;
}

static void write_filled(struct buffer *bytes)
{
	cleanup_stage_outcome struct stage_outcome outcome;
	fill(&outcome);
	stage_outcome_write(&outcome, bytes);
}

static void round_trip(void **unused)
{
	(void)unused;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT), again = BUFFER_INIT(STAGE_WIRE_LIMIT);
	cleanup_stage_outcome struct stage_outcome read;
	struct error err = {0};
	write_filled(&bytes);
	assert_int_equal(stage_outcome_read(bytes.bytes, bytes.size, &read, &err), 0);
	assert_true(read.is_built && read.has_log);
	assert_int_equal(read.culprit, 3);
	assert_int_equal(read.failed_step, 9);
	assert_int_equal(read.hits.count, 2);
	assert_string_equal(read.hits.items[1], "");
	const struct stage_state *state = &read.state;
	assert_string_equal(state->config.user, "1000:\xff\xfe");
	assert_string_equal(state->config.working_directory, "");
	assert_null(state->config.author);
	assert_string_equal(state->config.platform.variant, "v8");
	assert_true(state->config.has_command && !state->config.has_entrypoint);
	assert_string_equal(state->config.environment.items[0], "A=\n\t\x80");
	assert_string_equal(json_string_value(json_array_get(json_object_get(state->config.healthcheck, "Test"), 1)),
			    "true");
	assert_int_equal(state->config.history_count, 2);
	assert_string_equal(state->config.history[0].comment, "comment");
	assert_null(state->config.history[1].created_by);
	assert_true(state->config.history[1].empty_layer);
	assert_int_equal(state->layer_count, 2);
	assert_int_equal(state->layers[1].blob.size, UINT64_C(1) << 40);
	assert_true(digest_equal(&state->layers[1].diff_id, &state->config.diff_ids[1]));
	assert_int_equal(state->created, -5);
	assert_string_equal(state->prefix, "build ");
	assert_int_equal(state->steps, 7);
	/* And nothing that the checks above do not name is lost. */
	stage_outcome_write(&read, &again);
	assert_int_equal(again.size, bytes.size);
	assert_memory_equal(again.bytes, bytes.bytes, bytes.size);
}

static void failure(void **unused)
{
	(void)unused;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
	struct stage_outcome outcome = {.culprit = 1}, read;
	struct error err = {0};
	error_set(&outcome.error, ERROR_NOT_FOUND, "no such file");
	stage_outcome_write(&outcome, &bytes);
	assert_int_equal(stage_outcome_read(bytes.bytes, bytes.size, &read, &err), 0);
	assert_false(read.is_built);
	assert_int_equal(read.error.kind, ERROR_NOT_FOUND);
	assert_string_equal(read.error.message, "no such file");
	stage_outcome_release(&read);
}

static void every_cut_is_noticed(void **unused)
{
	(void)unused;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
	write_filled(&bytes);
	for (size_t size = 0; size < bytes.size; size++) {
		struct stage_outcome read = {0};
		struct error err = {0};
		/* Of its own size, so that a read behind the end is seen. */
		cleanup_free char *part = allocate(size + 1);
		memcpy(part, bytes.bytes, size);
		assert_int_equal(stage_outcome_read(part, size, &read, &err), -1);
		assert_int_equal(err.kind, ERROR_CORRUPT);
		assert_null(read.state.layers);
	}
	struct stage_outcome read;
	assert_int_equal(buffer_append(&bytes, "", 1, NULL), 0);
	assert_int_equal(stage_outcome_read(bytes.bytes, bytes.size, &read, NULL), -1);
}

/* Whatever is read holds together: texts end, digests are digests. */
static void check(const struct stage_outcome *outcome)
{
	const struct image_config *config = &outcome->state.config;
	struct digest same;
	assert_true(memchr(outcome->error.message, '\0', sizeof outcome->error.message));
	assert_true((unsigned)outcome->error.kind < ERROR_KIND_COUNT);
	assert_true(memchr(config->platform.os, '\0', sizeof config->platform.os));
	assert_int_equal(outcome->state.layer_count, config->diff_id_count);
	for (size_t i = 0; i < config->diff_id_count; i++)
		if (digest_is_set(&config->diff_ids[i]))
			assert_int_equal(digest_parse(config->diff_ids[i].text, &same, NULL), 0);
}

static void garbage(void **unused)
{
	(void)unused;
	cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
	write_filled(&bytes);
	for (size_t at = 0; at < bytes.size; at++) {
		static const unsigned char masks[] = {0x01, 0x80, 0xff};
		for (size_t i = 0; i < sizeof masks; i++) {
			struct stage_outcome read;
			bytes.bytes[at] = (char)(bytes.bytes[at] ^ masks[i]);
			if (stage_outcome_read(bytes.bytes, bytes.size, &read, NULL) == 0) {
				check(&read);
				stage_outcome_release(&read);
			}
			bytes.bytes[at] = (char)(bytes.bytes[at] ^ masks[i]);
		}
	}
	uint32_t state = 1;
	for (int round = 0; round < 2000; round++) {
		char noise[512];
		struct stage_outcome read;
		for (size_t i = 0; i < sizeof noise; i++) {
			state = state * 1664525 + 1013904223;
			noise[i] = (char)(i % 8 > 1 ? 0 : state >> 24);
		}
		assert_int_equal(stage_outcome_read(noise, sizeof noise, &read, NULL), -1);
	}
}

/* What would lead out of the store, or behind the end of a field. */
static void lies(void **unused)
{
	(void)unused;
	struct stage_outcome read;
	for (int i = 0; i < 4; i++) {
		cleanup_buffer struct buffer bytes = BUFFER_INIT(STAGE_WIRE_LIMIT);
		cleanup_stage_outcome struct stage_outcome outcome;
		fill(&outcome);
		if (i == 0)
			strcpy(outcome.state.config.diff_ids[0].text, "sha256:../../etc");
		else if (i == 1)
			memset(outcome.state.config.platform.os, 'x', sizeof outcome.state.config.platform.os);
		else if (i == 2)
			memset(outcome.error.message, 'x', sizeof outcome.error.message);
		else
			outcome.error.kind = ERROR_KIND_COUNT;
		stage_outcome_write(&outcome, &bytes);
		assert_int_equal(stage_outcome_read(bytes.bytes, bytes.size, &read, NULL), -1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip), cmocka_unit_test(failure), cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(garbage),    cmocka_unit_test(lies),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
