#include <unistd.h>

#include "base/atomic_file.h"
#include "cli/command.h"
#include "engine/save.h"

struct save_arguments {
	const char *output;
	const char *platform_name;
	struct platform platform;
	char **names;
	size_t count;
};

static int save_to(struct invocation *invocation, const struct save_arguments *arguments, const int *fd,
		   struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	struct sink sink = sink_to_fd(fd);
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return images_save(engine, arguments->names, arguments->count,
			   arguments->platform_name ? &arguments->platform : NULL, &sink, err);
}

static int save_to_file(struct invocation *invocation, const struct save_arguments *arguments, struct error *err)
{
	cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
	if (atomic_output_open(arguments->output, 0600, &output, err) < 0 ||
	    save_to(invocation, arguments, &output.fd, err) < 0)
		return -1;
	return atomic_output_commit(&output, err);
}

int cmd_save(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct save_arguments arguments = {.names = words};
	const struct option options[] = {
		OPTION_STRING('o', "output", &arguments.output, "string", "Write to a file, instead of STDOUT"),
		OPTION_STRING(0, "platform", &arguments.platform_name, "string", "Save only the given platform"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	arguments.count = (size_t)count;
	if (arguments.platform_name && platform_parse(arguments.platform_name, &arguments.platform, err) < 0)
		return -1;
	if (arguments.output)
		return save_to_file(invocation, &arguments, err);
	if (isatty(STDOUT_FILENO))
		return error_set(err, ERROR_INVALID,
				 "cowardly refusing to save to a terminal. Use the -o flag or redirect");
	int fd = STDOUT_FILENO;
	return save_to(invocation, &arguments, &fd, err);
}
