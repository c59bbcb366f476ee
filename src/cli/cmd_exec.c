#include <unistd.h>

#include "cli/command.h"
#include "engine/exec.h"

struct exec_arguments {
	struct exec_options exec;
	struct string_list environment, environment_files;
	const char *detach_keys;
};

static int parse(struct invocation *invocation, struct exec_arguments *arguments, int *count, char **words,
		 struct error *err)
{
	struct exec_options *exec = &arguments->exec;
	const struct option options[] = {
		OPTION_FLAG('d', "detach", &exec->detach, "Detached mode: run command in the background"),
		OPTION_STRING(0, "detach-keys", &arguments->detach_keys, "string",
			      "Override the key sequence for detaching a container"),
		OPTION_LIST('e', "env", &arguments->environment, "list", "Set environment variables"),
		OPTION_LIST(0, "env-file", &arguments->environment_files, "list",
			    "Read in a file of environment variables"),
		OPTION_FLAG('i', "interactive", &exec->input, "Keep STDIN open even if not attached"),
		OPTION_FLAG(0, "privileged", &exec->privileged, "Give extended privileges to the command"),
		OPTION_FLAG('t', "tty", &exec->terminal, "Allocate a pseudo-TTY"),
		OPTION_STRING('u', "user", &exec->user, "string",
			      "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
		OPTION_STRING('w', "workdir", &exec->working_directory, "string",
			      "Working directory inside the container"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_BEFORE_FIRST, count, words, err);
	if (result == 0 && exec->terminal && exec->input && !exec->detach && !isatty(STDIN_FILENO))
		return error_set(err, ERROR_INVALID, "the input device is not a TTY");
	return result;
}

/* The texts of -e and --env-file become KEY=VALUE; -e wins. */
static int collect_environment(struct exec_arguments *arguments, struct error *err)
{
	struct container_config scratch;
	container_config_init(&scratch);
	int result = 0;
	for (size_t i = 0; result == 0 && i < arguments->environment_files.count; i++)
		result = container_config_add_environment_file(&scratch, arguments->environment_files.items[i], err);
	for (size_t i = 0; result == 0 && i < arguments->environment.count; i++)
		result = container_config_add_environment(&scratch, arguments->environment.items[i], err);
	string_list_copy(&arguments->exec.environment, &scratch.environment);
	container_config_release(&scratch);
	return result;
}

static int run(struct invocation *invocation, struct exec_arguments *arguments, char **words, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	int client_fd = -1;
	enum attach_end end;
	char id[EXEC_ID_SIZE];
	arguments->exec.arguments = words + 1;
	arguments->exec.id = id;
	bool detach = arguments->exec.detach;
	if (collect_environment(arguments, err) < 0 || command_open_engine(invocation, &engine, err) < 0 ||
	    container_exec(engine, words[0], &arguments->exec, detach ? NULL : &client_fd, err) < 0)
		return -1;
	if (detach)
		return 0;
	struct container_config streams = {.terminal = arguments->exec.terminal, .open_input = arguments->exec.input};
	struct foreground_options foreground = {.input = arguments->exec.input, .detach_keys = arguments->detach_keys};
	if (container_foreground(client_fd, &streams, &foreground, &end, &invocation->exit_code, err) < 0)
		return -1;
	if (end == ATTACH_EXITED)
		container_exec_ended(engine, words[0], id, invocation->exit_code);
	return 0;
}

int cmd_exec(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct exec_arguments arguments = {.detach_keys = "ctrl-p,ctrl-q"};
	int result = parse(invocation, &arguments, &count, words, err);
	if (result == 0) {
		/* The command ends where the arguments do: what options left behind is not its. */
		char **command = allocate_array((size_t)count + 1, sizeof *command);
		for (int i = 0; i < count; i++)
			command[i] = words[i];
		result = run(invocation, &arguments, command, err);
		free(command);
	} else if (result > 0) {
		result = 0;
	}
	string_list_release(&arguments.environment);
	string_list_release(&arguments.environment_files);
	string_list_release(&arguments.exec.environment);
	return result;
}
