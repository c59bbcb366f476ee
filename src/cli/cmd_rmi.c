#include "cli/command.h"
#include "engine/prune.h"

int cmd_rmi(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	const struct option options[] = {
		OPTION_FLAG('f', "force", &force, "Force removal of the image"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		cleanup_string_list struct string_list lines = {0};
		struct error failure = {0};
		if (image_remove_named(engine, arguments[i], force, &lines, &failure) < 0) {
			fprintf(stderr, "Error: %s\n", failure.message);
			invocation->exit_code = 1;
		}
		for (size_t j = 0; j < lines.count; j++)
			printf("%s\n", lines.items[j]);
	}
	return 0;
}
