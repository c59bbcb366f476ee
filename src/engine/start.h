/*
 * A container's record becomes a running process with its monitor.
 *
 * The engine gives out addresses and ports, then forks. The child makes namespaces and network and turns into the
 * monitor; the engine waits for the word that all stands, or for the error. So the database is only ever touched by the
 * engine, and the child of the fork only touches the kernel.
 */
#pragma once

#include "engine/engine.h"
#include "engine/state.h"
#include "store/container.h"

/* "/coracle/<id>", owned by the caller. */
char *container_cgroup_path(const char *id);
/* The same, or below its --cgroup-parent. */
char *container_cgroup(const struct container_record *record);

/*
 * `hold` is what container_create() gave, taken over whatever happens; NULL: the container is held from here on only.
 * ret_client_fd (may be NULL: detached) gets the near end of an attach connection that misses no byte of output.
 * Fails with ERROR_CONFLICT where it runs already. Records the start; on failure the container stays as created.
 */
int container_start(struct engine *engine, struct container_record *record, struct container_hold *hold,
		    int *ret_client_fd, struct error *err);

/* The same for a restart that is due. A failure ends the restarts. */
int container_start_again(struct engine *engine, struct container_record *record, const struct container_hold *hold,
			  struct error *err);
