#include <limits.h>

#include "cli/command.h"
#include "engine/cleanup.h"
#include "engine/restart.h"

/* "CONTAINER LOCK": what a monitor or a waiter passes on (monitor/protocol.h). */
static int open_for_successor(struct invocation *invocation, int *count, char **arguments, struct engine **ret_engine,
			      int *ret_lock_fd, struct error *err)
{
	const struct option options[] = {OPTION_END};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, count, arguments, err);
	if (result != 0)
		return result;
	char *end;
	long lock_fd = strtol(arguments[1], &end, 10);
	if (end == arguments[1] || *end || lock_fd < 3 || lock_fd > INT_MAX)
		return error_set(err, ERROR_USAGE, "\"%s\" is not a descriptor's number", arguments[1]);
	*ret_lock_fd = (int)lock_fd;
	return command_open_engine(invocation, ret_engine, err);
}

/* What a monitor becomes when its container has ended. Its messages have no reader. */
int cmd_cleanup(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	int lock_fd;
	int result = open_for_successor(invocation, &count, arguments, &engine, &lock_fd, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	return container_cleanup(engine, arguments[0], lock_fd, err);
}

/* What a waiter becomes when the time has come. */
int cmd_start_again(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	int lock_fd;
	int result = open_for_successor(invocation, &count, arguments, &engine, &lock_fd, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	return container_start_due(engine, arguments[0], lock_fd, err);
}
