/*
 * Progress for programs: a JSON document a line, as `docker build --progress rawjson` writes it, which is BuildKit's
 * SolveStatus. A step is a "vertex"; its digest names it and says nothing else.
 */
#include <string.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/json.h"
#include "build/report_internal.h"
#include "oci/digest.h"

/* Of a string that need not be UTF-8, and JSON must be. */
static json_t *text_of(const char *text, size_t size)
{
	json_t *value = json_stringn(text, size);
	if (value)
		return value;
	cleanup_free char *copy = duplicate_bytes(text, size);
	for (char *at = copy; at < copy + size; at++)
		if ((unsigned char)*at >= 0x80)
			*at = '?';
	return json_stringn(copy, size);
}

static void set_time(json_t *object, const char *name, nanoseconds time)
{
	char text[TIME_TEXT_SIZE];
	time_format_rfc3339(time, text);
	json_object_set_new(object, name, json_string(text));
}

static void set_digest(json_t *object, const char *name, const struct report *report, size_t step)
{
	const struct report_step *item = &report->steps[step - 1];
	cleanup_free char *text = format_string("%zu %lld %s", step, (long long)item->clock, item->name);
	struct digest digest;
	digest_of_bytes(text, strlen(text), &digest);
	json_object_set_new(object, name, json_string(digest.text));
}

/* {"KIND":[ITEM]}; takes the item. */
static void print_item(struct report *report, const char *kind, json_t *item)
{
	cleanup_json json_t *document = json_object();
	json_t *items = json_array();
	json_array_append_new(items, item);
	json_object_set_new(document, kind, items);
	cleanup_free char *text = json_text(document);
	report_print(report, "%s\n", text);
}

static json_t *make_log(const char *text, size_t size)
{
	json_t *log = json_object();
	cleanup_free char *line = format_string("%.*s\n", (int)size, text);
	cleanup_free char *data = base64_encode(line, strlen(line));
	json_object_set_new(log, "stream", json_integer(1));
	json_object_set_new(log, "data", json_string(data));
	set_time(log, "timestamp", time_now());
	return log;
}

static json_t *make_status(const struct report_step *item, const char *text, size_t size)
{
	json_t *status = json_object();
	nanoseconds now = time_now();
	json_object_set_new(status, "id", text_of(text, size));
	json_object_set_new(status, "current", json_integer(0));
	set_time(status, "timestamp", now);
	set_time(status, "started", item->clock);
	set_time(status, "completed", now);
	return status;
}

static json_t *make_vertex(const struct report_step *item, enum report_event event, const char *text, size_t size)
{
	json_t *vertex = json_object();
	json_object_set_new(vertex, "name", text_of(item->name, strlen(item->name)));
	set_time(vertex, "started", item->clock);
	if (event != REPORT_BEGIN)
		set_time(vertex, "completed", item->clock + (nanoseconds)(item->seconds * 1e9));
	if (event == REPORT_CACHED)
		json_object_set_new(vertex, "cached", json_true());
	if (event == REPORT_FAILED)
		json_object_set_new(vertex, "error", text_of(text, size));
	if (event == REPORT_CANCELED)
		json_object_set_new(vertex, "error", json_string("context canceled"));
	return vertex;
}

void report_json_event(struct report *report, enum report_event event, size_t step, const char *text, size_t size)
{
	const struct report_step *item = &report->steps[step - 1];
	bool is_log = event == REPORT_LOG, is_status = event == REPORT_LINE;
	json_t *value = is_log	    ? make_log(text, size)
			: is_status ? make_status(item, text, size)
				    : make_vertex(item, event, text, size);
	set_digest(value, is_log || is_status ? "vertex" : "digest", report, step);
	print_item(report, is_log ? "logs" : is_status ? "statuses" : "vertexes", value);
}

void report_json_warning(struct report *report, const char *text)
{
	json_t *warning = json_object();
	cleanup_free char *data = base64_encode(text, strlen(text));
	json_object_set_new(warning, "level", json_integer(1));
	json_object_set_new(warning, "short", json_string(data));
	if (report->count)
		set_digest(warning, "vertex", report, 1);
	print_item(report, "warnings", warning);
}
