#include "engine/events.h"

#include <string.h>

#include "engine/filter.h"
#include "store/image.h"

static void add_labels(json_t *attributes, const json_t *config)
{
	size_t index;
	const json_t *item;
	json_array_foreach(json_object_get(config, "labels"), index, item)
	{
		const char *text = json_string_value(item);
		const char *equals = text ? strchr(text, '=') : NULL;
		if (!equals)
			continue;
		cleanup_free char *key = format_string("%.*s", (int)(equals - text), text);
		json_object_set_new(attributes, key, json_string_nocheck(equals + 1));
	}
}

void event_container(struct engine *engine, const struct container_record *record, const char *action, json_t *more)
{
	json_t *attributes = json_object();
	add_labels(attributes, record->config);
	if (more)
		json_object_update(attributes, more);
	json_decref(more);
	json_object_set_new(attributes, "image", json_string(record->image_name));
	json_object_set_new(attributes, "name", json_string(record->name));
	event_add(engine->store, "container", action, record->id, attributes);
}

void event_image(struct engine *engine, const char *action, const char *id, const char *name)
{
	event_add(engine->store, "image", action, id, name ? json_pack("{s:s}", "name", name) : NULL);
}

int image_tag_named(struct engine *engine, const char *source, const char *target, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	struct image image;
	if (reference_parse(target, &reference, err) < 0)
		return error_wrap(err, "error parsing reference: \"%s\" is not a valid repository/tag", target);
	if (digest_is_set(&reference.digest))
		return error_set(err, ERROR_INVALID, "refusing to create a tag with a digest reference");
	if (image_find(engine->store, source, &image, err) < 0 ||
	    image_tag_set(engine->store, &reference, &image.id, NULL, err) < 0)
		return -1;
	cleanup_free char *name = reference_familiar_text(&reference);
	event_image(engine, "tag", image.id.text, name);
	return 0;
}

static const char *member(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));
	return text ? text : "";
}

/* "exec_create" is asked for by "exec_create: sh" too, as Docker has it. */
static bool action_matches(const char *action, const char *wanted)
{
	size_t length = strlen(wanted);
	return strncmp(action, wanted, length) == 0 && (action[length] == '\0' || action[length] == ':');
}

/* An object's id, its beginning, or its name. */
static bool object_matches(const json_t *event, const char *type, const char *wanted)
{
	const json_t *actor = json_object_get(event, "Actor");
	const json_t *attributes = json_object_get(actor, "Attributes");
	if (strcmp(type, "image") == 0) {
		/* Also of the containers that are of it. */
		bool is_image = strcmp(member(event, "Type"), "image") == 0;
		const char *name = is_image ? member(attributes, "name") : member(attributes, "image");
		const char *id = is_image ? member(actor, "ID") : "";
		size_t length = strlen(wanted);
		return strcmp(id, wanted) == 0 || strcmp(name, wanted) == 0 ||
		       (length && !strchr(wanted, ':') &&
			((strncmp(name, wanted, length) == 0 && name[length] == ':') ||
			 (strncmp(id, wanted, length) == 0 && id[length] == ':')));
	}
	if (strcmp(member(event, "Type"), type) != 0)
		return false;
	const char *id = member(actor, "ID");
	return strcmp(member(attributes, "name"), wanted) == 0 || (*wanted && strncmp(id, wanted, strlen(wanted)) == 0);
}

static bool value_matches(const json_t *event, const char *name, const char *value)
{
	if (strcmp(name, "type") == 0)
		return strcmp(member(event, "Type"), value) == 0;
	if (strcmp(name, "event") == 0)
		return action_matches(member(event, "Action"), value);
	if (strcmp(name, "scope") == 0)
		return strcmp(member(event, "scope"), value) == 0;
	return object_matches(event, name, value);
}

static bool labels_match(const json_t *event, const struct string_list *filters)
{
	cleanup_string_list struct string_list labels = {0};
	const char *key;
	json_t *value;
	json_object_foreach(json_object_get(json_object_get(event, "Actor"), "Attributes"), key, value)
		string_list_add_format(&labels, "%s=%s", key, json_string_value(value));
	return filter_match_labels(filters, &labels);
}

/* Values of one name are alternatives; all names must hold. */
static bool passes(const json_t *event, const struct string_list *filters)
{
	static const char *const names[] = {"type", "event", "scope", "container", "image", "volume", "network"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		bool is_set = false, holds = false;
		for (size_t j = 0; j < filters->count && !holds; j++) {
			const char *value = filter_value(filters->items[j], names[i]);
			is_set = is_set || value;
			holds = value && value_matches(event, names[i], value);
		}
		if (is_set && !holds)
			return false;
	}
	return labels_match(event, filters);
}

int events_read(struct engine *engine, const struct event_query *query,
		int (*take)(void *context, const json_t *event, struct error *err), void *context, struct error *err)
{
	static const char *const known[] = {"type",  "event",  "scope",	  "container", "image",
					    "label", "volume", "network", "daemon",    NULL};
	if (filter_check_names(&query->filters, known, err) < 0)
		return -1;
	nanoseconds now = time_now();
	/* `until` alone looks back, as with Docker. */
	nanoseconds since = query->since ? query->since : query->until ? 1 : now;
	cleanup_event_reader struct event_reader *reader = NULL;
	if (event_reader_open(engine->store, since, &reader, err) < 0)
		return -1;
	for (int more = 1; more > 0;) {
		cleanup_json json_t *event = NULL;
		int got = event_reader_next(reader, &event, err);
		if (got == 0)
			more = event_reader_wait(reader, query->until, err);
		if (got < 0 || more < 0)
			return -1;
		if (got == 0 || (query->until && json_integer_value(json_object_get(event, "timeNano")) > query->until))
			continue;
		if (passes(event, &query->filters) && take(context, event, err) < 0)
			return -1;
	}
	return 0;
}
