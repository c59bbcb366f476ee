/* `update`: limits and the restart policy of containers that are there, running or not. */
#pragma once

#include <stdint.h>

#include "engine/engine.h"

#define UPDATE_UNCHANGED INT64_MIN

struct container_update {
	const char *restart; /* in the words of the option; NULL: unchanged */
	/* As struct spec_resources has them; UPDATE_UNCHANGED, and 0 but for pids_limit, leave what is. */
	int64_t memory_bytes, memory_swap_bytes, pids_limit, cpu_quota_us, cpu_shares;
	int64_t nano_cpus; /* as struct container_config has it */
};

/* Everything unchanged. */
void container_update_init(struct container_update *update);
/*
 * Checked as a whole by Docker's rules, applied to the control group of a running container, then recorded: all of it
 * or nothing. Each error begins with "Cannot update container ID: ".
 */
int container_update(struct engine *engine, const char *name, const struct container_update *update, struct error *err);
