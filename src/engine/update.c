#include "engine/update.h"

#include <stddef.h>

#include "engine/container_config.h"
#include "engine/events.h"
#include "engine/launch_resources.h"
#include "engine/resource_options.h"
#include "engine/start.h"
#include "engine/state.h"
#include "runtime/cgroup_update.h"

#define MEMORY_MINIMUM (6 * 1024 * 1024)

/* What is a number in both, once for all that is done with them. */
static const struct {
	size_t from, to;
	bool zero_counts; /* 0 is a value, not the absence of one */
} numbers[] = {
#define NUMBER(name, zero_counts)                                                                                      \
	{                                                                                                              \
		offsetof(struct container_update, name), offsetof(struct spec_resources, name), zero_counts            \
	}
	NUMBER(memory_bytes, false), NUMBER(memory_swap_bytes, false), NUMBER(pids_limit, true),
	NUMBER(cpu_quota_us, false), NUMBER(cpu_shares, false),
#undef NUMBER
};

void container_update_init(struct container_update *update)
{
	*update = (struct container_update){.nano_cpus = UPDATE_UNCHANGED};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		*(int64_t *)((char *)update + numbers[i].from) = UPDATE_UNCHANGED;
}

static void merge(const struct container_update *update, struct spec_resources *resources)
{
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		int64_t value = *(const int64_t *)((const char *)update + numbers[i].from);
		if (value != UPDATE_UNCHANGED && (value != 0 || numbers[i].zero_counts))
			*(int64_t *)((char *)resources + numbers[i].to) = value;
	}
	/* -1 is no limit, as 0 is. */
	if (resources->pids_limit < 0)
		resources->pids_limit = 0;
	if (resources->cpu_quota_us < 0)
		resources->cpu_quota_us = 0;
}

static int check(const struct container_update *update, const struct spec_resources *from,
		 const struct spec_resources *to, struct error *err)
{
	bool has_swap = update->memory_swap_bytes != UPDATE_UNCHANGED && update->memory_swap_bytes != 0;
	if (to->memory_bytes && to->memory_bytes < MEMORY_MINIMUM)
		return error_set(err, ERROR_INVALID, "Minimum memory limit allowed is 6MB");
	if (!has_swap && from->memory_swap_bytes > 0 && to->memory_bytes > from->memory_swap_bytes)
		return error_set(err, ERROR_INVALID,
				 "Memory limit should be smaller than already set memoryswap limit, update the "
				 "memoryswap at the same time");
	if (to->memory_swap_bytes > 0 && !to->memory_bytes)
		return error_set(err, ERROR_INVALID,
				 "You should always set the Memory limit when using Memoryswap limit, see usage");
	if (to->memory_swap_bytes > 0 && to->memory_swap_bytes < to->memory_bytes)
		return error_set(err, ERROR_INVALID,
				 "Minimum memoryswap limit should be larger than memory limit, see usage");
	return 0;
}

/* A number of processors is a quota by another name: one of them may be set. */
static int check_processors(const struct container_update *update, const struct container_config *config,
			    struct error *err)
{
	bool sets_quota = update->cpu_quota_us != UPDATE_UNCHANGED && update->cpu_quota_us != 0;
	bool sets_cpus = update->nano_cpus != UPDATE_UNCHANGED && update->nano_cpus != 0;
	if (sets_quota && config->nano_cpus)
		return error_set(err, ERROR_INVALID,
				 "Conflicting options: CPU Quota cannot be updated as NanoCPUs has already been set");
	if (sets_cpus && (config->resources.cpu_period_us || config->resources.cpu_quota_us))
		return error_set(err, ERROR_INVALID,
				 "Conflicting options: Nano CPUs cannot be updated as CPU %s has already been set",
				 config->resources.cpu_period_us ? "Period" : "Quota");
	return 0;
}

static int check_restart(const struct container_record *record, const struct container_update *update,
			 struct container_config *config, struct error *err)
{
	if (!update->restart)
		return 0;
	if (container_config_set_restart(config, update->restart, err) < 0)
		return -1;
	if (record->remove_on_exit && config->restart_policy != RESTART_NO)
		return error_set(err, ERROR_CONFLICT,
				 "Restart policy cannot be updated because AutoRemove is enabled for the container");
	return 0;
}

static int apply(struct engine *engine, const struct container_record *record, bool is_running,
		 const struct container_update *update, struct container_config *config, struct error *err)
{
	struct spec_resources from, to;
	cleanup_free char *cgroup = container_cgroup(record);
	launch_resources_numbers(config, &from);
	if (check_processors(update, config, err) < 0)
		return -1;
	merge(update, &config->resources);
	if (update->nano_cpus != UPDATE_UNCHANGED && update->nano_cpus != 0)
		config->nano_cpus = update->nano_cpus;
	launch_resources_numbers(config, &to);
	if (container_config_check_processors(config, err) < 0 || check(update, &from, &to, err) < 0 ||
	    check_restart(record, update, config, err) < 0)
		return -1;
	if (is_running && cgroup_update(cgroup, &from, &to, err) < 0) {
		/* It has ended since it was looked at: the record is what counts. */
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
	}
	cleanup_json json_t *document = container_config_to_json(config);
	if (container_set_config(engine->store, record->id, document, err) == 0)
		return 0;
	if (is_running)
		cgroup_update(cgroup, &to, &from, NULL);
	return -1;
}

int container_update(struct engine *engine, const char *name, const struct container_update *update, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	struct container_state state;
	container_config_init(&config);
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (apply(engine, &record, state.status == CONTAINER_RUNNING, update, &config, err) < 0)
		return error_wrap(err, "Cannot update container %s", record.id);
	event_container(engine, &record, "update", NULL);
	return 0;
}
