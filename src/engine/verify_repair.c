/*
 * The repair, in two steps. What replaces the bad layers is made or pulled first, with the content lock shared, so that
 * nobody waits for a registry; then, with the lock for ourselves and no container on them, they are exchanged. Between
 * the two a collector may have its turn and take away what waits: then all is made once more.
 */
#include <string.h>
#include <unistd.h>

#include "engine/pull.h"
#include "engine/verify_internal.h"

#define ATTEMPTS 3

/* Nobody's root file system is taken from under him. */
static int check_unused(struct verify *verify, struct error *err)
{
	cleanup_container_views struct container_views views = {0};
	if (container_view_list(verify->engine, false, &views, err) < 0)
		return -1;
	for (size_t i = 0; i < views.count; i++) {
		const struct container_view *view = &views.items[i];
		for (size_t j = 0; j < view->config.layers.count; j++)
			if (string_list_contains(&verify->bad_layers, view->config.layers.items[j]))
				return error_set(err, ERROR_CONFLICT,
						 "container %s runs on layer %s, which has to be made again; stop it "
						 "first",
						 view->record.name, view->config.layers.items[j]);
	}
	return 0;
}

/* One that the pull has brought anew stays. */
static int remove_blob(struct verify *verify, const struct digest *digest, struct error *err)
{
	struct blob_store *blobs = verify->engine->store->blobs;
	struct error why = {0};
	if (!string_list_contains(&verify->bad_blobs, digest->text) || verify_hash_blob(verify, digest, &why) == 0)
		return 0;
	error_clear(&why);
	if (blobs->operations->remove(blobs, digest, &why) == 0 || why.kind == ERROR_NOT_FOUND)
		return 0;
	*err = why;
	return -1;
}

/* A layer from its good blob, without any registry. */
static int remake_layer(struct verify *verify, const struct image_layer *layer, struct waiting_layers *waiting,
			struct error *err)
{
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	struct layer_waiting made;
	if (verify_unpack_again(verify, layer, &staging, err) < 0 || layer_staging_leave(&staging, &made, err) < 0)
		return -1;
	waiting_layers_add(waiting, &layer->diff_id, &made);
	engine_report_line(verify->report, "repair: layer %s from its blob", layer->diff_id.text);
	return 0;
}

/* Those that can be made again here are; ret_damaged gets the diff ids of the others. */
static int remake_layers(struct verify *verify, const struct image_layer *layers, size_t count,
			 struct waiting_layers *waiting, struct string_list *ret_damaged, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const char *diff_id = layers[i].diff_id.text;
		if (!string_list_contains(&verify->bad_layers, diff_id))
			continue;
		if (!verify_has_good_blob(verify, &layers[i]))
			string_list_add_once(ret_damaged, diff_id);
		else if (remake_layer(verify, &layers[i], waiting, err) < 0)
			return -1;
	}
	return 0;
}

/* The very manifest that was pulled or pushed, by its digest. */
static int pull_again(struct verify *verify, const struct image_tag *item, const struct string_list *damaged,
		      struct waiting_layers *waiting, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	cleanup_image_config struct image_config config = {0};
	struct error ignored = {0};
	cleanup_free char *text = format_string("%s@%s", item->name, item->repository_digest.text);
	bool has_platform = image_read_config(verify->engine->store, &item->image, &config, &ignored) == 0;
	if (reference_parse(text, &reference, err) < 0)
		return -1;
	engine_report_line(verify->report, "repair: pull %s", text);
	return image_pull_again(verify->engine, &reference, has_platform ? &config.platform : NULL, damaged, waiting,
				err);
}

/* ret_is_pulled: what the registry has is here. Where it is not, a line says why, and what waits is of use all the
 * same.
 */
static int prepare(struct verify *verify, const struct image_tag *item, const struct image_layer *layers, size_t count,
		   struct waiting_layers *waiting, bool *ret_is_pulled, struct error *err)
{
	cleanup_string_list struct string_list damaged = {0};
	struct error why = {0};
	const char *id = item->image.id.text;
	if (remake_layers(verify, layers, count, waiting, &damaged, err) < 0)
		return -1;
	*ret_is_pulled = false;
	if (!item->name || !digest_is_set(&item->repository_digest)) {
		engine_report_line(verify->report, "repair: image %s: no registry is known to have it", id);
		return 0;
	}
	if (pull_again(verify, item, &damaged, waiting, &why) < 0)
		engine_report_line(verify->report, "repair: image %s: %s", id, why.message);
	else
		*ret_is_pulled = true;
	return 0;
}

/* ERROR_NOT_FOUND: a collector was here. */
static int exchange_layers(struct verify *verify, const struct waiting_layers *waiting, struct error *err)
{
	for (size_t i = 0; i < waiting->count; i++) {
		cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
		if (layer_staging_take(verify->engine->store->root_fd, &waiting->items[i].waiting, &staging, err) < 0 ||
		    layer_staging_replace(&staging, &waiting->items[i].diff_id, err) < 0)
			return -1;
	}
	return 0;
}

/* With the content lock for ourselves: nobody uses a layer or a blob that is exchanged. */
static int exchange(struct verify *verify, const struct image_layer *layers, size_t count,
		    const struct waiting_layers *waiting, bool is_pulled, struct error *err)
{
	cleanup_close int lock = -1;
	if (store_lock_content(verify->engine->store, STORE_LOCK_EXCLUSIVE, &lock, err) < 0 ||
	    check_unused(verify, err) < 0 || exchange_layers(verify, waiting, err) < 0)
		return -1;
	/* A pulled layer needs no blob; a registry is known to have it. */
	for (size_t i = 0; is_pulled && i < count; i++)
		if (remove_blob(verify, &layers[i].blob.digest, err) < 0)
			return -1;
	return 0;
}

/* What was not put in place. */
static void drop_waiting(struct verify *verify, const struct waiting_layers *waiting)
{
	for (size_t i = 0; i < waiting->count; i++) {
		cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
		layer_staging_take(verify->engine->store->root_fd, &waiting->items[i].waiting, &staging, NULL);
	}
}

static int repair_once(struct verify *verify, const struct image_tag *item, const struct image_layer *layers,
		       size_t count, struct error *err)
{
	cleanup_waiting_layers struct waiting_layers waiting = {0};
	cleanup_close int lock = -1;
	bool is_pulled;
	if (store_lock_content(verify->engine->store, STORE_LOCK_SHARED, &lock, err) < 0)
		return -1;
	int outcome = prepare(verify, item, layers, count, &waiting, &is_pulled, err);
	close(steal_fd(&lock));
	if (outcome == 0)
		outcome = exchange(verify, layers, count, &waiting, is_pulled, err);
	if (outcome < 0)
		drop_waiting(verify, &waiting);
	return outcome;
}

static const struct image_tag *find_item(const struct image_list *list, const char *id)
{
	const struct image_tag *item = NULL;
	for (size_t i = 0; i < list->count; i++)
		if (strcmp(list->items[i].image.id.text, id) == 0 &&
		    (!item || digest_is_set(&list->items[i].repository_digest)))
			item = &list->items[i];
	return item;
}

static int repair_image(struct verify *verify, const char *id, const struct image_list *list, struct error *err)
{
	struct image_layer *layers = NULL;
	size_t count = 0;
	const struct image_tag *item = find_item(list, id);
	if (!item)
		return 0;
	if (check_unused(verify, err) < 0 ||
	    image_layers(verify->engine->store, &item->image.id, &layers, &count, err) < 0)
		return -1;
	int outcome = -1;
	for (int attempt = 1; attempt <= ATTEMPTS; attempt++) {
		error_clear(err);
		outcome = repair_once(verify, item, layers, count, err);
		if (outcome == 0 || err->kind != ERROR_NOT_FOUND)
			break;
	}
	image_layers_free(layers, count);
	return outcome;
}

int verify_repair(struct verify *verify, struct error *err)
{
	cleanup_image_list struct image_list list = {0};
	if (image_list(verify->engine->store, NULL, &list, err) < 0)
		return error_wrap(err, "repair");
	for (size_t i = 0; i < verify->bad_images.count; i++)
		if (repair_image(verify, verify->bad_images.items[i], &list, err) < 0)
			return error_wrap(err, "repair image %s", verify->bad_images.items[i]);
	return 0;
}
