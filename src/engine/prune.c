#include "engine/prune.h"

#include "engine/list.h"
#include "engine/remove.h"
#include "store/build_cache.h"
#include "store/image.h"

void prune_outcome_release(struct prune_outcome *outcome)
{
	string_list_release(&outcome->containers);
	string_list_release(&outcome->images);
}

/* While a pull or build goes on elsewhere the bytes stay for the next time: nobody waits for them. */
static int collect(struct engine *engine,
		   int (*how)(struct store *store, struct store_collected *ret_collected, struct error *err),
		   uint64_t *ret_bytes, struct error *err)
{
	struct store_collected collected = {0};
	if (how(engine->store, &collected, err) < 0) {
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
	}
	*ret_bytes = collected.bytes;
	return 0;
}

int image_remove_named(struct engine *engine, const char *name, bool force, struct string_list *ret_lines,
		       struct error *err)
{
	uint64_t bytes;
	if (image_remove(engine->store, name, force, ret_lines, err) < 0)
		return -1;
	return collect(engine, store_collect, &bytes, err);
}

static int prune_containers(struct engine *engine, struct prune_outcome *outcome, struct error *err)
{
	cleanup_container_views struct container_views views = {0};
	if (container_view_list(engine, true, &views, err) < 0)
		return -1;
	for (size_t i = 0; i < views.count; i++) {
		const struct container_view *view = &views.items[i];
		if (view->state.status == CONTAINER_RUNNING)
			continue;
		if (container_remove_named(engine, view->record.id, false, true, err) < 0) {
			/* Started, or removed, since the list was read. */
			if (err->kind != ERROR_CONFLICT && err->kind != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
			continue;
		}
		string_list_add(&outcome->containers, view->record.id);
	}
	return 0;
}

static int prune_images(struct engine *engine, bool all, struct prune_outcome *outcome, struct error *err)
{
	cleanup_image_list struct image_list list = {0};
	if (image_list(engine->store, NULL, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct image_tag *tag = &list.items[i];
		if (!all && tag->tag)
			continue;
		cleanup_string_list struct string_list lines = {0};
		cleanup_free char *name =
			tag->tag ? format_string("%s:%s", tag->name, tag->tag) : duplicate_string(tag->image.id.text);
		if (image_remove(engine->store, name, false, &lines, err) < 0) {
			/* A container uses it, or it has gone with an earlier one. */
			if (err->kind != ERROR_CONFLICT && err->kind != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
			continue;
		}
		for (size_t j = 0; j < lines.count; j++)
			string_list_add(&outcome->images, lines.items[j]);
	}
	return 0;
}

int container_prune(struct engine *engine, struct prune_outcome *ret_outcome, struct error *err)
{
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	if (prune_containers(engine, &outcome, err) < 0)
		return -1;
	*ret_outcome = outcome;
	outcome = (struct prune_outcome){0};
	return 0;
}

int system_prune(struct engine *engine, bool all, struct prune_outcome *ret_outcome, struct error *err)
{
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	if (prune_containers(engine, &outcome, err) < 0 || prune_images(engine, all, &outcome, err) < 0 ||
	    (all && build_cache_clear(engine->store, err) < 0) ||
	    collect(engine, store_collect_all, &outcome.bytes, err) < 0)
		return -1;
	*ret_outcome = outcome;
	outcome = (struct prune_outcome){0};
	return 0;
}
