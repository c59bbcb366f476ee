/*
 * All descriptors and texts that a start needs, opened before the fork, so that the child allocates and resolves
 * nothing: from a container's config to a struct runtime_spec.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "engine/launch_resources.h"
#include "engine/log_files.h"
#include "engine/network.h"
#include "runtime/seccomp.h"
#include "runtime/spec.h"
#include "store/container.h"

struct launch_plan {
	struct runtime_spec spec; /* borrows from what follows */
	int *layer_fds;		  /* top first */
	size_t layer_count;
	struct spec_mount *mounts;
	size_t mount_count;
	char *cgroup;
	char *hostname;
	char *init_path;
	char **arguments; /* NULL-terminated; items borrowed from the config */
	struct seccomp_filter seccomp;
	struct launch_resources resources;
	int pid_pidfd, ipc_pidfd; /* of the containers whose namespaces are joined; -1 */
	struct log_plan log;
	int container_folder;
	int network_fd; /* of the container whose network is shared; -1: none */
};
#define LAUNCH_PLAN_INIT                                                                                               \
	((struct launch_plan){                                                                                         \
		.log = LOG_PLAN_INIT, .container_folder = -1, .network_fd = -1, .pid_pidfd = -1, .ipc_pidfd = -1})

int launch_plan_make(struct engine *engine, const struct container_record *record,
		     const struct container_config *config, const struct network_plan *network,
		     struct launch_plan *ret_plan, struct error *err);
void launch_plan_release(struct launch_plan *plan);
#define cleanup_launch_plan CLEANUP(launch_plan_release)

/* --hostname, the host's own with `--uts host`, or the id's beginning; owned by the caller. */
char *container_hostname(const struct container_record *record, const struct container_config *config);

/* What every process of a container has, `exec`'s too: Docker's variables, then those of the config, added to the list;
 * and its filter, NULL where it is unconfined. ret_filter owns what ret_program points into. */
void launch_environment(const struct container_config *config, const char *hostname, struct string_list *environment);
int launch_seccomp(struct engine *engine, const struct container_config *config, struct seccomp_filter *ret_filter,
		   const struct sock_fprog **ret_program, struct error *err);
