/*
 * What a container is doing, from its record and from what its monitor keeps. Reading it repairs: a container whose
 * monitor has died is taken down as its own cleanup would have done.
 */
#pragma once

#include "engine/engine.h"
#include "monitor/status.h"
#include "store/container.h"

/* Another command's start or cleanup takes some ten milliseconds: how often it is looked at, and when that ends. */
#define CONTAINER_BUSY_PAUSE (2 * 1000 * 1000LL) /* nanoseconds */
#define CONTAINER_BUSY_LIMIT (30 * NANOSECONDS_PER_SECOND)

enum container_status { CONTAINER_CREATED, CONTAINER_RUNNING, CONTAINER_RESTARTING, CONTAINER_EXITED };

struct container_state {
	enum container_status status;
	bool is_paused; /* running, and frozen */
	pid_t pid;	/* while running */
	nanoseconds started, finished;
	int exit_code;
	const char *health; /* "starting", "healthy", "unhealthy"; "none" without a check. Static. */
};

/* Running, or between two runs: what `ps` shows without -a. */
static inline bool container_state_is_active(const struct container_state *state)
{
	return state->status == CONTAINER_RUNNING || state->status == CONTAINER_RESTARTING;
}

/* "created", "running", "paused", "restarting", "exited": Docker's State.Status. */
const char *container_state_name(const struct container_state *state);

/* ERROR_NOT_FOUND where the repair removed it (--rm). */
int container_state_read(struct engine *engine, struct container_record *record, struct container_state *ret_state,
			 struct error *err);

/* Finds the record by what a user typed, and its state. */
int container_state_find(struct engine *engine, const char *text, struct container_record *ret_record,
			 struct container_state *ret_state, struct error *err);

/* The same once more for a record that was found before, which is replaced. */
int container_state_find_again(struct engine *engine, struct container_record *record,
			       struct container_state *ret_state, struct error *err);

/*
 * A container that does not run, held by whoever is about to start or remove it: others wait, then see what became of
 * it. It ends with its last descriptor, so that a monitor goes on holding what its start held.
 */
struct container_hold {
	int run_folder_fd, lock_fd;
};
#define CONTAINER_HOLD_INIT ((struct container_hold){-1, -1})
/* While another command is at it, or a cleanup goes on, this waits. ERROR_CONFLICT where the container runs,
 * or is about to be started again. */
int container_hold_take(struct engine *engine, const char *id, struct container_hold *ret_hold, struct error *err);
void container_hold_release(struct container_hold *hold);
#define cleanup_container_hold CLEANUP(container_hold_release)

/* "Container ID is restarting, wait until the container is running", which is what Docker says; ERROR_CONFLICT. */
int container_state_refuse_restarting(const struct container_record *record, const struct container_state *state,
				      struct error *err);

/* "Up 4 minutes", "Up 2 hours (healthy)", "Restarting (1) 3 seconds ago", "Exited (0) 2 hours ago", "Created": the
 * STATUS column. Owned by the caller. */
char *container_state_text(const struct container_state *state);
