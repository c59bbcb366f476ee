#include <string.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/list.h"

#define COMMAND_WIDTH 20 /* characters that Docker shows of a command, the last an ellipsis where there is more */

struct ps_context {
	bool whole; /* --no-trunc */
};

static char *id_text(const void *row, const void *context)
{
	const struct container_view *view = row;
	return format_string("%.*s", ((const struct ps_context *)context)->whole ? 64 : 12, view->record.id);
}

static char *names_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_view *)row)->record.name);
}

static char *image_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_view *)row)->record.image_name);
}

static char *command_text(const void *row, const void *context)
{
	cleanup_free char *command = container_view_command(row);
	if (((const struct ps_context *)context)->whole || strlen(command) <= COMMAND_WIDTH)
		return format_string("\"%s\"", command);
	return format_string("\"%.*s…\"", COMMAND_WIDTH - 1, command);
}

static char *created_text(const void *row, const void *context)
{
	char date[TIME_TEXT_SIZE];
	time_format_rfc3339(((const struct container_view *)row)->record.created, date);
	return format_string("%.10s %.8s +0000 UTC", date, date + 11);
}

static char *age_text(const void *row, const void *context)
{
	char age[64];
	time_format_human(time_now() - ((const struct container_view *)row)->record.created, age, sizeof age);
	return format_string("%s ago", age);
}

static char *state_text(const void *row, const void *context)
{
	return duplicate_string(container_state_name(&((const struct container_view *)row)->state));
}

static char *status_text(const void *row, const void *context)
{
	return container_state_text(&((const struct container_view *)row)->state);
}

static char *ports_text(const void *row, const void *context)
{
	return container_view_ports(row);
}

static char *labels_text(const void *row, const void *context)
{
	return string_list_join(&((const struct container_view *)row)->config.labels, ",");
}

static const struct string_list *labels_of(const void *row)
{
	return &((const struct container_view *)row)->config.labels;
}

static char *networks_text(const void *row, const void *context)
{
	static const char *const names[] = {"bridge", "host", "none"};
	return duplicate_string(names[((const struct container_view *)row)->config.network]);
}

static char *mounts_text(const void *row, const void *context)
{
	const struct container_config *config = &((const struct container_view *)row)->config;
	cleanup_string_list struct string_list sources = {0};
	for (size_t i = 0; i < config->mount_count; i++)
		if (config->mounts[i].kind != CONTAINER_MOUNT_TMPFS)
			string_list_add(&sources, config->mounts[i].source);
	return string_list_join(&sources, ",");
}

static const struct format_column columns[] = {
	{"Command", "COMMAND", command_text},
	{"CreatedAt", "CREATED AT", created_text},
	{"ID", "CONTAINER ID", id_text},
	{"Image", "IMAGE", image_text},
	{"Labels", "LABELS", labels_text},
	{"Mounts", "MOUNTS", mounts_text},
	{"Names", "NAMES", names_text},
	{"Networks", "NETWORKS", networks_text},
	{"Ports", "PORTS", ports_text},
	{"RunningFor", "CREATED", age_text},
	{"State", "STATE", state_text},
	{"Status", "STATUS", status_text},
	{NULL, NULL, NULL},
};

static const char table_format[] =
	"table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

int cmd_ps(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, quiet = false, latest = false;
	const char *format = NULL;
	int64_t last = -1;
	struct ps_context context = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Show all containers (default shows just running)"),
		OPTION_STRING(0, "format", &format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_INTEGER('n', "last", &last, "int", "Show n last created containers (includes all states)"),
		OPTION_FLAG('l', "latest", &latest, "Show the latest created container (includes all states)"),
		OPTION_FLAG(0, "no-trunc", &context.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &quiet, "Only display container IDs"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_views struct container_views views = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (latest)
		last = 1;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_view_list(engine, all || last > 0, &views, err) < 0)
		return -1;
	const struct format_rows rows = {
		.type_name = "*formatter.ContainerContext",
		.columns = columns,
		.labels = labels_of,
		.context = &context,
		.rows = views.items,
		.count = last > 0 && (uint64_t)last < views.count ? (size_t)last : views.count,
		.row_size = sizeof *views.items,
	};
	bool is_default = !format || strcmp(format, "table") == 0;
	return format_print(&rows, is_default ? quiet ? "{{.ID}}" : table_format : format, err);
}
