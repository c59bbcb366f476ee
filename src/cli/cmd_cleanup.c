#include "cli/command.h"
#include "engine/cleanup.h"

/* What a monitor becomes when its container has ended (monitor/protocol.h). Its messages have no reader. */
int cmd_cleanup(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return container_cleanup(engine, arguments[0], err);
}
