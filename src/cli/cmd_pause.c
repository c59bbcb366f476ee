#include "cli/command.h"
#include "engine/stop.h"

static int pause_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	return container_pause(engine, name, true, err);
}

int cmd_pause(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	return command_run_for_each(invocation, options, count, arguments, pause_one, NULL, true, err);
}

static int unpause_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	return container_pause(engine, name, false, err);
}

int cmd_unpause(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	return command_run_for_each(invocation, options, count, arguments, unpause_one, NULL, true, err);
}
