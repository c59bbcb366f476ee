#include "engine/pull.h"
#include "engine/events.h"

#include <stdio.h>
#include <string.h>

#include "archive/layer.h"
#include "store/layer_folder.h"

int pull_policy_parse(const char *text, enum pull_policy *ret_policy, struct error *err)
{
	static const char *const names[] = {"missing", "always", "never", "newer"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_policy = (enum pull_policy)i;
			return 0;
		}
	}
	return error_set(err, ERROR_USAGE,
			 "invalid pull option: '%s': must be one of \"always\", \"missing\", \"newer\" or \"never\"",
			 text);
}

static int discard(void *context, const void *bytes, size_t size, struct error *err)
{
	return 0;
}

/* Of a layer that was there already: what another image's record says, or, after a pull that was killed, a count. */
static int measure_layer(struct engine *engine, struct image_layer *layer, struct error *err)
{
	if (image_layer_size(engine->store, &layer->diff_id, &layer->size, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	cleanup_close int folder = -1;
	struct sink nowhere = {discard, NULL};
	struct layer_diff_options options = {0};
	struct layer_totals totals;
	if (layer_folder_open(engine->store->root_fd, &layer->diff_id, &folder, err) < 0 ||
	    layer_diff(folder, &options, &nowhere, &totals, err) < 0)
		return -1;
	layer->size = totals.bytes;
	return 0;
}

static int read_layer(struct engine *engine, const json_t *item, struct image_layer *layer, struct error *err)
{
	const char *media_type;
	int64_t size, bytes = -1;
	if (registry_answer_digest(item, "diff_id", &layer->diff_id, err) < 0 ||
	    registry_answer_digest(item, "digest", &layer->blob.digest, err) < 0 ||
	    json_need_string(item, "media_type", &media_type, err) < 0 ||
	    json_need_integer(item, "size", &size, err) < 0 || json_get_integer(item, "bytes", &bytes, err) < 0)
		return -1;
	layer->blob.media_type = (char *)media_type; /* borrowed from the answer */
	layer->blob.size = (uint64_t)size;
	if (bytes < 0)
		return measure_layer(engine, layer, err);
	layer->size = (uint64_t)bytes;
	return 0;
}

static int record_pull(struct engine *engine, const struct reference *reference, const json_t *done,
		       struct pull_outcome *outcome, struct error *err)
{
	struct digest manifest;
	json_t *array = NULL;
	if (registry_answer_digest(done, "manifest", &manifest, err) < 0 ||
	    registry_answer_digest(done, "repository_digest", &outcome->repository_digest, err) < 0 ||
	    json_get_array(done, "layers", &array, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	size_t count = json_array_size(array);
	cleanup_free struct image_layer *layers = allocate_array(count, sizeof *layers);
	for (size_t i = 0; i < count; i++)
		if (read_layer(engine, json_array_get(array, i), &layers[i], err) < 0)
			return error_wrap(err, "coracle-transfer's answer");
	/* What the name meant before tells "newer" from "up to date". */
	struct image previous = {0};
	struct digest previous_digest;
	struct error ignored = {0};
	image_find_reference(engine->store, reference, &previous, &previous_digest, &ignored);
	if (image_put(engine->store, &manifest, layers, count, reference, &outcome->repository_digest, &outcome->image,
		      err) < 0)
		return -1;
	outcome->is_newer = !digest_equal(&previous.id, &outcome->image.id);
	return 0;
}

static json_t *pull_request(struct engine *engine, const struct reference *reference, const struct platform *platform)
{
	json_t *request = registry_request_new(engine, "pull", reference);
	if (digest_is_set(&reference->digest))
		json_object_set_new(request, "digest", json_string(reference->digest.text));
	if (platform) {
		cleanup_free char *text = platform_text(platform);
		json_object_set_new(request, "platform", json_string(text));
	}
	return request;
}

/* All but the line about the status. */
static int pull_one(struct engine *engine, const struct reference *reference, const struct platform *platform,
		    const struct transfer_progress *progress, struct pull_outcome *ret_outcome, struct error *err)
{
	const struct engine_report *report = progress ? &progress->report : NULL;
	cleanup_json json_t *request = pull_request(engine, reference, platform);
	cleanup_close int lock = -1;
	cleanup_json json_t *done = NULL;
	struct pull_outcome outcome = {0};
	if (store_lock_content(engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	engine_report_line(report, "%s: Pulling from %s", reference->tag ? reference->tag : reference->digest.text,
			   reference->path);
	if (registry_request_send(request, progress, &done, err) < 0 ||
	    record_pull(engine, reference, done, &outcome, err) < 0)
		return -1;
	engine_report_line(report, "Digest: %s", outcome.repository_digest.text);
	cleanup_free char *text = reference_familiar_text(reference);
	cleanup_free char *name = reference_familiar_name(reference);
	event_image(engine, "pull", text, name);
	*ret_outcome = outcome;
	return 0;
}

static void tell_status(const struct transfer_progress *progress, bool is_newer, const char *name)
{
	engine_report_line(progress ? &progress->report : NULL,
			   is_newer ? "Status: Downloaded newer image for %s" : "Status: Image is up to date for %s",
			   name);
}

int image_pull(struct engine *engine, const struct reference *reference, const struct platform *platform,
	       const struct transfer_progress *progress, struct pull_outcome *ret_outcome, struct error *err)
{
	cleanup_free char *familiar = reference_familiar_text(reference);
	if (pull_one(engine, reference, platform, progress, ret_outcome, err) < 0)
		return -1;
	tell_status(progress, ret_outcome->is_newer, familiar);
	return 0;
}

int image_pull_all_tags(struct engine *engine, const struct reference *reference, const struct platform *platform,
			const struct transfer_progress *progress, struct error *err)
{
	cleanup_free char *familiar = reference_familiar_name(reference);
	cleanup_json json_t *request = registry_request_new(engine, "tags", reference);
	cleanup_json json_t *done = NULL;
	cleanup_string_list struct string_list tags = {0};
	bool is_newer = false;
	if (registry_request_send(request, NULL, &done, err) < 0)
		return -1;
	if (json_get_strings(done, "tags", &tags, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	if (tags.count == 0)
		return error_set(err, ERROR_NOT_FOUND, "no tags found for repository %s", familiar);
	for (size_t i = 0; i < tags.count; i++) {
		struct reference tagged = {.domain = reference->domain, .path = reference->path, .tag = tags.items[i]};
		struct pull_outcome outcome = {0};
		if (pull_one(engine, &tagged, platform, progress, &outcome, err) < 0)
			return -1;
		is_newer = is_newer || outcome.is_newer;
	}
	tell_status(progress, is_newer, familiar);
	return 0;
}

int image_pull_is_newer(struct engine *engine, const struct reference *reference, const struct image *image,
			const struct transfer_progress *progress, bool *ret_is_newer, struct error *err)
{
	cleanup_free char *familiar = reference_familiar_text(reference);
	cleanup_json json_t *request = registry_request_new(engine, "digest", reference);
	cleanup_json json_t *done = NULL;
	struct digest there, here = {0};
	struct image named;
	struct error ignored = {0};
	if (registry_request_send(request, NULL, &done, err) < 0)
		return -1;
	if (registry_answer_digest(done, "repository_digest", &there, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	image_find_reference(engine->store, reference, &named, &here, &ignored);
	*ret_is_newer = !digest_equal(&there, &here) && !digest_equal(&there, &image->manifest);
	if (*ret_is_newer)
		engine_report_line(progress ? &progress->report : NULL,
				   "The registry has a newer image for %s: %s there, %s here", familiar, there.text,
				   digest_is_set(&here) ? here.text : image->manifest.text);
	return 0;
}

void waiting_layers_add(struct waiting_layers *layers, const struct digest *diff_id,
			const struct layer_waiting *waiting)
{
	layers->items = reallocate_array(layers->items, layers->count + 1, sizeof *layers->items);
	layers->items[layers->count++] = (struct waiting_layer){*diff_id, *waiting};
}

void waiting_layers_release(struct waiting_layers *layers)
{
	free(layers->items);
	*layers = (struct waiting_layers){0};
}

static int read_waiting(const json_t *done, struct waiting_layers *waiting, struct error *err)
{
	json_t *array = NULL;
	if (json_get_array(done, "layers", &array, err) < 0)
		return -1;
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *item = json_array_get(array, i);
		struct layer_waiting layer = {0};
		struct digest diff_id;
		const char *name = NULL;
		if (json_get_string(item, "staging", &name, err) < 0 ||
		    json_get_boolean(item, "has_record", &layer.has_record, err) < 0 ||
		    registry_answer_digest(item, "diff_id", &diff_id, err) < 0)
			return -1;
		if (!name)
			continue;
		snprintf(layer.name, sizeof layer.name, "%s", name);
		waiting_layers_add(waiting, &diff_id, &layer);
	}
	return 0;
}

int image_pull_again(struct engine *engine, const struct reference *reference, const struct platform *platform,
		     const struct string_list *damaged, struct waiting_layers *waiting, struct error *err)
{
	cleanup_json json_t *request = pull_request(engine, reference, platform);
	cleanup_json json_t *done = NULL;
	struct pull_outcome outcome = {0};
	json_t *replaced = json_array();
	for (size_t i = 0; i < damaged->count; i++)
		json_array_append_new(replaced, json_string(damaged->items[i]));
	json_object_set_new(request, "replace", replaced);
	if (registry_request_send(request, NULL, &done, err) < 0)
		return -1;
	if (read_waiting(done, waiting, err) < 0)
		return error_wrap(err, "coracle-transfer's answer");
	return record_pull(engine, reference, done, &outcome, err);
}
