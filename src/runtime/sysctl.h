/*
 * --sysctl: settings of the kernel that are a namespace's own. They are written through a descriptor that was opened
 * while /proc was fresh and not masked yet, below it without links and mounts, and only where fstatfs says that it is
 * proc: whatever else happens in the container meanwhile, nothing but a sysctl is written (CVE-2025-52881).
 */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

/* /proc/sys of the container's root; an owned O_PATH descriptor. */
int sysctl_open(int root_fd, struct error *err);
int sysctl_apply(int proc_sys_fd, const struct spec_sysctl *sysctls, size_t count, struct error *err);

/* /proc/self/oom_score_adj of the calling process, under the same care. 0 where that can not be set is no error. */
int oom_score_apply(int root_fd, int value, struct error *err);
