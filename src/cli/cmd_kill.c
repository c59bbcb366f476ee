#include "base/signals.h"
#include "cli/command.h"
#include "engine/stop.h"

static int kill_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	return container_kill(engine, name, *(const int *)context, err);
}

int cmd_kill(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *signal_text = "KILL";
	int number;
	const struct option options[] = {
		OPTION_STRING('s', "signal", &signal_text, "string", "Signal to send to the container"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (signal_parse(signal_text, &number, err) < 0 || command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, kill_one, &number, true);
}
