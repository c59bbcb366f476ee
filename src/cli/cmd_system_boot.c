#include "cli/command.h"
#include "engine/restart.h"

static void print_problem(void *context, const char *text)
{
	(void)context;
	fprintf(stderr, "Error: %s\n", text);
}

int cmd_system_boot(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	const struct engine_report report = {.line = print_problem};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return container_start_all(engine, &report, err);
}
