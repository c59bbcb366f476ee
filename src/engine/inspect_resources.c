#include "engine/inspect_resources.h"

#include <string.h>

#include "engine/inspect.h"
#include "engine/ulimit.h"
#include "runtime/masks.h"

/* [{"Path": "/dev/sda", "Rate": 1048576}] */
static json_t *block_limits(const struct string_list *list, const char *member)
{
	json_t *array = json_array();
	for (size_t i = 0; i < list->count; i++) {
		const char *text = list->items[i], *colon = strrchr(text, ':');
		json_array_append_new(array, json_pack("{s:s%, s:I}", "Path", text, (size_t)(colon - text), member,
						       (json_int_t)strtoll(colon + 1, NULL, 10)));
	}
	return array;
}

static json_t *devices(const struct container_config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->devices.count; i++) {
		cleanup_free char *copy = duplicate_string(config->devices.items[i]);
		char *rest = copy;
		const char *source = strsep(&rest, ":");
		const char *target = strsep(&rest, ":");
		json_array_append_new(array, json_pack("{s:s, s:s, s:s}", "PathOnHost", source, "PathInContainer",
						       target, "CgroupPermissions", rest));
	}
	return array;
}

static json_t *ulimits(const struct container_config *config)
{
	json_t *array = json_array();
	for (size_t i = 0; i < config->ulimits.count; i++) {
		const char *text = config->ulimits.items[i];
		struct spec_limit limit;
		if (ulimit_parse(text, &limit, NULL) == 0)
			json_array_append_new(array,
					      json_pack("{s:s%, s:I, s:I}", "Name", text, strcspn(text, "="), "Hard",
							(json_int_t)limit.hard, "Soft", (json_int_t)limit.soft));
	}
	return array;
}

void inspect_add_resources(json_t *host, const struct container_config *config)
{
	const struct spec_resources *resources = &config->resources;
	const struct {
		const char *name;
		int64_t value;
	} numbers[] = {
		{"CpuShares", resources->cpu_shares},
		{"Memory", resources->memory_bytes},
		{"NanoCpus", config->nano_cpus},
		{"BlkioWeight", resources->block_weight},
		{"CpuPeriod", resources->cpu_period_us},
		{"CpuQuota", resources->cpu_quota_us},
		{"CpuRealtimePeriod", resources->cpu_rt_period_us},
		{"CpuRealtimeRuntime", resources->cpu_rt_runtime_us},
		{"MemoryReservation", resources->memory_reservation_bytes},
		{"MemorySwap", resources->memory_swap_bytes},
		{"OomScoreAdj", config->oom_score_adj},
		{"CpuCount", 0},
		{"CpuPercent", 0},
		{"IOMaximumIOps", 0},
		{"IOMaximumBandwidth", 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		json_object_set_new(host, numbers[i].name, json_integer(numbers[i].value));
	const struct {
		const char *name;
		const struct string_list *list;
		const char *member;
	} blocks[] = {
		{"BlkioWeightDevice", &config->block_weights, "Weight"},
		{"BlkioDeviceReadBps", &config->block_read_bytes, "Rate"},
		{"BlkioDeviceWriteBps", &config->block_write_bytes, "Rate"},
		{"BlkioDeviceReadIOps", &config->block_read_operations, "Rate"},
		{"BlkioDeviceWriteIOps", &config->block_write_operations, "Rate"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
		json_object_set_new(host, blocks[i].name, block_limits(blocks[i].list, blocks[i].member));
	const struct {
		const char *name, *value;
	} texts[] = {
		{"CgroupParent", config->cgroup_parent},
		{"CpusetCpus", config->cpuset_cpus},
		{"CpusetMems", config->cpuset_mems},
		{"Cgroup", NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		json_object_set_new(host, texts[i].name, json_string_nocheck(texts[i].value ? texts[i].value : ""));
	json_object_set_new(host, "MemorySwappiness",
			    resources->sets_swappiness ? json_integer(resources->memory_swappiness) : json_null());
	json_object_set_new(host, "OomKillDisable", json_boolean(resources->oom_kill_disable));
	json_object_set_new(host, "PidsLimit",
			    resources->pids_limit ? json_integer(resources->pids_limit) : json_null());
	json_object_set_new(host, "Devices", devices(config));
	json_object_set_new(host, "DeviceCgroupRules",
			    inspect_list_or_null(&config->device_rules, config->device_rules.count > 0));
	json_object_set_new(host, "DeviceRequests", json_null());
	json_object_set_new(host, "Ulimits", ulimits(config));
}

void inspect_add_modes(json_t *host, const struct container_config *config)
{
	const struct {
		const char *name, *value, *fallback;
	} modes[] = {
		{"CgroupnsMode", config->cgroup_mode, "private"},
		{"IpcMode", config->ipc_mode, "private"},
		{"PidMode", config->pid_mode, ""},
		{"UTSMode", config->uts_mode, ""},
		{"UsernsMode", config->userns_mode, ""},
		{"Isolation", NULL, ""},
	};
	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		json_object_set_new(host, modes[i].name,
				    json_string_nocheck(modes[i].value ? modes[i].value : modes[i].fallback));
	bool is_open = config->privileged || config->shows_system_paths;
	json_object_set_new(host, "MaskedPaths", is_open ? json_array() : masks_list(false));
	json_object_set_new(host, "ReadonlyPaths", is_open ? json_array() : masks_list(true));
	if (config->sysctls.count)
		json_object_set_new(host, "Sysctls", inspect_map(&config->sysctls));
	if (config->annotations.count)
		json_object_set_new(host, "Annotations", inspect_map(&config->annotations));
}

json_t *inspect_security_options(const struct container_config *config)
{
	cleanup_string_list struct string_list options = {0};
	if (config->no_new_privileges)
		string_list_add(&options, "no-new-privileges");
	if (config->seccomp_unconfined)
		string_list_add(&options, "seccomp=unconfined");
	if (config->seccomp_profile)
		string_list_add_format(&options, "seccomp=%s", config->seccomp_profile);
	for (size_t i = 0; i < config->security_words.count; i++)
		string_list_add(&options, config->security_words.items[i]);
	return inspect_list_or_null(&options, options.count > 0);
}
