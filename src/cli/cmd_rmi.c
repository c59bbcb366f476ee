#include "cli/command.h"
#include "engine/prune.h"

int cmd_rmi(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false, no_prune = false;
	const struct option options[] = {
		OPTION_FLAG('f', "force", &force, "Force removal of the image"),
		OPTION_FLAG(0, "no-prune", &no_prune, "Do not delete untagged parents (no image has one here)"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	cleanup_string_list struct string_list failures = {0};
	for (int i = 0; i < count; i++) {
		cleanup_string_list struct string_list lines = {0};
		struct error failure = {0};
		if (image_remove_named(engine, arguments[i], force, &lines, &failure) < 0) {
			string_list_add(&failures, failure.message);
			/* What is not there need not be removed, where that is forced. */
			if (!force || failure.kind != ERROR_NOT_FOUND)
				invocation->exit_code = 1;
		}
		for (size_t j = 0; j < lines.count; j++)
			printf("%s\n", lines.items[j]);
	}
	/* What was done comes first. */
	fflush(stdout);
	for (size_t i = 0; i < failures.count; i++)
		fprintf(stderr, "Error: %s\n", failures.items[i]);
	return 0;
}
