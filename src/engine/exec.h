/* `exec`: a further process in a container that runs, with a monitor of its own, so that it outlives our command. */
#pragma once

#include "engine/engine.h"
#include "engine/run.h"

#define EXEC_ID_SIZE 65

struct exec_options {
	struct string_list environment; /* KEY=VALUE, over the container's */
	const char *user;		/* NULL: the container's */
	const char *working_directory;	/* NULL: the container's */
	bool terminal, input, privileged;
	bool detach;		/* its output goes nowhere */
	char *const *arguments; /* NULL-terminated */
	char *id;		/* room for EXEC_ID_SIZE bytes, or NULL: gets the id, its folder being exec-ID */
};

/*
 * It joins namespaces and cgroup of the container's first process, which is pinned by a pidfd before it is asked
 * whether it still is that. The filter is the container's own, with --privileged too, as with Docker. ret_client_fd
 * (NULL where options->detach) is the near end of an attach connection for container_foreground(). Docker's words:
 * "container ID is not running". ERROR_NO_COMMAND and ERROR_CANNOT_INVOKE as for a start.
 */
int container_exec(struct engine *engine, const char *name, const struct exec_options *options, int *ret_client_fd,
		   struct error *err);

/* Told by whoever saw its end: the event exec_die. */
void container_exec_ended(struct engine *engine, const char *name, const char *exec_id, int exit_code);
