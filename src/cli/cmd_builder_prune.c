#include "cli/command.h"
#include "engine/build_gc.h"

int cmd_builder_prune(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool all = false, force = false, policy = false;
	int64_t keep = 0, most = 0, reserved = 0, least_free = 0;
	const char *builder = NULL;
	cleanup_string_list struct string_list filters = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &all, "Remove all unused build cache, not just dangling ones"),
		OPTION_STRING(0, "builder", &builder, "string", "Taken, since there is one builder alone"),
		OPTION_FILTERS(0, "filter", &filters, "Provide filter values (e.g. \"until=24h\")"),
		OPTION_FORCE_PRUNE(&force),
		OPTION_BYTES(0, "keep-storage", &keep, "Amount of disk space to keep for cache"),
		OPTION_BYTES(0, "max-used-space", &most, "Maximum amount of disk space allowed to keep for cache"),
		OPTION_BYTES(0, "min-free-space", &least_free, "Target amount of free disk space after pruning"),
		OPTION_FLAG(0, "policy", &policy, "Remove what builds would remove themselves: by age and size"),
		OPTION_BYTES(0, "reserved-space", &reserved, "Amount of disk space always allowed to keep for cache"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	cleanup_prune_outcome struct prune_outcome outcome = {0};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (!command_may_prune(force, all ? PRUNE_ALL_CACHE : "all dangling build cache"))
		return 0;
	const struct builder_prune_options prune = {
		.all = all,
		.filters = &filters,
		.keep = (uint64_t)(most ? most : keep),
		.reserved = (uint64_t)reserved,
		.free = (uint64_t)least_free,
	};
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    (policy ? build_gc(engine, &outcome, err) : builder_prune(engine, &prune, &outcome, err)) < 0)
		return -1;
	command_print_removed("Deleted build cache objects", &outcome.caches);
	command_print_reclaimed(outcome.bytes);
	return 0;
}
