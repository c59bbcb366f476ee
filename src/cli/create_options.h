/* The options that `run` and `create` share, as one table over one structure. */
#pragma once

#include "cli/options.h"
#include "engine/create.h"
#include "engine/health.h"

#define CREATE_OPTION_COUNT 160 /* room for all of them and the end */

struct create_arguments {
	struct health_options health;
	const char *name, *pull, *platform, *entrypoint, *hostname, *ip, *ip6, *mac_address, *working_directory, *user,
		*stop_signal, *container_id_file, *cpus, *restart, *log_driver, *cpuset_cpus, *cpuset_mems,
		*cgroup_parent, *cgroup_mode, *pid_mode, *ipc_mode, *uts_mode, *userns_mode, *domainname, *gpus,
		*isolation, *runtime, *volume_driver;
	bool oom_kill_disable, use_api_socket;
	bool detach; /* of `run` */
	bool remove, interactive, terminal, use_init, read_only, privileged, publish_all, quiet;
	struct string_list environment, environment_files, volumes, mounts, tmpfs, ports, labels, groups,
		capabilities_add, capabilities_drop, security, extra_hosts, dns, dns_search, dns_options, exposed,
		networks, aliases, links, log_options, annotations, attach, block_weights, block_read_bytes,
		block_write_bytes, block_read_operations, block_write_operations, devices, device_rules, label_files,
		storage, sysctls, ulimits, volumes_from;
	int64_t stop_timeout, memory, memory_swap, pids_limit, cpu_shares, shm_bytes, memory_reservation,
		memory_swappiness, kernel_memory, cpu_period, cpu_quota, cpu_rt_period, cpu_rt_runtime, block_weight,
		oom_score_adj;
};

void create_arguments_init(struct create_arguments *arguments);
void create_arguments_release(struct create_arguments *arguments);
#define cleanup_create_arguments CLEANUP(create_arguments_release)

/* Fills table[] behind what is there already (`used` entries), with its end. */
void create_options_table(struct create_arguments *arguments, struct option *table, size_t used);

/* From what was parsed, and "IMAGE [COMMAND] [ARG...]", to what the engine takes. */
int create_arguments_apply(const struct create_arguments *arguments, int count, char **words,
			   struct container_config *config, struct create_options *options, struct error *err);

/* What is taken, and is not what it seems. */
void create_arguments_warn(const struct create_arguments *arguments);

/* --cidfile: the id, into a file that must not be there yet. */
int create_write_id_file(const struct create_arguments *arguments, const char *id, struct error *err);
