#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/info.h"

static const char *text_of(const json_t *document, const char *part, const char *name)
{
	const char *text = json_string_value(json_object_get(json_object_get(document, part), name));
	return text ? text : "";
}

static void print_version(const json_t *document)
{
	printf("Client: %s\n Version:           %s\n OS/Arch:           %s/%s\n Context:           %s\n\n",
	       json_string_value(
		       json_object_get(json_object_get(json_object_get(document, "Client"), "Platform"), "Name")),
	       text_of(document, "Client", "Version"), text_of(document, "Client", "Os"),
	       text_of(document, "Client", "Arch"), text_of(document, "Client", "Context"));
	printf("Server: %s\n Engine:\n  Version:          %s\n  OS/Arch:          %s/%s\n  Kernel Version:   %s\n",
	       json_string_value(
		       json_object_get(json_object_get(json_object_get(document, "Server"), "Platform"), "Name")),
	       text_of(document, "Server", "Version"), text_of(document, "Server", "Os"),
	       text_of(document, "Server", "Arch"), text_of(document, "Server", "KernelVersion"));
}

/* Go's struct has another name for this than its JSON document; templates ask for the former. */
static void add_field_names(json_t *document)
{
	const char *part;
	json_t *value;
	json_object_foreach(document, part, value)
		json_object_set(value, "APIVersion", json_object_get(value, "ApiVersion"));
}

int cmd_version(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *format = NULL;
	const struct option options[] = {
		OPTION_STRING('f', "format", &format, "string", "Format output: 'json', or a Go template"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	cleanup_json json_t *document = engine_version();
	if (!format) {
		print_version(document);
		return 0;
	}
	static const struct template_type type = {.name = "system.versionInfo"};
	if (!strstr(format, "json"))
		add_field_names(document);
	return format_print_document(document, &type, format, err);
}
