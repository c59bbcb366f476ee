#include "cli/command.h"
#include "engine/events.h"

int cmd_tag(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const struct option options[] = {OPTION_END};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return image_tag_named(engine, arguments[0], arguments[1], err);
}
