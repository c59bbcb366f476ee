#include "engine/state.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine/cleanup.h"
#include "engine/health.h"
#include "engine/restart.h"
#include "engine/start.h"
#include "monitor/start.h"
#include "runtime/cgroup.h"

const char *container_state_name(const struct container_state *state)
{
	static const char *const names[] = {"created", "running", "restarting", "exited"};
	return state->is_paused ? "paused" : names[state->status];
}

/* Whether the record and the run folder tell of a start that nobody has cleaned up after, or of one that is due and
 * that nobody waits for. */
static bool needs_cleanup(const struct container_record *record, const struct monitor_status *monitor)
{
	/* A command that holds the lock is starting it, or cleaning up already. */
	if (monitor->state == MONITOR_RUNNING || monitor->state == MONITOR_WAITING || monitor->state == MONITOR_BUSY ||
	    monitor->cleaning)
		return false;
	if (monitor->state == MONITOR_LOST)
		return true;
	return record->restart_at != 0 || (record->started != 0 && record->finished == 0);
}

static int read_monitor(struct engine *engine, const char *id, struct monitor_status *ret_status, struct error *err)
{
	cleanup_close int run_folder = -1;
	struct error ignored = {0};
	/* No run folder: never started since boot. */
	if (container_open_run_folder(engine->store, id, false, &run_folder, &ignored) < 0)
		run_folder = -1;
	return monitor_status_read(run_folder, ret_status, err);
}

/* Whether it is between two runs, or about to be: its cleanup has not got as far as the record. */
static bool is_restarting(const struct container_record *record, const struct monitor_status *monitor)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct error ignored = {0};
	nanoseconds delay;
	if (monitor->state == MONITOR_WAITING || record->restart_at != 0)
		return !record->is_stopped;
	if (record->started == 0 || record->finished != 0)
		return false;
	if (monitor->state == MONITOR_BUSY)
		return record->restarts != 0;
	return monitor->cleaning && container_config_from_json(record->config, &config, &ignored) == 0 &&
	       restart_is_due(record, &config, monitor->exit_code, 0, &delay);
}

int container_state_read(struct engine *engine, struct container_record *record, struct container_state *ret_state,
			 struct error *err)
{
	struct monitor_status monitor;
	if (read_monitor(engine, record->id, &monitor, err) < 0)
		return -1;
	if (needs_cleanup(record, &monitor)) {
		/* The lock decides who repairs; whoever comes second finds it done. */
		if (container_cleanup_abandoned(engine, record->id, err) < 0)
			return error_wrap(err, "clean up after container %.12s", record->id);
		struct container_record fresh = {0};
		if (container_find(engine->store, record->id, &fresh, err) < 0)
			return -1;
		container_record_release(record);
		*record = fresh;
		if (read_monitor(engine, record->id, &monitor, err) < 0)
			return -1;
	}
	struct container_state state = {.started = record->started,
					.finished = record->finished,
					.exit_code = record->exit_code,
					.health = health_status(engine, record)};
	if (monitor.state == MONITOR_RUNNING) {
		state.status = CONTAINER_RUNNING;
		cleanup_free char *cgroup = container_cgroup(record);
		state.is_paused = cgroup_is_frozen(cgroup);
		state.pid = monitor.pid;
		state.started = monitor.started;
		state.finished = 0;
	} else if (is_restarting(record, &monitor)) {
		state.status = CONTAINER_RESTARTING;
		if (record->finished == 0) {
			state.finished = monitor.cleaning ? monitor.finished : record->started;
			state.exit_code = monitor.cleaning ? monitor.exit_code : record->exit_code;
		}
	} else if (monitor.cleaning && record->finished == 0) {
		state.status = CONTAINER_EXITED;
		state.finished = monitor.finished;
		state.exit_code = monitor.exit_code;
	} else {
		state.status = record->finished ? CONTAINER_EXITED : CONTAINER_CREATED;
	}
	*ret_state = state;
	return 0;
}

int container_state_find(struct engine *engine, const char *text, struct container_record *ret_record,
			 struct container_state *ret_state, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	if (container_find(engine->store, text, &record, err) < 0 ||
	    container_state_read(engine, &record, ret_state, err) < 0)
		return -1;
	*ret_record = record;
	record = (struct container_record){0};
	return 0;
}

int container_state_find_again(struct engine *engine, struct container_record *record,
			       struct container_state *ret_state, struct error *err)
{
	cleanup_container_record struct container_record fresh = {0};
	if (container_state_find(engine, record->id, &fresh, ret_state, err) < 0)
		return -1;
	struct container_record old = *record;
	*record = fresh;
	fresh = old;
	return 0;
}

int container_hold_take(struct engine *engine, const char *id, struct container_hold *ret_hold, struct error *err)
{
	cleanup_close int run_folder = -1;
	int lock;
	if (container_open_run_folder(engine->store, id, true, &run_folder, err) < 0)
		return -1;
	for (nanoseconds waited = 0; monitor_lock_take(run_folder, &lock, err) < 0; waited += CONTAINER_BUSY_PAUSE) {
		struct monitor_status monitor;
		if (err->kind != ERROR_CONFLICT)
			return -1;
		if (monitor_status_read(run_folder, &monitor, err) < 0)
			return -1;
		if (monitor.state == MONITOR_RUNNING)
			return error_set(err, ERROR_CONFLICT, "container %s is already running", id);
		if (monitor.state == MONITOR_WAITING)
			return error_set(err, ERROR_CONFLICT,
					 "Container %s is restarting, wait until the container is running", id);
		if (waited > CONTAINER_BUSY_LIMIT)
			return error_set(err, ERROR_CONFLICT, "another command is still working on container %s", id);
		error_clear(err);
		/* The holder either lets go or becomes a monitor, and the lock tells of the first alone. */
		struct timespec pause = {.tv_nsec = CONTAINER_BUSY_PAUSE};
		nanosleep(&pause, NULL);
	}
	*ret_hold = (struct container_hold){.run_folder_fd = steal_fd(&run_folder), .lock_fd = lock};
	return 0;
}

void container_hold_release(struct container_hold *hold)
{
	if (hold->lock_fd >= 0)
		close(hold->lock_fd);
	if (hold->run_folder_fd >= 0)
		close(hold->run_folder_fd);
	*hold = CONTAINER_HOLD_INIT;
}

int container_state_refuse_restarting(const struct container_record *record, const struct container_state *state,
				      struct error *err)
{
	if (state->status != CONTAINER_RESTARTING)
		return 0;
	return error_set(err, ERROR_CONFLICT, "Container %s is restarting, wait until the container is running",
			 record->id);
}

/* Docker's word behind "Up 2 hours"; "" where there is none. */
static const char *remark(const struct container_state *state)
{
	if (state->is_paused)
		return " (Paused)";
	if (strcmp(state->health, "starting") == 0)
		return " (health: starting)";
	if (strcmp(state->health, "healthy") == 0)
		return " (healthy)";
	return strcmp(state->health, "unhealthy") == 0 ? " (unhealthy)" : "";
}

char *container_state_text(const struct container_state *state)
{
	char span[64];
	switch (state->status) {
	case CONTAINER_RUNNING:
		time_format_human(time_now() - state->started, span, sizeof span);
		return format_string("Up %s%s", span, remark(state));
	case CONTAINER_RESTARTING:
		time_format_human(time_now() - state->finished, span, sizeof span);
		return format_string("Restarting (%d) %s ago", state->exit_code, span);
	case CONTAINER_EXITED:
		time_format_human(time_now() - state->finished, span, sizeof span);
		return format_string("Exited (%d) %s ago", state->exit_code, span);
	case CONTAINER_CREATED:
		break;
	}
	return duplicate_string("Created");
}
