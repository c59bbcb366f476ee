#include "engine/remove.h"
#include "engine/events.h"

#include <signal.h>

#include "engine/removed_logs.h"
#include "engine/state.h"
#include "engine/stop.h"
#include "engine/volume.h"

int container_remove_stopped(struct engine *engine, const char *id, bool anonymous_volumes, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct error ignored = {0};
	if (container_find(engine->store, id, &record, err) < 0)
		return -1;
	/* Where it cannot be kept (a full disk) it goes with the container. */
	removed_log_keep(engine, &record, &ignored);
	if ((anonymous_volumes && volume_remove_of(engine, id, err) < 0) ||
	    container_remove(engine->store, id, err) < 0)
		return -1;
	event_container(engine, &record, "destroy", NULL);
	return 0;
}

/* Kills it and waits; whether it has gone by itself then (--rm). */
static int kill_first(struct engine *engine, const struct container_record *record, bool *ret_is_gone,
		      struct error *err)
{
	int exit_code;
	if (container_kill(engine, record->id, SIGKILL, err) < 0 && err->kind != ERROR_CONFLICT)
		return -1;
	error_clear(err);
	*ret_is_gone = record->remove_on_exit;
	if (container_wait(engine, record->id, &exit_code, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	*ret_is_gone = true;
	return 0;
}

/* The container as it was found; ERROR_CONFLICT "… already running" where another command starts it meanwhile. */
static int remove_found(struct engine *engine, const struct container_record *record,
			const struct container_state *state, bool force, bool anonymous_volumes, struct error *err)
{
	bool is_gone = false;
	if (container_state_is_active(state) && !force)
		return error_set(err, ERROR_CONFLICT,
				 "cannot remove container \"/%s\": container is %s: %sstop the container before "
				 "removing or force remove",
				 record->name, container_state_name(state),
				 state->is_paused ? "unpause and then " : "");
	if (container_state_is_active(state) && kill_first(engine, record, &is_gone, err) < 0)
		return -1;
	if (is_gone)
		return 0;
	cleanup_container_hold struct container_hold hold = CONTAINER_HOLD_INIT;
	if (container_hold_take(engine, record->id, &hold, err) < 0)
		return -1;
	return container_remove_stopped(engine, record->id, anonymous_volumes, err);
}

int container_remove_named(struct engine *engine, const char *name, bool force, bool anonymous_volumes,
			   struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct container_state state;
	if (container_state_find(engine, name, &record, &state, err) < 0)
		return -1;
	int result = remove_found(engine, &record, &state, force, anonymous_volumes, err);
	if (result == 0 || err->kind != ERROR_CONFLICT || container_state_is_active(&state))
		return result;
	/* It was being started when we looked, and runs now: what holds for a running one holds for it. */
	error_clear(err);
	if (container_state_read(engine, &record, &state, err) < 0)
		return -1;
	return remove_found(engine, &record, &state, force, anonymous_volumes, err);
}
