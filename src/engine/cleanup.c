#include "engine/cleanup.h"
#include "engine/events.h"

#include <string.h>

#include "engine/container_config.h"
#include "engine/network.h"
#include "engine/remove.h"
#include "engine/restart.h"
#include "engine/start.h"
#include "monitor/start.h"
#include "monitor/status.h"
#include "runtime/cgroup.h"
#include "store/address.h"
#include "store/container.h"

/* 128 + SIGKILL: what Docker records for a container that died without an exit code of its own. */
#define LOST_EXIT_CODE 137
/* And where the machine went down with it. */
#define BOOT_EXIT_CODE 255

/* A lock's holder lets go, or becomes a monitor or a waiter, and the lock tells of the first alone. */
#define LOOK_AGAIN (10 * 1000 * 1000LL)

/* What a cleanup found and what comes after it. */
struct outcome {
	bool has_booted; /* since the container was started: its run folder was not there */
	bool is_due;	 /* to be started again, after `delay` */
	nanoseconds delay;
};

static int take_down(struct engine *engine, struct container_record *record, const struct monitor_status *monitor,
		     struct outcome *outcome, struct error *err)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record->config, &config, err) < 0)
		return -1;
	cleanup_free char *cgroup = container_cgroup(record);
	/* First the processes, so that nothing uses what is taken away next. */
	if (cgroup_destroy(cgroup, err) < 0 || network_disconnect(engine, record->id, &config, err) < 0)
		return -1;
	bool has_exit = monitor->state == MONITOR_EXITED;
	nanoseconds finished = has_exit ? monitor->finished : time_now();
	int exit_code = has_exit ? monitor->exit_code : outcome->has_booted ? BOOT_EXIT_CODE : LOST_EXIT_CODE;
	if (has_exit && monitor->out_of_memory)
		event_container(engine, record, "oom", NULL);
	cleanup_free char *code = format_string("%d", exit_code);
	cleanup_free char *span =
		format_string("%lld", (long long)((finished - record->started) / NANOSECONDS_PER_SECOND));
	event_container(engine, record, "die", json_pack("{s:s, s:s}", "exitCode", code, "execDuration", span));
	if (record->remove_on_exit)
		return container_remove_stopped(engine, record->id, true, err);
	outcome->is_due = restart_is_due(record, &config, exit_code, finished - record->started, &outcome->delay);
	return outcome->is_due ? container_set_due(engine->store, record->id, finished, exit_code, outcome->delay, err)
			       : container_set_finished(engine->store, record->id, finished, exit_code, err);
}

static int cleanup_locked(struct engine *engine, const char *id, int run_folder, struct outcome *outcome,
			  struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	if (container_find(engine->store, id, &record, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	if (record.restart_at != 0) {
		/* Its waiter was killed. */
		outcome->is_due = true;
		outcome->delay = restart_remaining(&record);
		return 0;
	}
	struct monitor_status monitor;
	if (monitor_status_read(run_folder, &monitor, err) < 0)
		return -1;
	if (record.finished != 0 || record.started == 0)
		return 0;
	return take_down(engine, &record, &monitor, outcome, err);
}

int container_cleanup(struct engine *engine, const char *id, int lock_fd, struct error *err)
{
	cleanup_close int run_folder = -1;
	struct outcome outcome = {0};
	if (container_open_run_folder(engine->store, id, false, &run_folder, err) < 0 ||
	    cleanup_locked(engine, id, run_folder, &outcome, err) < 0)
		return -1;
	return outcome.is_due ? restart_become_waiter(engine, id, lock_fd, outcome.delay, err) : 0;
}

static int open_run_folder(struct engine *engine, const char *id, bool *ret_is_missing, int *ret_fd, struct error *err)
{
	*ret_is_missing = false;
	if (container_open_run_folder(engine->store, id, false, ret_fd, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	*ret_is_missing = true;
	return container_open_run_folder(engine->store, id, true, ret_fd, err);
}

int container_cleanup_abandoned(struct engine *engine, const char *id, struct error *err)
{
	cleanup_close int run_folder = -1;
	cleanup_close int lock = -1;
	struct outcome outcome = {0};
	if (open_run_folder(engine, id, &outcome.has_booted, &run_folder, err) < 0)
		return -1;
	while (monitor_lock_take(run_folder, &lock, err) < 0) {
		struct monitor_status now;
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
		if (monitor_status_read(run_folder, &now, err) < 0)
			return -1;
		/* Somebody was faster, and has started it again or will. */
		if (now.state == MONITOR_RUNNING || now.state == MONITOR_WAITING)
			return 0;
		if (monitor_wait(run_folder, LOOK_AGAIN, err) < 0 && err->kind != ERROR_LIMIT)
			return -1;
		error_clear(err);
	}
	if (cleanup_locked(engine, id, run_folder, &outcome, err) < 0)
		return -1;
	return outcome.is_due ? restart_fork_waiter(engine, id, lock, outcome.delay, err) : 0;
}
