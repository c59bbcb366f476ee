#include <stdio.h>

#include "base/time.h"
#include "cli/command.h"
#include "engine/prune.h"

static bool confirm(void)
{
	printf("WARNING! This will remove all stopped containers.\nAre you sure you want to continue? [y/N] ");
	fflush(stdout);
	char answer[16];
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cmd_container_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	const struct option options[] = {
		OPTION_FLAG('f', "force", &force, "Do not prompt for confirmation"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!force && !confirm())
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || container_prune(engine, &outcome, err) < 0)
		return -1;
	if (outcome.containers.count)
		printf("Deleted Containers:\n");
	for (size_t i = 0; i < outcome.containers.count; i++)
		printf("%s\n", outcome.containers.items[i]);
	char size[16];
	size_format_human(outcome.bytes, size, sizeof size);
	printf("%sTotal reclaimed space: %s\n", outcome.containers.count ? "\n" : "", size);
	return 0;
}
