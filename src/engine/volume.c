#include "engine/volume.h"

#include <regex.h>
#include <string.h>

#include "engine/container_config.h"
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

static int may_remove(struct store *store, const char *name, void *context, struct error *err)
{
	(void)context;
	cleanup_string_list struct string_list users = {0};
	if (find_users(store, name, &users, err) < 0)
		return -1;
	if (users.count == 0)
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

/* KEY, or KEY=VALUE. */
static bool has_label(const struct volume_record *record, const char *wanted)
{
	size_t length = strcspn(wanted, "=");
	if (record->is_anonymous && strncmp(wanted, VOLUME_ANONYMOUS_LABEL, length) == 0 &&
	    length == strlen(VOLUME_ANONYMOUS_LABEL))
		return wanted[length] == '\0' || wanted[length + 1] == '\0';
	cleanup_free char *key = format_string("%.*s", (int)length, wanted);
	const char *value = string_list_get_key(&record->labels, key);
	return value && (wanted[length] == '\0' || strcmp(value, wanted + length + 1) == 0);
}

static int match_name(const char *name, const char *pattern, bool *ret_matches, struct error *err)
{
	regex_t expression;
	*ret_matches = strstr(name, pattern) != NULL;
	if (*ret_matches)
		return 0;
	if (regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) != 0)
		return error_set(err, ERROR_INVALID, "invalid filter 'name=[%s]'", pattern);
	*ret_matches = regexec(&expression, name, 0, NULL, 0) == 0;
	regfree(&expression);
	return 0;
}

static int parse_boolean(const char *filter, const char *value, bool *ret_value, struct error *err)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
	static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};
	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (strcmp(value, yes[i]) != 0 && strcmp(value, no[i]) != 0)
			continue;
		*ret_value = strcmp(value, yes[i]) == 0;
		return 0;
	}
	return error_set(err, ERROR_INVALID, "invalid filter '%s=[%s]'", filter, value);
}

/* The filters by their names, so that alternatives stand together. */
struct filters {
	struct string_list names, drivers, labels, without_labels;
	bool has_dangling, dangling, has_all, all;
};

static void filters_release(struct filters *filters)
{
	string_list_release(&filters->names);
	string_list_release(&filters->drivers);
	string_list_release(&filters->labels);
	string_list_release(&filters->without_labels);
}

static int parse_filter(const char *text, bool prune, struct filters *filters, struct error *err)
{
	const char *value = strchr(text, '=');
	if (!value)
		return error_set(err, ERROR_USAGE,
				 "invalid argument \"%s\" for \"--filter\" flag: bad format of filter (expected "
				 "name=value)",
				 text);
	cleanup_free char *name = format_string("%.*s", (int)(value - text), text);
	value++;
	bool *has = NULL, *flag = NULL;
	struct string_list *list = NULL;
	if (strcmp(name, "label") == 0) {
		list = &filters->labels;
	} else if (prune && strcmp(name, "label!") == 0) {
		list = &filters->without_labels;
	} else if (prune && strcmp(name, "all") == 0) {
		has = &filters->has_all;
		flag = &filters->all;
	} else if (!prune && strcmp(name, "name") == 0) {
		list = &filters->names;
	} else if (!prune && strcmp(name, "driver") == 0) {
		list = &filters->drivers;
	} else if (!prune && strcmp(name, "dangling") == 0) {
		has = &filters->has_dangling;
		flag = &filters->dangling;
	} else {
		return error_set(err, ERROR_INVALID, "invalid filter '%s'", name);
	}
	if (list) {
		string_list_add(list, value);
		return 0;
	}
	*has = true;
	return parse_boolean(name, value, flag, err);
}

static int parse_filters(const struct string_list *texts, bool prune, struct filters *filters, struct error *err)
{
	for (size_t i = 0; i < texts->count; i++)
		if (parse_filter(texts->items[i], prune, filters, err) < 0)
			return -1;
	return 0;
}

static int passes(struct engine *engine, const struct volume_record *record, const struct filters *filters,
		  bool *ret_passes, struct error *err)
{
	*ret_passes = false;
	if (filters->drivers.count && !string_list_contains(&filters->drivers, "local"))
		return 0;
	for (size_t i = 0; i < filters->labels.count; i++)
		if (!has_label(record, filters->labels.items[i]))
			return 0;
	for (size_t i = 0; i < filters->without_labels.count; i++)
		if (has_label(record, filters->without_labels.items[i]))
			return 0;
	bool is_named = filters->names.count == 0;
	for (size_t i = 0; i < filters->names.count && !is_named; i++)
		if (match_name(record->name, filters->names.items[i], &is_named, err) < 0)
			return -1;
	if (!is_named)
		return 0;
	if (filters->has_dangling) {
		cleanup_string_list struct string_list users = {0};
		if (find_users(engine->store, record->name, &users, err) < 0)
			return -1;
		if (filters->dangling != (users.count == 0))
			return 0;
	}
	*ret_passes = true;
	return 0;
}

static int list_passing(struct engine *engine, const struct filters *filters, struct volume_list *ret_list,
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

int volume_list_filtered(struct engine *engine, const struct string_list *texts, struct volume_list *ret_list,
			 struct error *err)
{
	CLEANUP(filters_release) struct filters filters = {0};
	if (parse_filters(texts, false, &filters, err) < 0)
		return -1;
	return list_passing(engine, &filters, ret_list, err);
}

int volume_prune(struct engine *engine, bool all, const struct string_list *texts, struct string_list *ret_names,
		 uint64_t *ret_bytes, struct error *err)
{
	CLEANUP(filters_release) struct filters filters = {0};
	cleanup_volume_list struct volume_list list = {0};
	cleanup_string_list struct string_list names = {0};
	uint64_t total = 0;
	if (parse_filters(texts, true, &filters, err) < 0)
		return -1;
	all = all || filters.all;
	if (list_passing(engine, &filters, &list, err) < 0)
		return -1;
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
