#include "cli/command.h"
#include "engine/resource_options.h"
#include "engine/update.h"

static int update(struct engine *engine, const char *name, void *context, struct error *err)
{
	return container_update(engine, name, context, err);
}

static int apply_cpus(const char *cpus, struct container_update *changes, struct error *err)
{
	if (cpus_parse(cpus, &changes->nano_cpus, err) < 0)
		return -1;
	if (changes->cpu_quota_us != UPDATE_UNCHANGED)
		return error_set(err, ERROR_INVALID,
				 "Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
	return 0;
}

int cmd_update(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	struct container_update changes;
	const char *cpus = NULL;
	container_update_init(&changes);
	const struct option options[] = {
		OPTION_INTEGER(0, "cpu-quota", &changes.cpu_quota_us, "int",
			       "Limit CPU CFS (Completely Fair Scheduler) quota"),
		OPTION_INTEGER('c', "cpu-shares", &changes.cpu_shares, "int", "CPU shares (relative weight)"),
		OPTION_STRING(0, "cpus", &cpus, "decimal", "Number of CPUs"),
		OPTION_BYTES('m', "memory", &changes.memory_bytes, "Memory limit"),
		OPTION_SWAP(0, "memory-swap", &changes.memory_swap_bytes,
			    "Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
		OPTION_INTEGER(0, "pids-limit", &changes.pids_limit, "int",
			       "Tune container pids limit (set -1 for unlimited)"),
		OPTION_STRING(0, "restart", &changes.restart, "string",
			      "Restart policy to apply when a container exits"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (cpus && apply_cpus(cpus, &changes, err) < 0)
		return -1;
	if (!changes.restart && changes.memory_bytes == UPDATE_UNCHANGED &&
	    changes.memory_swap_bytes == UPDATE_UNCHANGED && changes.pids_limit == UPDATE_UNCHANGED &&
	    changes.cpu_quota_us == UPDATE_UNCHANGED && changes.nano_cpus == UPDATE_UNCHANGED &&
	    changes.cpu_shares == UPDATE_UNCHANGED)
		return error_set(err, ERROR_INVALID, "you must provide one or more flags when using this command");
	cleanup_engine struct engine *engine = NULL;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, update, &changes, true);
}
