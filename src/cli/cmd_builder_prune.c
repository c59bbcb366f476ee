#include "cli/command.h"
#include "engine/prune.h"

int cmd_builder_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, force = false;
	int64_t keep = 0;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused build cache, not just dangling ones"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=24h\")"),
		OPTION_FLAG('f', "force", &force, "Do not prompt for confirmation"),
		OPTION_BYTES(0, "keep-storage", &keep, "Amount of disk space to keep for cache"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!force && !command_confirm(all ? "WARNING! This will remove all build cache."
					   : "WARNING! This will remove all dangling build cache."))
		return 0;
	const struct builder_prune_options prune = {.all = all, .filters = &filters, .keep = (uint64_t)keep};
	if (command_open_engine(invocation, &engine, err) < 0 || builder_prune(engine, &prune, &outcome, err) < 0)
		return -1;
	command_print_removed("Deleted build cache objects", &outcome.caches);
	command_print_reclaimed(outcome.bytes);
	return 0;
}
