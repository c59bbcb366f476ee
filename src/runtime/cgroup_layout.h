/* Which hierarchies of control groups this host has, read once from /proc/self/mountinfo. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum cgroup_version { CGROUP_NONE, CGROUP_V1, CGROUP_V2 };

/*
 * Version 1 controllers that a container is put under. The last two where it asks for them only: a fresh group of
 * cpuset takes no process, and one of blkio is of no use without a limit.
 */
enum cgroup_controller {
	CGROUP_MEMORY,
	CGROUP_PIDS,
	CGROUP_CPU,
	CGROUP_CPUACCT,
	CGROUP_DEVICES,
	CGROUP_FREEZER,
	CGROUP_CPUSET,
	CGROUP_BLKIO,
	CGROUP_CONTROLLER_COUNT,
};
extern const char *const cgroup_controller_names[CGROUP_CONTROLLER_COUNT];

#define CGROUP_PATH_LIMIT 256

struct cgroup_hierarchy {
	unsigned controllers; /* 1 << enum cgroup_controller; several where they are mounted together */
	char mount_point[CGROUP_PATH_LIMIT];
};

struct cgroup_layout {
	enum cgroup_version version;
	/* v1: one a mounted hierarchy with a controller of the list; v2: the first is it, controllers is 0. */
	struct cgroup_hierarchy hierarchies[CGROUP_CONTROLLER_COUNT];
	size_t hierarchy_count;
};

/* Version 2 where a cgroup2 mount has controllers (`unified_has_controllers`), else version 1 where any is mounted. */
void cgroup_layout_parse(const char *mountinfo, bool unified_has_controllers, struct cgroup_layout *ret_layout);
/* The path of the cgroup2 mount in `mountinfo`; false without one. */
bool cgroup_layout_find_unified(const char *mountinfo, char ret_path[CGROUP_PATH_LIMIT]);
/* This host's, read at the first call and kept. */
int cgroup_layout_get(const struct cgroup_layout **ret_layout, struct error *err);
/* The hierarchy of a version 1 controller, or NULL. */
const struct cgroup_hierarchy *cgroup_layout_find(const struct cgroup_layout *layout,
						  enum cgroup_controller controller);
/* Of cpuset and blkio alone: a container that asked for nothing of them has no group there. */
bool cgroup_is_optional(const struct cgroup_hierarchy *hierarchy);
