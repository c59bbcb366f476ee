#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
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

/* Whole or not at all: a file of another name first. What is no file (/dev/null, a FIFO) is written to as it is. */
static int save_to_file(struct invocation *invocation, const struct save_arguments *arguments, struct error *err)
{
	struct stat status;
	bool is_other = stat(arguments->output, &status) == 0 && !S_ISREG(status.st_mode);
	char random[13];
	random_hex(random, 12);
	cleanup_free char *temporary =
		is_other ? duplicate_string(arguments->output) : format_string("%s.tmp-%s", arguments->output, random);
	int flags = is_other ? O_WRONLY : O_WRONLY | O_CREAT | O_EXCL;
	cleanup_close int fd = open(temporary, flags | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(err, errno, "open %s", arguments->output);
	int result = save_to(invocation, arguments, &fd, err);
	if (is_other)
		return result;
	if (result == 0 && sync_fd(fd, err) < 0)
		result = -1;
	if (result == 0 && rename(temporary, arguments->output) < 0)
		result = error_set_errno(err, errno, "put %s in place", arguments->output);
	if (result < 0)
		unlink(temporary);
	return result;
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
