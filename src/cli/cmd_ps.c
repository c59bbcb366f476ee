#include <string.h>

#include "cli/command.h"
#include "cli/container_format.h"
#include "engine/container_filter.h"

struct ps_arguments {
	bool all, quiet, latest, size, whole;
	int64_t last;
	const char *format;
	struct string_list filters;
};

static const char *choose_format(const struct ps_arguments *arguments)
{
	if (arguments->format && strcmp(arguments->format, "table") != 0)
		return arguments->format;
	if (arguments->quiet)
		return "{{.ID}}";
	return arguments->size ? "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
				 "{{.Names}}\t{{.Size}}"
			       : "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t"
				 "{{.Names}}";
}

static int list_containers(struct invocation *invocation, const struct ps_arguments *arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_views struct container_views views = {0};
	int64_t last = arguments->latest ? 1 : arguments->last;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_view_list_filtered(engine, arguments->all || last > 0, &arguments->filters, &views, err) < 0)
		return -1;
	const char *format = choose_format(arguments);
	const struct container_format context = {
		.whole = arguments->whole,
		.engine = arguments->size || strstr(format, ".Size") ? engine : NULL,
	};
	const struct format_rows rows = {
		.type_name = "*formatter.ContainerContext",
		.columns = container_columns,
		.labels = container_row_labels,
		.context = &context,
		.rows = views.items,
		.count = last > 0 && (uint64_t)last < views.count ? (size_t)last : views.count,
		.row_size = sizeof *views.items,
	};
	return format_print(&rows, format, err);
}

int cmd_ps(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct ps_arguments arguments = {.last = -1};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &arguments.all, "Show all containers (default shows just running)"),
		OPTION_FILTERS('f', "filter", &arguments.filters,
			       "Filter output: ancestor, before, exited, expose, health, id, label, name, network, "
			       "publish, since, status, volume"),
		OPTION_STRING(0, "format", &arguments.format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_INTEGER('n', "last", &arguments.last, "int",
			       "Show n last created containers (includes all states)"),
		OPTION_FLAG('l', "latest", &arguments.latest,
			    "Show the latest created container (includes all states)"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &arguments.quiet, "Only display container IDs"),
		OPTION_FLAG('s', "size", &arguments.size, "Display total file sizes"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result == 0)
		result = list_containers(invocation, &arguments, err);
	string_list_release(&arguments.filters);
	return result < 0 ? -1 : 0;
}
