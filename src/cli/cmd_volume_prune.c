#include <stdio.h>

#include "base/time.h"
#include "cli/command.h"
#include "engine/volume.h"

static bool confirm(bool all)
{
	printf("WARNING! This will remove %slocal volumes not used by at least one container.\n"
	       "Are you sure you want to continue? [y/N] ",
	       all ? "all " : "anonymous ");
	fflush(stdout);
	char answer[16];
	return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

int cmd_volume_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, force = false;
	cleanup_string_list struct string_list filters = {0}, names = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused volumes, not just anonymous ones"),
		OPTION_LIST(0, "filter", &filters, "filter", "Provide filter values (e.g. \"label=<label>\")"),
		OPTION_FLAG('f', "force", &force, "Do not prompt for confirmation"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	uint64_t bytes = 0;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!force && !confirm(all))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    volume_prune(engine, all, &filters, &names, &bytes, err) < 0)
		return -1;
	if (names.count)
		printf("Deleted Volumes:\n");
	for (size_t i = 0; i < names.count; i++)
		printf("%s\n", names.items[i]);
	char size[16];
	size_format_human(bytes, size, sizeof size);
	printf("%sTotal reclaimed space: %s\n", names.count ? "\n" : "", size);
	return 0;
}
