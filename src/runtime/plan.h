/*
 * What the parent has prepared for the child: a start, seen from inside. Everything that needs memory, the host's files
 * or the host's mount namespace is done before clone3 and waits here; the child has a copy of it and changes only that.
 */
#pragma once

#include <limits.h>

#include "runtime/cgroup.h"
#include "runtime/devices.h"
#include "runtime/launch.h"
#include "runtime/spec.h"

struct start_plan {
	const struct runtime_spec *spec;
	const struct runtime_inside *inside; /* NULL: nothing to configure */

	int join_pidfd; /* runtime_join: the container's first process; -1: a new container */
	int sync_fd;	/* the child's end */
	int root_mount; /* detached; owned */
	int *mount_fds; /* a detached mount for each of spec->mounts; owned */
	int shm_mount;	/* the host's or another container's /dev/shm; -1: one of its own, or none; owned */
	int hostname_mount, hosts_mount, resolv_conf_mount,
		init_mount; /* detached, read-write files; -1: none; owned */
	int doorstep_fd;    /* the program that does the last execve (doorstep.c); owned */

	char **arguments;      /* [0] is room for the resolved path, then the command; NULL-terminated; owned */
	size_t argument_count; /* without the first */
	char **environment;    /* with two free places behind environment_count; the array alone is owned */
	size_t environment_count;
	const char *path;	 /* value of PATH */
	char home[PATH_MAX + 8]; /* "HOME=…" where the environment has none; filled by the child */
	char program[PATH_MAX];

	int cgroup_procs[CGROUP_PROCS_LIMIT]; /* version 1: what the child enters; owned */
	size_t cgroup_procs_count;

	struct device_list devices; /* privileged: the host's */
	uint64_t capabilities;	    /* the spec's, less CAP_MKNOD where no controller guards devices */
};

/* Never returns: it ends in the container's command, or in exit after the error has been sent. */
_Noreturn void child_run(struct start_plan *plan);
