#include <unistd.h>

#include "base/atomic_file.h"
#include "cli/command.h"
#include "engine/export.h"

static int export_to(struct invocation *invocation, const char *name, const int *fd, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	struct sink sink = sink_to_fd(fd);
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return container_export(engine, name, &sink, err);
}

int cmd_export(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *path = NULL;
	const struct option options[] = {
		OPTION_STRING('o', "output", &path, "string", "Write to a file, instead of STDOUT"),
		OPTION_END,
	};
	cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!path && isatty(STDOUT_FILENO))
		return error_set(err, ERROR_INVALID,
				 "cowardly refusing to save to a terminal. Use the -o flag or redirect");
	if (!path) {
		const int fd = STDOUT_FILENO;
		return export_to(invocation, arguments[0], &fd, err);
	}
	if (atomic_output_open(path, 0600, &output, err) < 0 ||
	    export_to(invocation, arguments[0], &output.fd, err) < 0)
		return -1;
	return atomic_output_commit(&output, err);
}
