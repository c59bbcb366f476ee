#include "cli/command.h"
#include "engine/network_admin.h"

int cmd_network_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	cleanup_string_list struct string_list filters = {0}, names = {0};
	const struct option options[] = {
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=<timestamp>\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!command_may_prune(force, PRUNE_NETWORKS))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || network_prune(engine, &filters, &names, err) < 0)
		return -1;
	command_print_removed("Deleted Networks", &names);
	return 0;
}
