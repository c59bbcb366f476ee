#include <unistd.h>

#include "cli/command.h"
#include "cli/progress.h"
#include "engine/push.h"

int cmd_push(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool quiet = false;
	const struct option options[] = {
		OPTION_FLAG('q', "quiet", &quiet, "Suppress verbose output"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_reference struct reference reference = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	cleanup_progress struct progress *progress = progress_new(STDOUT_FILENO, quiet);
	if (reference_parse(arguments[0], &reference, err) < 0 || command_open_engine(invocation, &engine, err) < 0 ||
	    image_push(engine, &reference, progress_transfer(progress), err) < 0)
		return -1;
	if (quiet) {
		cleanup_free char *text = reference_text(&reference);
		printf("%s\n", text);
	}
	return 0;
}
