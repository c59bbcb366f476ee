/*
 * Control groups: version 1 hierarchies (each controller mounted on its own), version 2, and hosts that have neither,
 * where a start without limits goes on and one that asks for a limit fails, naming it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "runtime/spec.h"

/* Makes the group in each hierarchy there is and sets the limits. */
int cgroup_create(const char *path, const struct spec_resources *resources, struct error *err);
/* Moves a process into it. */
int cgroup_enter(const char *path, pid_t pid, struct error *err);
/* The text of its cgroup.procs: a pid a line, as this pid namespace numbers them. */
int cgroup_read_processes(const char *path, struct buffer *ret_text, struct error *err);
/*
 * fork(2) whose child begins its life in the group `path`, which is made where it is missing and gets no limits: what
 * is to outlive the session or the service that it was started from must not be in that one's group, which systemd
 * kills as a whole. On a host without version 2, and where this is forbidden, the child stays where its parent is.
 */
pid_t cgroup_fork(const char *path);
/* SIGKILL to all its processes (cgroup.kill, or the freezer and a loop), then removes it. Absent is success. */
int cgroup_destroy(const char *path, struct error *err);

/*
 * Stops all its processes where they are, or lets them go on, and returns once that is so: the freezer of version 1,
 * cgroup.freeze of version 2. ERROR_UNSUPPORTED on a host that has neither.
 */
int cgroup_set_frozen(const char *path, bool frozen, struct error *err);
/* False also where it is not there or the host has no freezer. */
bool cgroup_is_frozen(const char *path);

/* A descriptor of the file in which a line "oom_kill N" counts its processes that were killed for want of memory; -1
 * where there is none. Owned. */
int cgroup_open_memory_events(const char *path);

/*
 * Lets its processes use only the devices that Docker gives to all, and those of the `count` rules: a list on version
 * 1, a BPF program on version 2.
 * ret_guarded is false where this host can not do that; then a container must not be able to make device nodes.
 */
int cgroup_restrict_devices(const char *path, const struct device_rule *rules, size_t count, bool *ret_guarded,
			    struct error *err);
/* Whether groups of this host are guarded in that way once they have been restricted. */
int cgroup_can_restrict_devices(bool *ret_guarded, struct error *err);
/*
 * How a process gets into its group at birth, so that its parent need not wait for the kernel to move it. Version 2:
 * ret_fd is a descriptor of the group for CLONE_INTO_CGROUP. Version 1: ret_procs are descriptors of the tasks files,
 * in each of which the child writes "0" (itself), *ret_count of them. All are owned; ret_fd is -1 and *ret_count 0
 * where there is none.
 */
#define CGROUP_PROCS_LIMIT 8
int cgroup_open(const char *path, int *ret_fd, int ret_procs[CGROUP_PROCS_LIMIT], size_t *ret_count, struct error *err);
/* In the child, with what cgroup_open gave. */
int cgroup_enter_self(const int *procs, size_t count, struct error *err);
