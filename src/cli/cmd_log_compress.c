#include "cli/command.h"
#include "engine/log_files.h"

/* What a monitor runs when a file of the log is full. Its messages have no reader. */
int cmd_log_compress(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	return command_open_engine(invocation, &engine, err) < 0 ? -1
								 : container_compress_log(engine, arguments[0], err);
}
