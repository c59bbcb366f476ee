#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/create_options.h"
#include "cli/progress.h"
#include "engine/remove.h"
#include "engine/run.h"
#include "engine/start.h"

struct run_arguments {
	struct create_arguments create;
	bool pass_signals;
	const char *detach_keys;
};

static int parse(struct invocation *invocation, struct run_arguments *arguments, int *count, char **words,
		 struct error *err)
{
	struct option table[CREATE_OPTION_COUNT + 3] = {
		OPTION_FLAG('d', "detach", &arguments->create.detach,
			    "Run container in background and print container ID"),
		OPTION_STRING(0, "detach-keys", &arguments->detach_keys, "string",
			      "Override the key sequence for detaching a container"),
		OPTION_FLAG(0, "sig-proxy", &arguments->pass_signals,
			    "Proxy received signals to the process (default true)"),
	};
	create_options_table(&arguments->create, table, 3);
	int result = command_options(invocation, table, OPTIONS_BEFORE_FIRST, count, words, err);
	if (result == 0 && arguments->create.terminal && !arguments->create.detach && arguments->create.interactive &&
	    !isatty(STDIN_FILENO))
		return error_set(err, ERROR_INVALID, "the input device is not a TTY");
	return result;
}

static int run_foreground(struct invocation *invocation, struct engine *engine, struct container_record *record,
			  struct container_hold *hold, const struct run_arguments *arguments,
			  const struct container_config *config, struct error *err)
{
	int client_fd;
	bool shows_nothing = !config->attach_output && !config->attach_problems;
	if (shows_nothing) {
		printf("%s\n", record->id);
		fflush(stdout);
	}
	if (container_start(engine, record, hold, &client_fd, err) < 0)
		return -1;
	struct foreground_options foreground = {
		.input = arguments->create.interactive,
		.hides_output = !config->attach_output,
		.hides_problems = !config->attach_problems,
		.pass_signals = arguments->pass_signals,
		.detach_keys = arguments->detach_keys,
	};
	enum attach_end end;
	int result = container_foreground(client_fd, config, &foreground, &end, &invocation->exit_code, err);
	/* As with Docker: with neither of them attached the id is what there is to know. */
	if (result == 0 && shows_nothing)
		invocation->exit_code = 0;
	return result;
}

static int run(struct invocation *invocation, struct engine *engine, const struct run_arguments *arguments, int count,
	       char **words, struct error *err)
{
	cleanup_progress struct progress *progress = progress_new(STDERR_FILENO, arguments->create.quiet);
	cleanup_container_config struct container_config config;
	container_config_init(&config);
	cleanup_container_record struct container_record record = {0};
	cleanup_container_hold struct container_hold hold = CONTAINER_HOLD_INIT;
	struct create_options options = {.progress = progress_transfer(progress)};
	if (create_arguments_apply(&arguments->create, count, words, &config, &options, err) < 0 ||
	    container_create(engine, &options, &config, &record, &hold, err) < 0)
		return -1;
	create_arguments_warn(&arguments->create);
	int result = create_write_id_file(&arguments->create, record.id, err);
	if (result == 0 && arguments->create.detach) {
		result = container_start(engine, &record, &hold, NULL, err);
		if (result == 0)
			printf("%s\n", record.id);
	} else if (result == 0) {
		result = run_foreground(invocation, engine, &record, &hold, arguments, &config, err);
	}
	if (result < 0 && options.remove_on_exit) {
		struct error ignored = {0};
		container_hold_release(&hold);
		container_remove_named(engine, record.id, true, true, &ignored);
	}
	return result;
}

int cmd_run(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct run_arguments arguments = {.pass_signals = true, .detach_keys = "ctrl-p,ctrl-q"};
	create_arguments_init(&arguments.create);
	cleanup_engine struct engine *engine = NULL;
	int result = parse(invocation, &arguments, &count, words, err);
	if (result == 0) {
		result = command_open_engine(invocation, &engine, err);
		if (result == 0)
			result = run(invocation, engine, &arguments, count, words, err);
	} else if (result > 0) {
		result = 0;
	}
	create_arguments_release(&arguments.create);
	return result;
}
