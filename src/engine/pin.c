#include "engine/pin.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "engine/container_config.h"
#include "engine/state.h"
#include "monitor/status.h"

int container_pin(int run_folder, const struct container_record *record, pid_t pid, int *ret_pidfd, struct error *err)
{
	struct monitor_status now;
	cleanup_close int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0 && errno != ESRCH)
		return error_set_errno(err, errno, "open process %d", (int)pid);
	if (monitor_status_read(run_folder, &now, err) < 0)
		return -1;
	if (pidfd < 0 || now.state != MONITOR_RUNNING || now.pid != pid)
		return error_set(err, ERROR_CONFLICT, "container %s is not running", record->id);
	*ret_pidfd = steal_fd(&pidfd);
	return 0;
}

/* Docker's rule for IPC: the other one must have said that it may be joined. */
static int check_shareable(const struct container_record *record, struct error *err)
{
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record->config, &config, err) < 0)
		return -1;
	if (!config.ipc_mode || strcmp(config.ipc_mode, "shareable") != 0)
		return error_set(err, ERROR_INVALID,
				 "can't join IPC of container %s: non-shareable IPC (hint: use IpcMode:shareable for "
				 "the donor container)",
				 record->id);
	return 0;
}

int container_pin_joined(struct engine *engine, const char *id, const char *what, int *ret_pidfd, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct container_state state;
	cleanup_close int run_folder = -1;
	if (container_state_find(engine, id, &record, &state, err) < 0 ||
	    (strcmp(what, "IPC") == 0 && check_shareable(&record, err) < 0))
		return -1;
	if (state.status != CONTAINER_RUNNING)
		return error_set(err, ERROR_CONFLICT, "cannot join %s of a non running container: %s", what, id);
	if (container_open_run_folder(engine->store, record.id, false, &run_folder, err) < 0)
		return -1;
	return container_pin(run_folder, &record, state.pid, ret_pidfd, err);
}
