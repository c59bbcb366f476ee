#include "engine/commit.h"

#include <string.h>
#include <unistd.h>

#include "archive/layer.h"
#include "engine/container_config.h"
#include "engine/container_diff.h"
#include "engine/events.h"
#include "engine/freeze.h"
#include "engine/image_change.h"
#include "engine/import.h"
#include "engine/pack_pipe.h"
#include "engine/state.h"
#include "oci/media_type.h"

#define ANONYMOUS_NAME_DIGITS 64

/* The image that comes about. */
struct commit {
	struct engine *engine;
	const struct commit_options *options;
	struct container_record record;
	struct container_config container;
	struct image_config config;
	struct image_layer *layers; /* of the container's image */
	size_t layer_count;
};

static void commit_release(struct commit *commit)
{
	container_record_release(&commit->record);
	container_config_release(&commit->container);
	image_config_release(&commit->config);
	image_layers_free(commit->layers, commit->layer_count);
}

/* Volumes that have no name of their own are the image's, or of `-v /folder`, which Docker does not tell apart. */
static void add_volumes(const struct container_config *container, struct image_config *config)
{
	for (size_t i = 0; i < container->mount_count; i++) {
		const struct container_mount *mount = &container->mounts[i];
		if (mount->kind == CONTAINER_MOUNT_VOLUME && strlen(mount->source) == ANONYMOUS_NAME_DIGITS &&
		    strspn(mount->source, "0123456789abcdef") == ANONYMOUS_NAME_DIGITS)
			image_config_add_sorted(&config->volumes, mount->target);
	}
}

static void fill_config(struct commit *commit)
{
	const struct container_config *container = &commit->container;
	struct image_config *config = &commit->config;
	replace_string(&config->user, duplicate_string(container->user));
	replace_string(&config->working_directory, duplicate_string(container->working_directory));
	replace_string(&config->stop_signal, duplicate_string(container->stop_signal));
	string_list_copy(&config->environment, &container->environment);
	string_list_copy(&config->entrypoint, &container->entrypoint);
	string_list_copy(&config->command, &container->command);
	string_list_copy(&config->exposed_ports, &container->exposed_ports);
	string_list_copy(&config->shell, &container->shell);
	string_list_release(&config->labels);
	for (size_t i = 0; i < container->labels.count; i++)
		image_config_add_sorted(&config->labels, container->labels.items[i]);
	/* It has triggered already. */
	string_list_release(&config->on_build);
	config->has_entrypoint = container->entrypoint.count > 0;
	config->has_command = container->command.count > 0;
	json_decref(config->healthcheck);
	config->healthcheck = json_deep_copy(container->healthcheck);
	add_volumes(container, config);
	if (commit->options->author)
		replace_string(&config->author, duplicate_string(commit->options->author));
}

static int prepare(struct commit *commit, struct error *err)
{
	struct image image;
	const struct digest *id = &commit->record.image;
	if (!id->text[0] || image_find(commit->engine->store, id->text, &image, err) < 0)
		return error_set(err, ERROR_NOT_FOUND,
				 "the image of container %.12s is not here any more; export and import give an image "
				 "without it",
				 commit->record.id);
	if (image_read_config(commit->engine->store, &image, &commit->config, err) < 0 ||
	    image_layers(commit->engine->store, id, &commit->layers, &commit->layer_count, err) < 0)
		return -1;
	fill_config(commit);
	/* A change that makes no sense is told before the container stands still. */
	return image_change_apply(&commit->config, &commit->options->changes, err);
}

static int pack_written(const void *context, const struct sink *tar, struct error *err)
{
	const struct layer_diff_options form = {
		.form = LAYER_FORM_DIFF, .owner = LAYER_OWNER_KEEP, .excludes = container_is_stub};
	return layer_diff(*(const int *)context, &form, tar, NULL, err);
}

/* *ret_entries is 0 where it wrote nothing. */
static int make_layer(struct commit *commit, struct image_layer *ret_layer, uint64_t *ret_entries, struct error *err)
{
	cleanup_close int written = container_open_written(commit->engine, commit->record.id);
	struct pack_pipe pipe;
	*ret_entries = 0;
	if (written < 0)
		return 0;
	if (pack_pipe_start(pack_written, &written, &pipe, err) < 0)
		return -1;
	const struct source tar = source_from_fd(&pipe.fd);
	int result = image_import_layer(commit->engine, &tar, ret_layer, ret_entries, err);
	return pack_pipe_finish(&pipe, result, err);
}

static int freeze_and_make_layer(struct commit *commit, struct image_layer *ret_layer, uint64_t *ret_entries,
				 struct error *err)
{
	cleanup_container_freeze struct container_freeze freeze = CONTAINER_FREEZE_INIT;
	struct container_state state;
	if (container_state_read(commit->engine, &commit->record, &state, err) < 0)
		return -1;
	if (commit->options->pause && state.status == CONTAINER_RUNNING && !state.is_paused &&
	    container_freeze_begin(&commit->record, &freeze, err) < 0) {
		/* It has ended meanwhile. */
		if (err->kind != ERROR_NOT_FOUND)
			return error_wrap(err, "cannot pause container %s (--pause=false commits without)",
					  commit->record.id);
		error_clear(err);
	}
	return make_layer(commit, ret_layer, ret_entries, err);
}

static int write_documents(struct commit *commit, struct digest *ret_manifest, struct error *err)
{
	struct blob_store *blobs = commit->engine->store->blobs;
	cleanup_free char *config = image_config_serialize(&commit->config);
	struct descriptor *layers = allocate_array(commit->layer_count + 1, sizeof *layers);
	for (size_t i = 0; i < commit->layer_count; i++)
		layers[i] = commit->layers[i].blob;
	struct manifest manifest = {
		.media_type = (char *)MEDIA_TYPE_OCI_MANIFEST,
		.config = {.media_type = (char *)MEDIA_TYPE_OCI_CONFIG, .size = strlen(config)},
		.layers = layers,
		.layer_count = commit->layer_count,
	};
	int result = blob_write(blobs, config, strlen(config), &manifest.config.digest, err);
	cleanup_free char *text = result == 0 ? manifest_serialize(&manifest) : NULL;
	if (text)
		result = blob_write(blobs, text, strlen(text), ret_manifest, err);
	free(layers);
	return result;
}

static void add_history(struct commit *commit, bool is_empty)
{
	char now[TIME_TEXT_SIZE];
	cleanup_free char *command = string_list_join(&commit->container.command, " ");
	time_format_rfc3339(time_now(), now);
	replace_string(&commit->config.created, duplicate_string(now));
	image_config_add_history(&commit->config, now, command, commit->options->message, is_empty);
}

static int commit_found(struct commit *commit, struct image *ret_image, struct error *err)
{
	struct image_layer layer = {0};
	struct digest manifest;
	uint64_t entries;
	cleanup_close int lock = -1;
	if (container_config_from_json(commit->record.config, &commit->container, err) < 0 ||
	    store_lock_content(commit->engine->store, STORE_LOCK_SHARED, &lock, err) < 0 || prepare(commit, err) < 0 ||
	    freeze_and_make_layer(commit, &layer, &entries, err) < 0)
		return -1;
	if (entries > 0) {
		commit->layers = reallocate_array(commit->layers, commit->layer_count + 1, sizeof *commit->layers);
		layer.blob.media_type = duplicate_string(layer.blob.media_type);
		commit->layers[commit->layer_count++] = layer;
		image_config_add_diff_id(&commit->config, &layer.diff_id);
	}
	add_history(commit, entries == 0);
	return write_documents(commit, &manifest, err) < 0 ||
			       image_put(commit->engine->store, &manifest, commit->layers, commit->layer_count,
					 commit->options->tag, NULL, ret_image, err) < 0
		       ? -1
		       : 0;
}

int container_commit(struct engine *engine, const char *name, const struct commit_options *options,
		     struct image *ret_image, struct error *err)
{
	CLEANUP(commit_release) struct commit commit = {.engine = engine, .options = options};
	/* What killed commands have begun; not while another one adds something. */
	struct error ignored = {0};
	store_collect_staging(engine->store, &ignored);
	container_config_init(&commit.container);
	if (container_find(engine->store, name, &commit.record, err) < 0)
		return -1;
	if (commit_found(&commit, ret_image, err) < 0)
		return error_wrap(err, "commit %s", name);
	cleanup_free char *tag = options->tag ? reference_text(options->tag) : NULL;
	event_container(engine, &commit.record, "commit",
			json_pack("{s:s, s:s*}", "imageID", ret_image->id.text, "imageRef", tag));
	return 0;
}
