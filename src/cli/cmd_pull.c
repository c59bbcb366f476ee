#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/pull.h"

int cmd_pull(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	const char *platform_name = NULL;
	bool quiet = false;
	const struct option options[] = {
		OPTION_STRING(0, "platform", &platform_name, "string", "Set platform, such as linux/amd64"),
		OPTION_FLAG('q', "quiet", &quiet, "Suppress verbose output"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference reference = {0};
	struct platform platform;
	struct pull_outcome outcome;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	cleanup_progress struct progress *progress = progress_new(STDOUT_FILENO, quiet);
	if (reference_parse(arguments[0], &reference, err) < 0 ||
	    (platform_name && platform_parse(platform_name, &platform, err) < 0) ||
	    command_open_engine(invocation, &engine, err) < 0 ||
	    image_pull(engine, &reference, platform_name ? &platform : NULL, progress_transfer(progress), &outcome,
		       err) < 0)
		return -1;
	cleanup_free char *text = reference_text(&reference);
	printf("%s\n", text);
	return 0;
}
