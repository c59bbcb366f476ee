#include "cli/command.h"
#include "engine/network_admin.h"

struct removal {
	bool force;
};

static int remove_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	const struct removal *removal = context;
	if (network_remove_named(engine, name, err) == 0)
		return 0;
	if (!removal->force || err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return 0;
}

int cmd_network_rm(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct removal removal = {0};
	const struct option options[] = {
		OPTION_FLAG('f', "force", &removal.force, "Do not error if the network does not exist"),
		OPTION_END,
	};
	return command_run_for_each(invocation, options, count, arguments, remove_one, &removal, true, err);
}
