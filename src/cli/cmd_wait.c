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
	return command_run_for_each(invocation, options, count, arguments, wait_one, NULL, false, err);
}
