#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/events.h"

struct printer {
	struct template *template; /* NULL: Docker's line, or JSON */
	bool json;
};

/* "2026-11-24T03:04:05.000000006Z container start ID (image=web:1, name=web)" */
static void print_line(const json_t *event)
{
	char time[TIME_TEXT_SIZE];
	const json_t *actor = json_object_get(event, "Actor");
	json_t *attributes = json_object_get(actor, "Attributes");
	time_format_rfc3339(json_integer_value(json_object_get(event, "timeNano")), time);
	printf("%s %s %s %s", time, json_string_value(json_object_get(event, "Type")),
	       json_string_value(json_object_get(event, "Action")), json_string_value(json_object_get(actor, "ID")));
	cleanup_string_list struct string_list texts = {0};
	const char *key;
	json_t *value;
	json_object_foreach(attributes, key, value)
		string_list_add_format(&texts, "%s=%s", key, json_string_value(value));
	cleanup_free char *joined = string_list_join(&texts, ", ");
	if (texts.count)
		printf(" (%s)", joined);
	printf("\n");
}

/* As Go has the struct: names of its members, which differ from those of its JSON. */
static json_t *as_struct(const json_t *event)
{
	static const char *const names[][2] = {{"status", "Status"}, {"id", "ID"},     {"from", "From"},
					       {"scope", "Scope"},   {"time", "Time"}, {"timeNano", "TimeNano"}};
	json_t *document = json_copy((json_t *)event);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		json_t *value = json_object_get(event, names[i][0]);
		if (value)
			json_object_set(document, names[i][1], value);
		else
			json_object_set_new(document, names[i][1], json_string(""));
		json_object_del(document, names[i][0]);
	}
	return document;
}

static int print_event(void *context, const json_t *event, struct error *err)
{
	const struct printer *printer = context;
	if (printer->json) {
		cleanup_free char *text = json_text(event);
		printf("%s\n", text);
	} else if (printer->template) {
		static const char *const maps[] = {"Attributes", NULL};
		static const struct template_type type = {.name = "*events.Message", .maps = maps};
		cleanup_json json_t *document = as_struct(event);
		const struct template_input input = {.json = document, .type = &type};
		cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
		if (template_execute(printer->template, &input, &text, err) < 0)
			return -1;
		printf("%s\n", buffer_text(&text));
	} else {
		print_line(event);
	}
	fflush(stdout);
	return 0;
}

static int parse_time(const char *name, const char *text, nanoseconds *ret_time, struct error *err)
{
	if (!text || time_parse_moment(text, time_now(), ret_time))
		return 0;
	return error_set(
		err, ERROR_INVALID,
		"invalid value for \"%s\": \"%s\" is not a timestamp such as 2026-01-02T13:23:37Z, nor a span such "
		"as 42m",
		name, text);
}

int cmd_events(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *since = NULL, *until = NULL, *format = NULL;
	struct event_query query = {0};
	struct printer printer = {0};
	const struct option options[] = {
		OPTION_FILTERS('f', "filter", &query.filters, "Filter output based on conditions provided"),
		OPTION_STRING(0, "format", &format, "string", "Format output: 'json', or a Go template"),
		OPTION_STRING(0, "since", &since, "string", "Show all events created since timestamp"),
		OPTION_STRING(0, "until", &until, "string", "Stream events until this timestamp"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	printer.json = format && (strcmp(format, "json") == 0 || strcmp(format, "{{json .}}") == 0);
	if (result == 0 && format && *format && !printer.json)
		result = template_parse(format, &printer.template, err);
	if (result == 0 &&
	    (parse_time("since", since, &query.since, err) < 0 || parse_time("until", until, &query.until, err) < 0 ||
	     command_open_engine(invocation, &engine, err) < 0 ||
	     events_read(engine, &query, print_event, &printer, err) < 0))
		result = -1;
	template_free(printer.template);
	string_list_release(&query.filters);
	return result < 0 ? -1 : 0;
}
