/* The mounts that every container has, as Docker's have them. */
#pragma once

#include "base/error.h"
#include "runtime/cgroup_layout.h"
#include "runtime/spec.h"

/* /proc, /dev and what is below, /sys. In the container's namespaces, its root being "/". */
/* shm_mount: what stands in for a /dev/shm of its own; -1: none does. */
int mount_table_apply(int root_fd, const struct runtime_spec *spec, int shm_mount, struct error *err);
/* /sys/fs/cgroup: the container's own group as the root of each hierarchy, read-only unless it is privileged. In its
 * own cgroup namespace. Nothing where the host has no cgroups. */
int mount_table_apply_cgroups(int root_fd, const struct runtime_spec *spec, const struct cgroup_layout *layout,
			      struct error *err);
