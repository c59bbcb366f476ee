#include "engine/restart.h"

#include <errno.h>

#include "base/fd.h"
#include "engine/list.h"
#include "engine/monitor_fork.h"
#include "engine/start.h"
#include "engine/state.h"
#include "monitor/lock.h"
#include "monitor/start.h"

#define FIRST_DELAY (100 * 1000 * 1000LL)
#define LAST_DELAY  (60 * NANOSECONDS_PER_SECOND)
#define LONG_RUN    (10 * NANOSECONDS_PER_SECOND)

bool restart_is_due(const struct container_record *record, const struct container_config *config, int exit_code,
		    nanoseconds span, nanoseconds *ret_delay)
{
	if (record->is_stopped || record->remove_on_exit)
		return false;
	switch (config->restart_policy) {
	case RESTART_NO:
		return false;
	case RESTART_ON_FAILURE:
		if (exit_code == 0 || (config->restart_limit && record->restarts >= config->restart_limit))
			return false;
		break;
	case RESTART_ALWAYS:
	case RESTART_UNLESS_STOPPED:
		break;
	}
	nanoseconds delay = span >= LONG_RUN || record->restart_delay <= 0 ? FIRST_DELAY : record->restart_delay * 2;
	*ret_delay = delay < LAST_DELAY ? delay : LAST_DELAY;
	return true;
}

nanoseconds restart_remaining(const struct container_record *record)
{
	nanoseconds left = record->restart_at - time_now();
	nanoseconds most = record->restart_delay < LAST_DELAY ? record->restart_delay : LAST_DELAY;
	if (left > most)
		left = most;
	return left > 0 ? left : 0;
}

static struct monitor_options waiter_options(const struct engine *engine, const char *id, int lock_fd)
{
	return (struct monitor_options){
		.program = engine->monitor,
		.engine = engine->program,
		.root = engine->store->root,
		.run_root = engine->store->run_root,
		.id = id,
		.lock_fd = lock_fd,
	};
}

int restart_become_waiter(struct engine *engine, const char *id, int lock_fd, nanoseconds delay, struct error *err)
{
	struct monitor_options options = waiter_options(engine, id, lock_fd);
	return monitor_become_waiter(&options, delay, err);
}

struct waiter {
	struct engine *engine;
	const char *id;
	int lock_fd;
	nanoseconds delay;
};

static int become_waiter(const void *context, int report_fd, struct error *err)
{
	const struct waiter *waiter = context;
	/* Our name first: nobody may sleep on the end of the command that we come from. */
	if (lock_write_text(waiter->lock_fd, LOCK_WAITER, NULL) < 0)
		return error_set_errno(err, errno, "write the container's lock file");
	if (write_full(report_fd, "", 1, err) < 0)
		return -1;
	return restart_become_waiter(waiter->engine, waiter->id, waiter->lock_fd, waiter->delay, err);
}

int restart_fork_waiter(struct engine *engine, const char *id, int lock_fd, nanoseconds delay, struct error *err)
{
	const struct waiter waiter = {engine, id, lock_fd, delay};
	return monitor_fork(become_waiter, &waiter, err);
}

int container_start_due(struct engine *engine, const char *id, int lock_fd, struct error *err)
{
	/* The lock stays the caller's. */
	struct container_hold hold = {.lock_fd = lock_fd};
	cleanup_close int run_folder = -1;
	cleanup_container_record struct container_record record = {0};
	if (container_open_run_folder(engine->store, id, false, &run_folder, err) < 0 ||
	    monitor_lock_adopt(run_folder, lock_fd, err) < 0 || container_find(engine->store, id, &record, err) < 0)
		return -1;
	hold.run_folder_fd = run_folder;
	return record.restart_at == 0 ? 0 : container_start_again(engine, &record, &hold, err);
}

/* Whether it is to run after a boot; `state` has been read, which repaired what was running. */
static bool runs_after_boot(const struct container_view *view)
{
	if (container_state_is_active(&view->state))
		return false;
	return view->config.restart_policy == RESTART_ALWAYS ||
	       (view->config.restart_policy == RESTART_UNLESS_STOPPED && !view->record.is_stopped &&
		view->record.started != 0);
}

int container_start_all(struct engine *engine, const struct engine_report *report, struct error *err)
{
	cleanup_container_views struct container_views views = {0};
	if (container_view_list(engine, true, &views, err) < 0)
		return -1;
	int result = 0;
	/* The oldest first, as they came. */
	for (size_t i = views.count; i-- > 0;) {
		struct error problem = {0};
		if (!runs_after_boot(&views.items[i]) ||
		    container_start(engine, &views.items[i].record, NULL, NULL, &problem) == 0)
			continue;
		/* Somebody started it meanwhile. */
		if (problem.kind == ERROR_CONFLICT &&
		    container_state_read(engine, &views.items[i].record, &views.items[i].state, &problem) == 0 &&
		    container_state_is_active(&views.items[i].state))
			continue;
		engine_report_line(report, "%s: %s", views.items[i].record.name, problem.message);
		result = error_set(err, ERROR_SYSTEM, "not every container could be started");
	}
	return result;
}
