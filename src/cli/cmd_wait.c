#include "cli/command.h"
#include "engine/stop.h"

static int wait_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	int exit_code;
	if (container_wait(engine, name, &exit_code, err) < 0)
		return -1;
	printf("%d\n", exit_code);
	fflush(stdout);
	return 0;
}

int cmd_wait(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, wait_one, NULL, false);
}
