#include "cli/command.h"
#include "engine/container_diff.h"

int cmd_diff(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	cleanup_string_list struct string_list lines = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0 || container_diff(engine, arguments[0], &lines, err) < 0)
		return -1;
	for (size_t i = 0; i < lines.count; i++)
		printf("%s\n", lines.items[i]);
	return 0;
}
