#include "engine/logs.h"

#include <fcntl.h>

#include "base/fd.h"
#include "engine/container_config.h"
#include "store/container.h"

int container_logs(struct engine *engine, const char *name, const struct log_query *query, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_close int folder = -1;
	cleanup_close int run_folder = -1;
	struct error absent = {0};
	if (container_find(engine->store, name, &record, err) < 0)
		return -1;
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (config.log_driver == LOG_DRIVER_NONE)
		return error_set(err, ERROR_UNSUPPORTED, "configured logging driver does not support reading");
	/* Never started: there is nothing to tell. */
	if (container_open_folder(engine->store, record.id, false, &folder, &absent) < 0)
		return 0;
	cleanup_close int log = openat(folder, "container.log", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (log < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open the log of container %s", name);
	/* Gone after a reboot: then no monitor writes to the log. */
	if (container_open_run_folder(engine->store, record.id, false, &run_folder, &absent) < 0)
		run_folder = -1;
	return log_read(log, run_folder, query, err);
}
