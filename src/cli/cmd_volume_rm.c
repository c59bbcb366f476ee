#include "cli/command.h"
#include "engine/volume.h"

static int remove_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	return volume_remove_unused(engine, name, *(const bool *)context, err);
}

int cmd_volume_rm(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	const struct option options[] = {
		OPTION_FLAG('f', "force", &force, "Force the removal of one or more volumes"),
		OPTION_END,
	};
	return command_run_for_each(invocation, options, count, arguments, remove_one, &force, true, err);
}
