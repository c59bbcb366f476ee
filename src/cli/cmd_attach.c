#include "cli/command.h"
#include "engine/run.h"

int cmd_attach(struct invocation *invocation, int count, char **arguments, struct error *err)
{
	bool no_input = false;
	struct foreground_options foreground = {.pass_signals = true, .detach_keys = "ctrl-p,ctrl-q"};
	const struct option options[] = {
		OPTION_STRING(0, "detach-keys", &foreground.detach_keys, "string",
			      "Override the key sequence for detaching a container"),
		OPTION_FLAG(0, "no-stdin", &no_input, "Do not attach STDIN"),
		OPTION_FLAG(0, "sig-proxy", &foreground.pass_signals,
			    "Proxy all received signals to the process (default true)"),
		OPTION_END,
	};
	cleanup_engine struct engine *engine = NULL;
	enum attach_end end;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	foreground.input = !no_input;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return container_attach(engine, arguments[0], &foreground, &end, &invocation->exit_code, err);
}
