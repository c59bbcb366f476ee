#include "cli/command.h"
#include "engine/prune.h"

int cmd_image_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, force = false;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused images, not just dangling ones"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=<timestamp>\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!command_may_prune(force, all ? PRUNE_ALL_IMAGES : PRUNE_DANGLING_IMAGES))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || image_prune(engine, all, &filters, &outcome, err) < 0)
		return -1;
	command_print_removed("Deleted Images", &outcome.images);
	command_print_reclaimed(outcome.bytes);
	return 0;
}
