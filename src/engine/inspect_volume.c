#include <string.h>

#include "base/time.h"
#include "engine/inspect.h"
#include "engine/volume.h"

#define SECONDS_LENGTH 19 /* of "2026-11-24T03:04:05" */

static json_t *describe_labels(const struct volume_record *record)
{
	if (record->labels.count == 0 && !record->is_anonymous)
		return json_null();
	json_t *labels = json_object();
	if (record->is_anonymous)
		json_object_set_new(labels, VOLUME_ANONYMOUS_LABEL, json_string(""));
	for (size_t i = 0; i < record->labels.count; i++) {
		const char *text = record->labels.items[i];
		size_t length = strcspn(text, "=");
		cleanup_free char *key = format_string("%.*s", (int)length, text);
		json_object_set_new(labels, key, json_string(text + length + 1));
	}
	return labels;
}

static json_t *describe(const struct store *store, const struct volume_record *record)
{
	char time[TIME_TEXT_SIZE];
	time_format_rfc3339(record->created, time);
	cleanup_free char *created = format_string("%.*sZ", SECONDS_LENGTH, time);
	cleanup_free char *path = volume_path(store, record->name);
	json_t *volume = json_object();
	json_object_set_new(volume, "CreatedAt", json_string(created));
	json_object_set_new(volume, "Driver", json_string("local"));
	json_object_set_new(volume, "Labels", describe_labels(record));
	json_object_set_new(volume, "Mountpoint", json_string(path));
	json_object_set_new(volume, "Name", json_string(record->name));
	json_object_set_new(volume, "Options", json_null());
	json_object_set_new(volume, "Scope", json_string("local"));
	return volume;
}

int inspect_volume(struct engine *engine, const char *name, json_t **ret_document, struct error *err)
{
	cleanup_volume_record struct volume_record record = {0};
	if (volume_find(engine->store, name, &record, err) < 0)
		return -1;
	*ret_document = describe(engine->store, &record);
	return 0;
}
