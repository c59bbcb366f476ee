#include "cli/command.h"
#include "engine/health.h"
#include "monitor/protocol.h"

/* What a monitor runs at the time of a health check. Its messages have no reader. */
int cmd_probe(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	bool is_starting;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_probe(engine, arguments[0], &is_starting, err) < 0)
		return -1;
	invocation->exit_code = is_starting ? PROBE_STARTING : 0;
	return 0;
}
