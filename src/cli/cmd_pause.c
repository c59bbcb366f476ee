#include "cli/command.h"
#include "engine/stop.h"

static int pause_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	return container_pause(engine, name, true, err);
}

int cmd_pause(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, pause_one, NULL, true);
}
