#include "engine/cleanup.h"

#include <string.h>

#include "engine/container_config.h"
#include "engine/network.h"
#include "engine/remove.h"
#include "engine/start.h"
#include "monitor/start.h"
#include "monitor/status.h"
#include "runtime/cgroup.h"
#include "store/address.h"
#include "store/container.h"

/* 128 + SIGKILL: what Docker records for a container that died without an exit code of its own. */
#define LOST_EXIT_CODE 137

static int take_down(struct engine *engine, struct container_record *record, const struct monitor_status *monitor,
		     struct error *err)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record->config, &config, err) < 0)
		return -1;
	cleanup_free char *cgroup = container_cgroup_path(record->id);
	/* First the processes, so that nothing uses what is taken away next. */
	if (cgroup_destroy(cgroup, err) < 0 || network_disconnect(engine, record->id, &config, err) < 0)
		return -1;
	if (record->remove_on_exit)
		return container_remove_stopped(engine, record->id, true, err);
	bool has_exit = monitor->state == MONITOR_EXITED;
	return container_set_finished(engine->store, record->id, has_exit ? monitor->finished : time_now(),
				      has_exit ? monitor->exit_code : LOST_EXIT_CODE, err);
}

static int cleanup_locked(struct engine *engine, const char *id, int run_folder, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	if (container_find(engine->store, id, &record, err) < 0) {
		if (err->kind != ERROR_NOT_FOUND)
			return -1;
		error_clear(err);
		return 0;
	}
	struct monitor_status monitor;
	if (monitor_status_read(run_folder, &monitor, err) < 0)
		return -1;
	if (record.finished != 0 || record.started == 0)
		return 0;
	return take_down(engine, &record, &monitor, err);
}

int container_cleanup(struct engine *engine, const char *id, struct error *err)
{
	cleanup_close int run_folder = -1;
	if (container_open_run_folder(engine->store, id, false, &run_folder, err) < 0)
		return -1;
	return cleanup_locked(engine, id, run_folder, err);
}

int container_cleanup_abandoned(struct engine *engine, const char *id, struct error *err)
{
	cleanup_close int run_folder = -1;
	cleanup_close int lock = -1;
	if (container_open_run_folder(engine->store, id, true, &run_folder, err) < 0 ||
	    monitor_wait(run_folder, -1, err) < 0)
		return -1;
	if (monitor_lock_take(run_folder, &lock, err) < 0) {
		/* Somebody was faster and is at it; once the lock is free again, all is done. */
		if (err->kind != ERROR_CONFLICT)
			return -1;
		error_clear(err);
		return monitor_wait(run_folder, -1, err);
	}
	return cleanup_locked(engine, id, run_folder, err);
}
