#include "cli/command.h"
#include "engine/restart.h"

static int update(struct engine *engine, const char *name, void *context, struct error *err)
{
	const char *const *restart = context;
	return container_set_restart_policy(engine, name, *restart, err);
}

int cmd_update(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *restart = NULL;
	const struct option options[] = {
		OPTION_STRING(0, "restart", &restart, "string", "Restart policy to apply when a container exits"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!restart)
		return error_set(err, ERROR_INVALID, "you must provide one or more flags when using this command");
	cleanup_engine struct engine *engine = NULL;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, update, &restart, true);
}
