#include <unistd.h>

#include "cli/command.h"
#include "engine/prune.h"

static bool confirm(bool all)
{
	printf("WARNING! This will remove:\n  - all stopped containers\n  - %s\n\n"
	       "Are you sure you want to continue? [y/N] ",
	       all ? "all images without at least one container associated to them\n  - all build cache"
		   : "all dangling images");
	fflush(stdout);
	char answer[16];
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

static void print_list(const char *title, const struct string_list *list)
{
	if (list->count == 0)
		return;
	printf("%s:\n", title);
	for (size_t i = 0; i < list->count; i++)
		printf("%s\n", list->items[i]);
	printf("\n");
}

int cmd_system_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false, all = false;
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused images not just dangling ones"),
		OPTION_FLAG('f', "force", &force, "Do not prompt for confirmation"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!force && !confirm(all))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || system_prune(engine, all, &outcome, err) < 0)
		return -1;
	print_list("Deleted Containers", &outcome.containers);
	print_list("Deleted Images", &outcome.images);
	char size[16];
	size_format_human(outcome.bytes, size, sizeof size);
	printf("Total reclaimed space: %s\n", size);
	return 0;
}
