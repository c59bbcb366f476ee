#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/volume.h"

static char *driver_text(const void *row, const void *context)
{
	return duplicate_string("local");
}

static char *labels_text(const void *row, const void *context)
{
	return string_list_join(&((const struct volume_record *)row)->labels, ",");
}

static const struct string_list *labels_of(const void *row)
{
	return &((const struct volume_record *)row)->labels;
}

static char *mountpoint_text(const void *row, const void *context)
{
	return volume_path(context, ((const struct volume_record *)row)->name);
}

static char *name_text(const void *row, const void *context)
{
	return duplicate_string(((const struct volume_record *)row)->name);
}

static const struct format_column columns[] = {
	{"Driver", "DRIVER", driver_text},
	{"Labels", "LABELS", labels_text},
	{"Mountpoint", "MOUNTPOINT", mountpoint_text},
	{"Name", "VOLUME NAME", name_text},
	{"Scope", "SCOPE", driver_text},
	{NULL, NULL, NULL},
};

int cmd_volume_ls(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool quiet = false;
	const char *format = NULL;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FILTERS('f', "filter", &filters, "Provide filter values (e.g. \"dangling=true\")"),
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG('q', "quiet", &quiet, "Only display volume names"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_volume_list struct volume_list list = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || volume_list_filtered(engine, &filters, &list, err) < 0)
		return -1;
	const struct format_rows rows = {
		.type_name = "*formatter.volumeContext",
		.columns = columns,
		.labels = labels_of,
		.context = engine->store,
		.rows = list.items,
		.count = list.count,
		.row_size = sizeof *list.items,
	};
	bool is_default = !format || strcmp(format, "table") == 0;
	return format_print(&rows, is_default ? quiet ? "{{.Name}}" : "table {{.Driver}}\t{{.Name}}" : format, err);
}
