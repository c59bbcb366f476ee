#include "cli/command.h"
#include "engine/filter.h"
#include "engine/prune.h"

static bool confirm(const struct system_prune_options *options)
{
	cleanup_string_list struct string_list lines = {0};
	string_list_add(&lines, "WARNING! This will remove:\n  - " PRUNE_CONTAINERS);
	string_list_add(&lines, "  - " PRUNE_NETWORKS);
	if (options->volumes)
		string_list_add(&lines, "  - all anonymous volumes not used by at least one container");
	string_list_add(&lines, options->all ? "  - " PRUNE_ALL_IMAGES : "  - " PRUNE_DANGLING_IMAGES);
	string_list_add(&lines, options->all ? "  - " PRUNE_ALL_CACHE "\n" : "  - unused build cache\n");
	if (options->filters->count)
		string_list_add(&lines, "  Items to be pruned will be filtered with:");
	for (size_t i = 0; i < options->filters->count; i++)
		string_list_add_format(&lines, "  - %s%s", options->filters->items[i],
				       i + 1 == options->filters->count ? "\n" : "");
	cleanup_free char *warning = string_list_join(&lines, "\n");
	return command_confirm(warning);
}

int cmd_system_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool force = false;
	cleanup_string_list struct string_list filters = {0};
	struct system_prune_options prune = {.filters = &filters};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &prune.all, "Remove all unused images not just dangling ones"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"label=<key>=<value>\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_FLAG(0, "volumes", &prune.volumes, "Prune anonymous volumes"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (prune.volumes && filter_is_set(&filters, "until"))
		return error_set(err, ERROR_INVALID, "the \"until\" filter is not supported with \"--volumes\"");
	if (!force && !confirm(&prune))
		return 0;
	if (command_open_engine(invocation, &engine, err) < 0 || system_prune(engine, &prune, &outcome, err) < 0)
		return -1;
	command_print_removed("Deleted Containers", &outcome.containers);
	command_print_removed("Deleted Networks", &outcome.networks);
	command_print_removed("Deleted Volumes", &outcome.volumes);
	command_print_removed("Deleted Images", &outcome.images);
	command_print_removed("Deleted build cache objects", &outcome.caches);
	command_print_reclaimed(outcome.bytes);
	return 0;
}
