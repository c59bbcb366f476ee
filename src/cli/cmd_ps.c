#include <string.h>

#include "cli/command.h"
#include "cli/table.h"
#include "engine/list.h"

#define COMMAND_WIDTH 20 /* characters that Docker shows of a command, the last an ellipsis where there is more */

static void add_command(struct table *table, const struct container_view *view, bool whole)
{
	cleanup_free char *command = container_view_command(view);
	if (whole || strlen(command) <= COMMAND_WIDTH)
		table_add_format(table, "\"%s\"", command);
	else
		table_add_format(table, "\"%.*s…\"", COMMAND_WIDTH - 1, command);
}

static void add_row(struct table *table, const struct container_view *view, bool whole)
{
	char age[64];
	cleanup_free char *status = container_state_text(&view->state);
	cleanup_free char *ports = container_view_ports(view);
	time_format_human(time_now() - view->record.created, age, sizeof age);
	table_add_format(table, "%.*s", whole ? 64 : 12, view->record.id);
	table_add(table, view->record.image_name);
	add_command(table, view, whole);
	table_add_format(table, "%s ago", age);
	table_add(table, status);
	table_add(table, ports);
	table_add(table, view->record.name);
}

int cmd_ps(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, quiet = false, whole = false;
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Show all containers (default shows just running)"),
		OPTION_FLAG(0, "no-trunc", &whole, "Don't truncate output"),
		OPTION_FLAG('q', "quiet", &quiet, "Only display container IDs"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_views struct container_views views = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || container_view_list(engine, all, &views, err) < 0)
		return -1;
	if (quiet) {
		for (size_t i = 0; i < views.count; i++)
			printf("%.*s\n", whole ? 64 : 12, views.items[i].record.id);
		return 0;
	}
	static const char *const header[] = {"CONTAINER ID", "IMAGE", "COMMAND", "CREATED", "STATUS", "PORTS", "NAMES"};
	cleanup_table struct table table;
	table_init(&table, ARRAY_SIZE(header));
	for (size_t i = 0; i < ARRAY_SIZE(header); i++)
		table_add(&table, header[i]);
	for (size_t i = 0; i < views.count; i++)
		add_row(&table, &views.items[i], whole);
	table_print(&table);
	return 0;
}
