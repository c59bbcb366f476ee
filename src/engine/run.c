#include "engine/run.h"

#include "engine/state.h"
#include "monitor/status.h"

int container_foreground(int client_fd, const struct container_config *config, const struct foreground_options *options,
			 enum attach_end *ret_end, int *ret_exit_code, struct error *err)
{
	cleanup_close int connection = client_fd;
	struct attach_options attach = {
		.connection_fd = connection,
		.input = options->input && config->open_input,
		.hides_output = options->hides_output,
		.hides_problems = options->hides_problems,
		.terminal = config->terminal,
		.pass_signals = options->pass_signals && !config->terminal,
		.detach_keys = options->detach_keys,
	};
	return attach_run(&attach, ret_end, ret_exit_code, err);
}

int container_attach(struct engine *engine, const char *name, const struct foreground_options *options,
		     enum attach_end *ret_end, int *ret_exit_code, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct container_state state;
	cleanup_close int run_folder = -1;
	int connection;
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (state.status == CONTAINER_RESTARTING)
		return error_set(err, ERROR_CONFLICT,
				 "You cannot attach to a restarting container, wait until it is running");
	if (state.status != CONTAINER_RUNNING)
		return error_set(err, ERROR_CONFLICT, "You cannot attach to a stopped container, start it first");
	if (container_open_run_folder(engine->store, record.id, true, &run_folder, err) < 0 ||
	    monitor_connect(run_folder, &connection, err) < 0)
		return -1;
	return container_foreground(connection, &config, options, ret_end, ret_exit_code, err);
}
