#include "engine/logs.h"

#include <fcntl.h>

#include "base/fd.h"
#include "engine/log_files.h"
#include "engine/log_journal.h"
#include "engine/removed_logs.h"
#include "store/container.h"

static int make_details(const struct container_config *config, const struct container_record *record,
			struct container_logs_options *options, char **ret_details, struct error *err)
{
	cleanup_string_list struct string_list attributes = {0};
	if (!options->details)
		return 0;
	if (log_attributes(config, record, &attributes, err) < 0)
		return -1;
	*ret_details = log_details_text(&attributes);
	options->query.details = *ret_details;
	return 0;
}

static int show_removed(struct engine *engine, const char *name, struct container_logs_options *options,
			struct error *err)
{
	cleanup_close int folder = -1;
	cleanup_free char *details = NULL;
	if (removed_log_find(engine, name, &folder, &details, err) < 0)
		return -1;
	if (options->details)
		options->query.details = details;
	return log_read(folder, -1, &options->query, err);
}

int container_logs(struct engine *engine, const char *name, struct container_logs_options *options, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_close int container = -1;
	cleanup_close int folder = -1;
	cleanup_close int run_folder = -1;
	cleanup_free char *details = NULL;
	struct error absent = {0};
	if (options->removed)
		return show_removed(engine, name, options, err);
	if (container_find(engine->store, name, &record, err) < 0)
		return -1;
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	if (container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (config.log_driver == LOG_DRIVER_NONE)
		return error_set(err, ERROR_UNSUPPORTED, "configured logging driver does not support reading");
	if (make_details(&config, &record, options, &details, err) < 0)
		return -1;
	/* Gone after a reboot: then no monitor writes to the log. */
	if (container_open_run_folder(engine->store, record.id, false, &run_folder, &absent) < 0)
		run_folder = -1;
	if (config.log_driver == LOG_DRIVER_JOURNALD)
		return log_journal_read(record.id, run_folder, &options->query, err);
	/* Never started: there is nothing to tell. */
	if (container_open_folder(engine->store, record.id, false, &container, &absent) < 0)
		return 0;
	folder = open_folder_at(container, LOG_FOLDER, false, 0, &absent);
	if (folder < 0)
		return 0;
	return log_read(folder, run_folder, &options->query, err);
}
