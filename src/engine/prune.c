#include "engine/prune.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "engine/build_cache_filter.h"
#include "engine/image_list.h"
#include "engine/list.h"
#include "engine/network_admin.h"
#include "engine/remove.h"
#include "engine/removed_logs.h"
#include "engine/volume.h"
#include "store/cache_mount.h"
#include "store/image_usage.h"

void prune_outcome_release(struct prune_outcome *outcome)
{
	string_list_release(&outcome->containers);
	string_list_release(&outcome->volumes);
	string_list_release(&outcome->networks);
	string_list_release(&outcome->images);
	string_list_release(&outcome->caches);
}

/* While a pull or build goes on elsewhere the bytes stay for the next time: nobody waits for them. */
static int collect(struct engine *engine,
		   int (*how)(struct store *store, struct store_collected *ret_collected, struct error *err),
		   uint64_t *bytes, struct error *err)
{
	struct store_collected collected = {0};
	if (how(engine->store, &collected, err) < 0) {
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
	}
	*bytes += collected.bytes;
	return 0;
}

int image_remove_named(struct engine *engine, const char *name, bool force, struct string_list *ret_lines,
		       struct error *err)
{
	uint64_t bytes = 0;
	if (image_remove(engine->store, name, force, ret_lines, err) < 0)
		return -1;
	return collect(engine, store_collect, &bytes, err);
}

/* Somebody else was quicker, in whichever direction. */
static bool is_passed_over(struct error *err)
{
	if (err->kind != ERROR_CONFLICT && err->kind != ERROR_NOT_FOUND)
		return false;
	error_clear(err);
	return true;
}

int container_prune(struct engine *engine, const struct string_list *filters, struct prune_outcome *outcome,
		    struct error *err)
{
	static const char *const known[] = {"label", "label!", "until", NULL};
	cleanup_container_views struct container_views views = {0};
	nanoseconds until;
	if (filter_check_names(filters, known, err) < 0 || filter_until(filters, time_now(), &until, err) < 0 ||
	    container_view_list(engine, true, &views, err) < 0)
		return -1;
	for (size_t i = 0; i < views.count; i++) {
		const struct container_view *view = &views.items[i];
		if (container_state_is_active(&view->state) || (until && view->record.created > until) ||
		    !filter_match_labels(filters, &view->config.labels))
			continue;
		uint64_t bytes, total;
		if (container_view_sizes(engine, view, &bytes, &total, err) < 0)
			return -1;
		if (container_remove_named(engine, view->record.id, false, true, err) < 0) {
			if (!is_passed_over(err))
				return -1;
			continue;
		}
		string_list_add(&outcome->containers, view->record.id);
		outcome->bytes += bytes;
	}
	return 0;
}

/* Takes one reference away, or the image where it has none. Docker's prune writes its lines small. */
static int prune_tag(struct engine *engine, const struct image_tag *tag, struct prune_outcome *outcome,
		     struct error *err)
{
	cleanup_string_list struct string_list lines = {0};
	cleanup_free char *name = tag->tag    ? format_string("%s:%s", tag->name, tag->tag)
				  : tag->name ? format_string("%s@%s", tag->name, tag->repository_digest.text)
					      : duplicate_string(tag->image.id.text);
	if (image_remove(engine->store, name, false, &lines, err) < 0)
		return is_passed_over(err) ? 0 : -1;
	for (size_t i = 0; i < lines.count; i++) {
		lines.items[i][0] = (char)tolower((unsigned char)lines.items[i][0]);
		string_list_add(&outcome->images, lines.items[i]);
	}
	return 0;
}

static int remove_images(struct engine *engine, bool all, const struct string_list *filters,
			 struct prune_outcome *outcome, struct error *err)
{
	static const char *const known[] = {"dangling", "label", "label!", "until", NULL};
	cleanup_image_list struct image_list list = {0};
	cleanup_image_usages struct image_usages usages = {0};
	bool dangling = !all;
	if (filter_check_names(filters, known, err) < 0 || filter_flag(filters, "dangling", &dangling, err) < 0)
		return -1;
	/* The list knows another "dangling": one that is told here is resolved above. */
	cleanup_string_list struct string_list others = {0};
	for (size_t i = 0; i < filters->count; i++)
		if (!filter_value(filters->items[i], "dangling"))
			string_list_add(&others, filters->items[i]);
	if (dangling)
		string_list_add(&others, "dangling=true");
	if (image_list_filtered(engine, &others, &list, err) < 0 || image_usage_list(engine->store, &usages, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		const struct image_tag *tag = &list.items[i];
		const struct image_usage *usage = image_usage_find(&usages, &tag->image.id);
		if (usage && usage->containers)
			continue;
		if (prune_tag(engine, tag, outcome, err) < 0)
			return -1;
	}
	return 0;
}

int image_prune(struct engine *engine, bool all, const struct string_list *filters, struct prune_outcome *outcome,
		struct error *err)
{
	if (remove_images(engine, all, filters, outcome, err) < 0)
		return -1;
	return collect(engine, store_collect, &outcome->bytes, err);
}

/* As BuildKit reckons: the smaller of the two limits, and never less than what is reserved. 0: all may go. */
static uint64_t bytes_to_keep(const struct builder_prune_options *options, uint64_t total, uint64_t bytes_free)
{
	uint64_t keep = options->keep;
	if (options->free) {
		uint64_t excess = options->free > bytes_free ? options->free - bytes_free : 0;
		uint64_t left = total > excess ? total - excess : 1;
		keep = !keep || left < keep ? left : keep;
	}
	return keep > options->reserved ? keep : options->reserved;
}

/* The least recently used first, until what is left is small enough. A mount is nobody's but its own. */
static void choose_caches(const struct build_cache_list *list, const struct builder_prune_options *options,
			  uint64_t bytes_free, const struct build_cache_filter *filter, bool *chosen)
{
	uint64_t left = 0;
	for (size_t i = 0; i < list->count; i++)
		left += build_cache_own_bytes(&list->items[i]);
	uint64_t keep = bytes_to_keep(options, left, bytes_free);
	for (size_t i = 0; i < list->count; i++) {
		const struct build_cache_row *row = &list->items[i];
		bool is_dangling = row->is_mount || (digest_is_set(&row->entry.diff_id) && !row->is_in_image);
		if ((!options->all && !is_dangling) || !build_cache_filter_keeps(filter, row))
			continue;
		if (keep && left <= keep)
			return;
		chosen[i] = true;
		left -= build_cache_own_bytes(row);
	}
}

/* One that a step uses now stays. */
static int remove_mounts(struct engine *engine, const struct build_cache_list *list, bool *chosen, uint64_t *bytes,
			 struct error *err)
{
	for (size_t i = 0; i < list->count; i++) {
		if (!chosen[i] || !list->items[i].is_mount)
			continue;
		if (cache_mount_remove(engine->store, &list->items[i].key, err) == 0) {
			*bytes += list->items[i].entry.size;
			continue;
		}
		if (!is_passed_over(err))
			return -1;
		chosen[i] = false;
	}
	return 0;
}

static int forget_caches(struct engine *engine, const struct builder_prune_options *options,
			 struct prune_outcome *outcome, struct error *err)
{
	cleanup_build_cache_list struct build_cache_list list = {0};
	cleanup_string_list struct string_list keys = {0};
	struct build_cache_filter filter;
	struct statvfs disk;
	if (build_cache_rows(engine, options->filters, &list, &filter, err) < 0)
		return -1;
	if (fstatvfs(engine->store->root_fd, &disk) < 0)
		return error_set_errno(err, errno, "ask what the file system has free");
	if (!filter.until)
		filter.until = options->until;
	cleanup_free bool *chosen = allocate_array(list.count + 1, sizeof *chosen);
	choose_caches(&list, options, (uint64_t)disk.f_bavail * disk.f_frsize, &filter, chosen);
	for (size_t i = 0; i < list.count; i++)
		if (chosen[i] && !list.items[i].is_mount)
			string_list_add(&keys, list.items[i].key.text);
	if ((keys.count && build_cache_remove(engine->store, &keys, err) < 0) ||
	    remove_mounts(engine, &list, chosen, &outcome->bytes, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (chosen[i])
			string_list_add_format(&outcome->caches, "%.25s", digest_hex(&list.items[i].key));
	return 0;
}

int builder_prune(struct engine *engine, const struct builder_prune_options *options, struct prune_outcome *outcome,
		  struct error *err)
{
	if (forget_caches(engine, options, outcome, err) < 0)
		return -1;
	return collect(engine, store_collect, &outcome->bytes, err);
}

int system_prune(struct engine *engine, const struct system_prune_options *options, struct prune_outcome *outcome,
		 struct error *err)
{
	const struct string_list *filters = options->filters;
	struct builder_prune_options cache = {.all = options->all, .filters = filters};
	uint64_t volumes = 0;
	if (container_prune(engine, filters, outcome, err) < 0 ||
	    network_prune(engine, filters, &outcome->networks, err) < 0)
		return -1;
	if (options->volumes && volume_prune(engine, false, filters, &outcome->volumes, &volumes, err) < 0)
		return -1;
	outcome->bytes += volumes;
	/* Entries of the build cache have no labels that could be asked for. */
	bool has_labels = filter_is_set(filters, "label") || filter_is_set(filters, "label!");
	if (remove_images(engine, options->all, filters, outcome, err) < 0 ||
	    (!has_labels && forget_caches(engine, &cache, outcome, err) < 0))
		return -1;
	nanoseconds until;
	if (!has_labels && (filter_until(filters, time_now(), &until, err) < 0 ||
			    removed_logs_prune(engine, until ? until : INT64_MAX, &outcome->bytes, err) < 0))
		return -1;
	return collect(engine, store_collect_all, &outcome->bytes, err);
}
