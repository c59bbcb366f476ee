#include <stdio.h>

#include "cli/command.h"
#include "cli/table.h"
#include "engine/volume.h"

int cmd_volume_ls(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool quiet = false;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_LIST('f', "filter", &filters, "filter", "Provide filter values (e.g. \"dangling=true\")"),
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
	cleanup_table struct table table;
	table_init(&table, 2);
	table_add(&table, "DRIVER");
	table_add(&table, "VOLUME NAME");
	for (size_t i = 0; i < list.count; i++) {
		if (quiet)
			printf("%s\n", list.items[i].name);
		table_add(&table, "local");
		table_add(&table, list.items[i].name);
	}
	if (!quiet)
		table_print(&table);
	return 0;
}
