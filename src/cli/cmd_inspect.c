#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/inspect.h"

#define INDENT		  4
#define EXIT_BAD_TEMPLATE 64 /* Docker's code where a template cannot be read */

struct inspection {
	const char *format, *type; /* type "": any */
	bool size;
	struct template *template; /* NULL: an array of all documents */
	struct buffer output;
	json_t *documents;
};

static void inspection_release(struct inspection *inspection)
{
	template_free(inspection->template);
	buffer_release(&inspection->output);
	json_decref(inspection->documents);
}

static bool is_not_it(const struct error *err)
{
	return err->kind == ERROR_NOT_FOUND || err->kind == ERROR_INVALID;
}

static int find_container(const struct inspection *inspection, struct engine *engine, const char *name,
			  json_t **ret_document, struct error *err)
{
	return inspect_container(engine, name, inspection->size, ret_document, err);
}

static int find_image(const struct inspection *inspection, struct engine *engine, const char *name,
		      json_t **ret_document, struct error *err)
{
	return inspect_image(engine, name, ret_document, err);
}

static int find_volume(const struct inspection *inspection, struct engine *engine, const char *name,
		       json_t **ret_document, struct error *err)
{
	return inspect_volume(engine, name, ret_document, err);
}

static int find_network(const struct inspection *inspection, struct engine *engine, const char *name,
			json_t **ret_document, struct error *err)
{
	return inspect_network(engine, name, ret_document, err);
}

/* In the order in which a name is looked for. */
static const struct {
	const char *type;
	int (*find)(const struct inspection *inspection, struct engine *engine, const char *name, json_t **ret_document,
		    struct error *err);
} kinds[] = {{"container", find_container}, {"image", find_image}, {"network", find_network}, {"volume", find_volume}};

static bool type_is_known(const char *type)
{
	bool is_known = !*type;
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		is_known = is_known || strcmp(type, kinds[i].type) == 0;
	return is_known;
}

static int find(const struct inspection *inspection, struct engine *engine, const char *name, json_t **ret_document,
		struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		bool is_asked = strcmp(inspection->type, kinds[i].type) == 0;
		if (*inspection->type && !is_asked)
			continue;
		error_clear(err);
		if (kinds[i].find(inspection, engine, name, ret_document, err) == 0)
			return 0;
		if (is_asked || !is_not_it(err))
			return -1;
	}
	return error_set(err, ERROR_NOT_FOUND, "No such object: %s", name);
}

/* As Docker does it: over the struct, and where that fails over the plain document, whose message is the one told. */
static int render(struct inspection *inspection, json_t *document, struct error *err)
{
	static const char *const maps[] = {"Labels", "Sysctls", NULL};
	static const struct template_type type = {.name = "*inspect.Object", .maps = maps};
	const struct template_input typed = {.json = document, .type = &type};
	const struct template_input plain = {.json = document, .missing_key_is_error = true};
	cleanup_buffer struct buffer text = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT);
	if (template_execute(inspection->template, &typed, &text, err) < 0) {
		error_clear(err);
		buffer_clear(&text);
		if (template_execute(inspection->template, &plain, &text, err) < 0)
			return error_wrap(err, "template parsing error");
	}
	return buffer_append_format(&inspection->output, err, "%s\n", buffer_text(&text));
}

static int inspect_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	struct inspection *inspection = context;
	cleanup_json json_t *document = NULL;
	if (find(inspection, engine, name, &document, err) < 0)
		return -1;
	if (inspection->template)
		return render(inspection, document, err);
	json_array_append(inspection->documents, document);
	return 0;
}

static int print(struct inspection *inspection, struct error *err)
{
	if (!inspection->template && template_json(inspection->documents, INDENT, false, &inspection->output, err) < 0)
		return -1;
	/* Docker writes a newline even where no object was found. */
	bool ends = inspection->template && inspection->output.size > 0;
	fwrite(buffer_text(&inspection->output), 1, inspection->output.size, stdout);
	if (!ends)
		putchar('\n');
	return 0;
}

static int inspect(struct invocation *invocation, struct inspection *inspection, int count, char **names,
		   struct error *err)
{
	const char *type = inspection->type;
	if (!type_is_known(type))
		return error_set(err, ERROR_INVALID, "\"%s\" is not a valid value for --type", type);
	const char *format = inspection->format;
	if (format && strcmp(format, "json") == 0)
		format = "{{json .}}";
	if (format && *format && template_parse(format, &inspection->template, err) < 0) {
		fprintf(stderr, "Error: template parsing error: %s\n", err->message);
		invocation->exit_code = EXIT_BAD_TEMPLATE;
		return 0;
	}
	cleanup_engine struct engine *engine = NULL;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	struct string_list errors = {0};
	for (int i = 0; i < count; i++) {
		struct error failure = {0};
		if (inspect_one(engine, names[i], inspection, &failure) < 0)
			string_list_add(&errors, failure.message);
	}
	/* What was found comes first, then what was not. */
	int result = print(inspection, err);
	fflush(stdout);
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "Error: %s\n", errors.items[i]);
	invocation->exit_code = errors.count > 0;
	string_list_release(&errors);
	return result;
}

int cmd_inspect(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *group = invocation->command->group;
	CLEANUP(inspection_release)
	struct inspection inspection = {
		.type = group ? group : "",
		.output = BUFFER_INIT(TEMPLATE_OUTPUT_LIMIT),
		.documents = json_array(),
	};
	const struct option any[] = {
		OPTION_STRING('f', "format", &inspection.format, "string", "Format output: 'json', or a Go template"),
		OPTION_FLAG('s', "size", &inspection.size, "Display total file sizes if the type is container"),
		OPTION_STRING(0, "type", &inspection.type, "string",
			      "Only inspect objects of the given type: container, image, network or volume"),
		OPTION_END,
	};
	const struct option of_container[] = {any[0], any[1], OPTION_END};
	const struct option of_others[] = {any[0], OPTION_END};
	const struct option *options = !group ? any : strcmp(group, "container") == 0 ? of_container : of_others;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	return inspect(invocation, &inspection, count, arguments, err);
}
