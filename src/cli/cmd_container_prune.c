#include "cli/command.h"
#include "engine/prune.h"

int cmd_container_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=<timestamp>\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!command_may_prune(force, PRUNE_CONTAINERS))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || container_prune(engine, &filters, &outcome, err) < 0)
		return -1;
	command_print_removed("Deleted Containers", &outcome.containers);
	command_print_reclaimed(outcome.bytes);
	return 0;
}
