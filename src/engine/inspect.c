#include "engine/inspect.h"

#include <string.h>

#include "base/time.h"
#include "oci/digest.h"

#define ZERO_TIME "0001-01-01T00:00:00Z"

json_t *inspect_set(const struct string_list *items)
{
	json_t *set = json_object();
	for (size_t i = 0; i < items->count; i++)
		json_object_set_new_nocheck(set, items->items[i], json_object());
	return set;
}

json_t *inspect_map(const struct string_list *items)
{
	json_t *map = json_object();
	for (size_t i = 0; i < items->count; i++) {
		const char *equals = strchr(items->items[i], '=');
		cleanup_free char *key = format_string("%.*s", (int)strcspn(items->items[i], "="), items->items[i]);
		json_object_set_new_nocheck(map, key, json_string_nocheck(equals ? equals + 1 : ""));
	}
	return map;
}

json_t *inspect_list_or_null(const struct string_list *items, bool is_set)
{
	return is_set ? json_from_strings(items) : json_null();
}

json_t *inspect_time(nanoseconds time)
{
	char text[TIME_TEXT_SIZE];
	if (time == 0)
		return json_string(ZERO_TIME);
	time_format_rfc3339(time, text);
	return json_string(text);
}

json_t *inspect_graph_driver(struct engine *engine, const struct string_list *layers, const char *folder)
{
	cleanup_string_list struct string_list paths = {0};
	json_t *data = json_object();
	/* An image's own layer is its upper one, as Docker has it; all of them lie under a container's. */
	size_t lower = folder || layers->count == 0 ? layers->count : layers->count - 1;
	for (size_t i = lower; i-- > 0;) {
		const char *colon = strchr(layers->items[i], ':');
		string_list_add_format(&paths, "%s/layers/%.*s/%s", engine->store->root,
				       (int)strcspn(layers->items[i], ":"), layers->items[i], colon ? colon + 1 : "");
	}
	cleanup_free char *text = string_list_join(&paths, ":");
	if (paths.count)
		json_object_set_new(data, "LowerDir", json_string_nocheck(text));
	if (folder) {
		json_object_set_new(data, "UpperDir", json_pack("s+", folder, "/upper"));
		json_object_set_new(data, "WorkDir", json_pack("s+", folder, "/work"));
	} else if (layers->count) {
		const char *top = layers->items[layers->count - 1];
		const char *colon = strchr(top, ':');
		cleanup_free char *path = format_string("%s/layers/%.*s/%s", engine->store->root,
							(int)strcspn(top, ":"), top, colon ? colon + 1 : "");
		json_object_set_new(data, "UpperDir", json_string_nocheck(path));
	}
	return json_pack("{s:o, s:s}", "Data", data, "Name", "overlay");
}
