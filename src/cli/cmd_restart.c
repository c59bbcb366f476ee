#include "cli/command.h"
#include "engine/start.h"
#include "engine/stop.h"
#include "store/container.h"

struct restart_arguments {
	const char *signal;
	int64_t timeout;
};

static int restart(struct engine *engine, const char *name, void *context, struct error *err)
{
	const struct restart_arguments *arguments = context;
	cleanup_container_record struct container_record record = {0};
	if (container_stop(engine, name, arguments->signal, arguments->timeout, err) < 0 ||
	    container_find(engine->store, name, &record, err) < 0)
		return -1;
	return container_start(engine, &record, NULL, err);
}

int cmd_restart(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct restart_arguments restarting = {.timeout = -1};
	const struct option options[] = {
		OPTION_STRING('s', "signal", &restarting.signal, "string", "Signal to send to the container"),
		OPTION_INTEGER('t', "time", &restarting.timeout, "int", "Seconds to wait before killing the container"),
		OPTION_INTEGER(0, "timeout", &restarting.timeout, "int", "The same as --time"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, restart, &restarting, true);
}
