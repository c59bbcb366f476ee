#include "cli/command.h"
#include "engine/events.h"
#include "engine/start.h"
#include "engine/stop.h"
#include "store/container.h"

struct stop_arguments {
	const char *signal;
	int64_t timeout;
};

static int stop(struct engine *engine, const char *name, void *context, struct error *err)
{
	const struct stop_arguments *arguments = context;
	return container_stop(engine, name, arguments->signal, arguments->timeout, err);
}

static int restart(struct engine *engine, const char *name, void *context, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	if (stop(engine, name, context, err) < 0 || container_find(engine->store, name, &record, err) < 0)
		return -1;
	if (container_start(engine, &record, NULL, NULL, err) < 0)
		return -1;
	event_container(engine, &record, "restart", NULL);
	return 0;
}

static int run_for_each(struct invocation *invocation, int count, char **arguments, command_action *act,
			struct error *err)
{
	struct stop_arguments stopping = {.timeout = -1};
	const struct option options[] = {
		OPTION_STRING('s', "signal", &stopping.signal, "string", "Signal to send to the container"),
		OPTION_INTEGER('t', "time", &stopping.timeout, "int", "Seconds to wait before killing the container"),
		OPTION_INTEGER(0, "timeout", &stopping.timeout, "int", "The same as --time"),
		OPTION_END,
	};
	return command_run_for_each(invocation, options, count, arguments, act, &stopping, true, err);
}

int cmd_stop(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	return run_for_each(invocation, count, arguments, stop, err);
}

int cmd_restart(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	return run_for_each(invocation, count, arguments, restart, err);
}
