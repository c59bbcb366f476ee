#include "cli/command.h"
#include "engine/run.h"
#include "engine/start.h"
#include "engine/state.h"

static int start_detached(struct engine *engine, const char *name, void *context, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	struct container_state state;
	if (container_state_find(engine, name, &record, &state, err) < 0)
		return -1;
	/* As Docker: starting what runs already is success. */
	if (state.is_paused)
		return error_set(err, ERROR_CONFLICT, "cannot start a paused container, try unpause instead");
	return container_state_is_active(&state) ? 0 : container_start(engine, &record, NULL, NULL, err);
}

static int start_attached(struct invocation *invocation, struct engine *engine, const char *name, bool input,
			  struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	struct container_state state;
	int client_fd;
	enum attach_end end;
	struct foreground_options options = {.input = input, .pass_signals = true, .detach_keys = "ctrl-p,ctrl-q"};
	if (container_state_find(engine, name, &record, &state, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0)
		return -1;
	if (container_state_is_active(&state))
		return container_attach(engine, name, &options, &end, &invocation->exit_code, err);
	if (container_start(engine, &record, NULL, &client_fd, err) < 0)
		return -1;
	return container_foreground(client_fd, &config, &options, &end, &invocation->exit_code, err);
}

int cmd_start(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool attach = false, input = false;
	const struct option options[] = {
		OPTION_FLAG('a', "attach", &attach, "Attach STDOUT/STDERR and forward signals"),
		OPTION_FLAG('i', "interactive", &input, "Attach container's STDIN"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if ((attach || input) && count > 1)
		return error_set(err, ERROR_USAGE, "you cannot start and attach multiple containers at once");
	cleanup_engine struct engine *engine = NULL;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	if (attach || input)
		return start_attached(invocation, engine, arguments[0], input, err);
	return command_for_each(invocation, engine, count, arguments, start_detached, NULL, true);
}
