#include "engine/stop.h"
#include "engine/events.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/signals.h"
#include "engine/container_config.h"
#include "engine/start.h"
#include "engine/state.h"
#include "runtime/cgroup.h"

#define DEFAULT_STOP_SECONDS 10

static int open_run_folder(struct engine *engine, const struct container_record *record, int *ret_fd, struct error *err)
{
	return container_open_run_folder(engine->store, record->id, true, ret_fd, err);
}

/*
 * A pid may be given out again, so the process is pinned by a pidfd first, and only then is it asked whether it is
 * still the container's. Gone already is success.
 */
static int send_signal(int run_folder, pid_t pid, int number, struct error *err)
{
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return errno == ESRCH ? 0 : error_set_errno(err, errno, "open process %d", (int)pid);
	struct monitor_status now;
	if (monitor_status_read(run_folder, &now, err) < 0)
		return -1;
	if (now.state != MONITOR_RUNNING || now.pid != pid)
		return 0;
	if (syscall(SYS_pidfd_send_signal, pidfd, number, NULL, 0) < 0 && errno != ESRCH)
		return error_set_errno(err, errno, "send signal %d to process %d", number, (int)pid);
	return 0;
}

/* A frozen process takes no signal: it gets what was sent when it goes on, as with Docker. Ended meanwhile is success.
 */
static int send_and_wake(struct engine *engine, int run_folder, const struct container_record *record,
			 const struct container_state *state, int number, struct error *err)
{
	cleanup_free char *text = format_string("%d", number);
	if (send_signal(run_folder, state->pid, number, err) < 0)
		return -1;
	event_container(engine, record, "kill", json_pack("{s:s}", "signal", text));
	if (!state->is_paused)
		return 0;
	cleanup_free char *cgroup = container_cgroup(record);
	if (cgroup_set_frozen(cgroup, false, err) == 0)
		return 0;
	if (err->kind != ERROR_NOT_FOUND)
		return -1;
	error_clear(err);
	return 0;
}

static int choose_signal(const struct container_config *config, const char *signal_text, int *ret_number,
			 struct error *err)
{
	*ret_number = SIGTERM;
	if (!signal_text)
		signal_text = config->stop_signal;
	return signal_text && *signal_text ? signal_parse(signal_text, ret_number, err) : 0;
}

/*
 * It is not started again, whoever is at that: a cleanup or a start that is under way is waited for, a waiter ended.
 * What runs after that, in *state, is the caller's to end.
 */
static int cancel_restart(struct engine *engine, struct container_record *record, struct container_state *state,
			  struct error *err)
{
	cleanup_close int run_folder = -1;
	if (container_set_stopped(engine->store, record->id, err) < 0 ||
	    container_open_run_folder(engine->store, record->id, true, &run_folder, err) < 0)
		return -1;
	record->is_stopped = true;
	record->restart_at = 0;
	if (state->status != CONTAINER_RESTARTING)
		return 0;
	nanoseconds limit = time_monotonic() + CONTAINER_BUSY_LIMIT;
	for (;;) {
		struct monitor_status now;
		if (monitor_end_waiter(run_folder, err) < 0 || monitor_status_read(run_folder, &now, err) < 0)
			return -1;
		/* Lets go, or becomes a monitor, and the lock tells of the first alone. */
		if (now.state == MONITOR_RUNNING || monitor_wait(run_folder, CONTAINER_BUSY_PAUSE, err) == 0)
			return container_state_find_again(engine, record, state, err);
		if (err->kind != ERROR_LIMIT)
			return -1;
		if (time_monotonic() > limit)
			return error_set(err, ERROR_CONFLICT, "another command is still working on container %s",
					 record->id);
		error_clear(err);
	}
}

int container_stop(struct engine *engine, const char *name, const char *signal_text, int64_t timeout, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct container_state state;
	int number;
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0 ||
	    choose_signal(&config, signal_text, &number, err) < 0 ||
	    (container_state_is_active(&state) && cancel_restart(engine, &record, &state, err) < 0))
		return -1;
	if (state.status != CONTAINER_RUNNING)
		return 0;
	if (timeout < 0)
		timeout = config.stop_timeout >= 0 ? config.stop_timeout : DEFAULT_STOP_SECONDS;
	cleanup_close int run_folder = -1;
	if (open_run_folder(engine, &record, &run_folder, err) < 0 ||
	    send_and_wake(engine, run_folder, &record, &state, number, err) < 0)
		return -1;
	if (monitor_wait(run_folder, timeout * NANOSECONDS_PER_SECOND, err) < 0) {
		if (err->kind != ERROR_LIMIT)
			return -1;
		error_clear(err);
		if (send_and_wake(engine, run_folder, &record, &state, SIGKILL, err) < 0 ||
		    monitor_wait(run_folder, -1, err) < 0)
			return -1;
	}
	event_container(engine, &record, "stop", NULL);
	return 0;
}

int container_kill(struct engine *engine, const char *name, int signal_number, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct container_state state;
	cleanup_close int run_folder = -1;
	int stop_signal;
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0 ||
	    choose_signal(&config, NULL, &stop_signal, err) < 0)
		return -1;
	if (container_state_is_active(&state) && (signal_number == SIGKILL || signal_number == stop_signal)) {
		bool was_restarting = state.status == CONTAINER_RESTARTING;
		if (cancel_restart(engine, &record, &state, err) < 0)
			return -1;
		if (was_restarting && state.status != CONTAINER_RUNNING)
			return 0;
	}
	if (state.status == CONTAINER_RESTARTING)
		return 0;
	if (state.status != CONTAINER_RUNNING)
		return error_set(err, ERROR_CONFLICT, "cannot kill container: %s: container %s is not running", name,
				 record.id);
	if (open_run_folder(engine, &record, &run_folder, err) < 0)
		return -1;
	return send_and_wake(engine, run_folder, &record, &state, signal_number, err);
}

int container_pause(struct engine *engine, const char *name, bool pause, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct container_state state;
	if (container_state_find(engine, name, &record, &state, err) < 0)
		return -1;
	if (!pause && !state.is_paused)
		return error_set(err, ERROR_CONFLICT, "Container %s is not paused", record.id);
	if (container_state_refuse_restarting(&record, &state, err) < 0)
		return -1;
	if (state.status != CONTAINER_RUNNING)
		return error_set(err, ERROR_CONFLICT, "container %s is not running", record.id);
	if (pause && state.is_paused)
		return error_set(err, ERROR_CONFLICT, "Container %s is already paused", record.id);
	cleanup_free char *cgroup = container_cgroup(&record);
	if (cgroup_set_frozen(cgroup, pause, err) < 0)
		return error_wrap(err, "cannot %s container %s", pause ? "pause" : "unpause", record.id);
	event_container(engine, &record, pause ? "pause" : "unpause", NULL);
	return 0;
}

int container_wait(struct engine *engine, const char *name, int *ret_exit_code, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct container_state state;
	if (container_state_find(engine, name, &record, &state, err) < 0)
		return -1;
	while (container_state_is_active(&state)) {
		cleanup_close int run_folder = -1;
		struct monitor_status last;
		if (container_open_run_folder(engine->store, record.id, true, &run_folder, err) < 0 ||
		    monitor_wait_exit(run_folder, &last, err) < 0)
			return -1;
		if (last.state == MONITOR_EXITED) {
			*ret_exit_code = last.exit_code;
			return 0;
		}
		/* Who was killed said nothing: whoever looks next repairs, and then the record tells. */
		if (container_state_find_again(engine, &record, &state, err) < 0)
			return -1;
	}
	*ret_exit_code = state.exit_code;
	return 0;
}
