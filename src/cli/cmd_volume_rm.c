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
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, remove_one, &force, true);
}
