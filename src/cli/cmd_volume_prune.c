#include "cli/command.h"
#include "engine/volume.h"

int cmd_volume_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, force = false;
	cleanup_string_list struct string_list filters = {0}, names = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused volumes, not just anonymous ones"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"label=<label>\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	uint64_t bytes = 0;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!command_may_prune(force, all ? "all local volumes not used by at least one container"
					  : "anonymous local volumes not used by at least one container"))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    volume_prune(engine, all, &filters, &names, &bytes, err) < 0)
		return -1;
	command_print_removed("Deleted Volumes", &names);
	command_print_reclaimed(bytes);
	return 0;
}
