#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/load.h"

int cmd_load(struct invocation *invocation, int count, char **words, struct error *err)
{
	const char *input = NULL, *platform_name = NULL;
	bool quiet = false;
	const struct option options[] = {
		OPTION_STRING('i', "input", &input, "string", "Read from tar archive file, instead of STDIN"),
		OPTION_STRING(0, "platform", &platform_name, "string", "Load only the given platform"),
		OPTION_FLAG('q', "quiet", &quiet, "Suppress the load output"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_close int opened = -1;
	struct platform platform;
	int fd = STDIN_FILENO;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (platform_name && platform_parse(platform_name, &platform, err) < 0)
		return -1;
	if (input) {
		fd = opened = open(input, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(err, errno, "open %s", input);
	} else if (isatty(fd)) {
		return error_set(err, ERROR_INVALID, "requested load from stdin, but stdin is empty");
	}
	cleanup_progress struct progress *progress = progress_new(STDOUT_FILENO, false);
	struct transfer_progress told = *progress_transfer(progress);
	/* Docker shows layers on a terminal only; what was loaded it says always. */
	if (quiet || !isatty(STDOUT_FILENO))
		told.layer = NULL;
	struct source archive = source_from_fd(&fd);
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    images_load(engine, &archive, platform_name ? &platform : NULL, &told, err) < 0)
		return error_wrap(err, "load %s", input ? input : "-");
	return 0;
}
