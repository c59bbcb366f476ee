#include "engine/volume.h"

#include <stdio.h>
#include <string.h>

#include "engine/container_config.h"
#include "engine/filter.h"
#include "store/container.h"

/* The ids of containers that name the volume, running or not. */
static int find_users(struct store *store, const char *name, struct string_list *users, struct error *err)
{
	cleanup_container_list struct container_list list = {0};
	if (container_list(store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++) {
		cleanup_container_config struct container_config config;
		container_config_init(&config);
		if (container_config_from_json(list.items[i].config, &config, err) < 0)
			return -1;
		for (size_t j = 0; j < config.mount_count; j++) {
			if (config.mounts[j].kind != CONTAINER_MOUNT_VOLUME ||
			    strcmp(config.mounts[j].source, name) != 0)
				continue;
			string_list_add(users, list.items[i].id);
			break;
		}
	}
	return 0;
}

/* context: the id of a container that does not count, or NULL. */
static int may_remove(struct store *store, const char *name, void *context, struct error *err)
{
	cleanup_string_list struct string_list users = {0};
	if (find_users(store, name, &users, err) < 0)
		return -1;
	if (users.count == 0 || (context && users.count == 1 && strcmp(users.items[0], context) == 0))
		return 0;
	cleanup_free char *ids = string_list_join(&users, ", ");
	return error_set(err, ERROR_CONFLICT, "remove %s: volume is in use - [%s]", name, ids);
}

int volume_remove_unused(struct engine *engine, const char *name, bool force, struct error *err)
{
	if (volume_remove(engine->store, name, may_remove, NULL, err) == 0)
		return 0;
	if (!force || err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return 0;
}

int volume_remove_of(struct engine *engine, const char *container_id, struct error *err)
{
	char id[CONTAINER_ID_SIZE];
	snprintf(id, sizeof id, "%s", container_id);
	return volume_remove_anonymous(engine->store, id, may_remove, id, err);
}

/* Its labels with the one that marks an anonymous volume. */
static bool match_labels(const struct volume_record *record, const struct string_list *filters)
{
	if (!record->is_anonymous)
		return filter_match_labels(filters, &record->labels);
	cleanup_string_list struct string_list labels = {0};
	string_list_copy(&labels, &record->labels);
	string_list_set_key(&labels, VOLUME_ANONYMOUS_LABEL, "");
	return filter_match_labels(filters, &labels);
}

static int passes(struct engine *engine, const struct volume_record *record, const struct string_list *filters,
		  bool *ret_passes, struct error *err)
{
	bool dangling = false;
	*ret_passes = false;
	if (filter_flag(filters, "dangling", &dangling, err) < 0)
		return -1;
	if (!filter_match_text(filters, "name", record->name) || !match_labels(record, filters) ||
	    (filter_is_set(filters, "driver") && !string_list_contains(filters, "driver=local")))
		return 0;
	if (filter_is_set(filters, "dangling")) {
		cleanup_string_list struct string_list users = {0};
		if (find_users(engine->store, record->name, &users, err) < 0)
			return -1;
		if (dangling != (users.count == 0))
			return 0;
	}
	*ret_passes = true;
	return 0;
}

static int list_passing(struct engine *engine, const struct string_list *filters, struct volume_list *ret_list,
			struct error *err)
{
	cleanup_volume_list struct volume_list list = {0};
	if (volume_list(engine->store, &list, err) < 0)
		return -1;
	size_t kept = 0;
	for (size_t i = 0; i < list.count; i++) {
		bool is_wanted;
		if (passes(engine, &list.items[i], filters, &is_wanted, err) < 0)
			return -1;
		if (!is_wanted)
			continue;
		struct volume_record moved = list.items[kept];
		list.items[kept++] = list.items[i];
		list.items[i] = moved;
	}
	for (size_t i = kept; i < list.count; i++)
		volume_record_release(&list.items[i]);
	list.count = kept;
	*ret_list = list;
	list = (struct volume_list){0};
	return 0;
}

int volume_list_filtered(struct engine *engine, const struct string_list *filters, struct volume_list *ret_list,
			 struct error *err)
{
	static const char *const known[] = {"dangling", "driver", "label", "name", NULL};
	bool ignored = false;
	/* Also where there is no volume to try them on. */
	if (filter_check_names(filters, known, err) < 0 || filter_flag(filters, "dangling", &ignored, err) < 0)
		return -1;
	return list_passing(engine, filters, ret_list, err);
}

int volume_prune(struct engine *engine, bool all, const struct string_list *filters, struct string_list *ret_names,
		 uint64_t *ret_bytes, struct error *err)
{
	static const char *const known[] = {"all", "label", "label!", NULL};
	cleanup_volume_list struct volume_list list = {0};
	cleanup_string_list struct string_list names = {0};
	uint64_t total = 0;
	bool by_filter = false;
	if (filter_check_names(filters, known, err) < 0 || filter_flag(filters, "all", &by_filter, err) < 0 ||
	    list_passing(engine, filters, &list, err) < 0)
		return -1;
	all = all || by_filter;
	for (size_t i = 0; i < list.count; i++) {
		const char *name = list.items[i].name;
		uint64_t bytes = 0;
		if (!all && !list.items[i].is_anonymous)
			continue;
		/* A size that cannot be told is no reason to keep it. */
		if (volume_size(engine->store, name, &bytes, err) < 0)
			error_clear(err);
		if (volume_remove(engine->store, name, may_remove, NULL, err) < 0) {
			/* In use, or removed since the list was read. */
			if (err->kind != ERROR_CONFLICT && err->kind != ERROR_NOT_FOUND)
				return -1;
			error_clear(err);
			continue;
		}
		string_list_add(&names, name);
		total += bytes;
	}
	*ret_names = names;
	names = (struct string_list){0};
	*ret_bytes = total;
	return 0;
}
