/*
 * From a spec to a process.
 *
 *     runtime_launch()   clone3 with the namespaces, into the cgroup; the child builds its root, mounts, devices, and
 *                        then waits, confined but for the last steps;
 *     ...                the caller puts the network into namespace `pid` (network/endpoint.h);
 *     runtime_start()    lets it go: user, capabilities, seccomp, execve. Returns once exec has succeeded, or with what
 *                        failed: ERROR_NO_COMMAND (127), ERROR_CANNOT_INVOKE (126), any other kind (125).
 *     runtime_abandon()  kills and reaps one that was not started, removes its cgroup.
 *
 * The caller is the parent of the container's first process and must be single-threaded. It stays its parent through an
 * execve of its own, which is how coracle-monitor takes over (monitor/start.h).
 */
#pragma once

#include "base/error.h"
#include "runtime/spec.h"

struct runtime_process {
	pid_t pid;
	int pidfd;	 /* owned */
	int sync_fd;	 /* owned; closed by start and abandon */
	int terminal_fd; /* owned; the pseudo-terminal's master, -1 without */
};

int runtime_launch(const struct runtime_spec *spec, struct runtime_process *ret_process, struct error *err);
/*
 * `inside` (may be NULL) runs in the child, in all its namespaces and still with its capabilities, before the last
 * steps of confinement: it configures the network. It may allocate nothing.
 */
struct runtime_inside {
	int (*configure)(const void *context, struct error *err);
	/* Must have been filled before runtime_launch: the child has a copy of memory as of then. */
	const void *context;
};
int runtime_launch_with(const struct runtime_spec *spec, const struct runtime_inside *inside,
			struct runtime_process *ret_process, struct error *err);
int runtime_start(struct runtime_process *process, struct error *err);
/* Something that needs the process has failed: where it had failed itself by then, that is the reason to tell, and
 * takes the place of *err. */
void runtime_tell_reason(struct runtime_process *process, struct error *err);
void runtime_abandon(struct runtime_process *process, const char *cgroup);

/*
 * A further process in a running container (`docker exec`): joins namespaces and cgroup of its first process, `pidfd`,
 * and waits, as after runtime_launch; runtime_start lets it go, runtime_abandon (cgroup NULL) kills it. Of the spec
 * counts: cgroup, arguments, environment, working_directory (must be there), user, groups, capabilities,
 * no_new_privileges, seccomp, privileged, terminal, stdio_fds, die_with_parent. Needs Linux 5.8.
 */
int runtime_join(const struct runtime_spec *spec, int pidfd, struct runtime_process *ret_process, struct error *err);
