/* The two versions behind cgroup.h. Paths are absolute below each hierarchy: "/coracle/<id>". */
#pragma once

#include "runtime/cgroup.h"
#include "runtime/cgroup_layout.h"

int cgroup_v1_create(const struct cgroup_layout *layout, const char *path, const struct spec_resources *resources,
		     struct error *err);
int cgroup_v1_enter(const struct cgroup_layout *layout, const char *path, pid_t pid, struct error *err);
int cgroup_v1_restrict_devices(const struct cgroup_layout *layout, const char *path, const struct device_rule *rules,
			       size_t count, bool *ret_guarded, struct error *err);
int cgroup_v1_destroy(const struct cgroup_layout *layout, const char *path, struct error *err);

int cgroup_v2_create(const struct cgroup_layout *layout, const char *path, const struct spec_resources *resources,
		     struct error *err);
int cgroup_v2_enter(const struct cgroup_layout *layout, const char *path, pid_t pid, struct error *err);
int cgroup_v2_destroy(const struct cgroup_layout *layout, const char *path, struct error *err);

/* An O_PATH descriptor of the group in a hierarchy; with `make`, it and its parents are made. -1 and errno. */
int cgroup_open_group(const struct cgroup_hierarchy *hierarchy, const char *path, bool make);
/* rmdir of the group and of groups that were made below it, waiting for the kernel to let go. Absent is success. */
int cgroup_remove_group(const struct cgroup_hierarchy *hierarchy, const char *path, struct error *err);
/* SIGKILL to each process listed in the group's cgroup.procs; their number. */
int cgroup_kill_listed(int group_fd, size_t *ret_count, struct error *err);
