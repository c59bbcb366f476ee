#include "cli/command.h"
#include "engine/remove.h"

struct remove_arguments {
	bool force, volumes;
};

static int remove_one(struct engine *engine, const char *name, void *context, struct error *err)
{
	const struct remove_arguments *arguments = context;
	int result = container_remove_named(engine, name, arguments->force, arguments->volumes, err);
	/* As Docker: forcing away what is not there is no failure of the command. */
	if (result < 0 && arguments->force && err->kind == ERROR_NOT_FOUND) {
		fprintf(stderr, "Error: %s\n", err->message);
		return 0;
	}
	return result;
}

int cmd_rm(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct remove_arguments removing = {0};
	const struct option options[] = {
		OPTION_FLAG('f', "force", &removing.force, "Force the removal of a running container (uses SIGKILL)"),
		OPTION_FLAG('v', "volumes", &removing.volumes,
			    "Remove anonymous volumes associated with the container"),
		OPTION_END,
	};
	return command_run_for_each(invocation, options, count, arguments, remove_one, &removing, true, err);
}
