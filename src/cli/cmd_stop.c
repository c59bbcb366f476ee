#include "cli/command.h"
#include "engine/stop.h"

struct stop_arguments {
	const char *signal;
	int64_t timeout;
};

static int stop(struct engine *engine, const char *name, void *context, struct error *err)
{
	const struct stop_arguments *arguments = context;
	return container_stop(engine, name, arguments->signal, arguments->timeout, err);
}

int cmd_stop(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct stop_arguments stopping = {.timeout = -1};
	const struct option options[] = {
		OPTION_STRING('s', "signal", &stopping.signal, "string", "Signal to send to the container"),
		OPTION_INTEGER('t', "time", &stopping.timeout, "int", "Seconds to wait before killing the container"),
		OPTION_INTEGER(0, "timeout", &stopping.timeout, "int", "The same as --time"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, stop, &stopping, true);
}
