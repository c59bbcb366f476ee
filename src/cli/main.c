/*
 * Finds the command in the table, calls it, prints the one error, maps it to an exit code.
 *
 * Docker's exit codes: 125 where `run`, `create` or `start` fail themselves and for wrong usage, 126 and 127 where the
 * container's command cannot be run or is not there, the container's own for `run`, 1 for everything else.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/memory.h"
#include "cli/command.h"
#include "cli/help.h"

#define HEAP_SIZE (256 * 1024) /* bytes; what any command that opens the store uses */

static int exit_code_for(const struct command *command, const struct error *err)
{
	switch (err->kind) {
	case ERROR_USAGE:
		return 125;
	case ERROR_CANNOT_INVOKE:
		return 126;
	case ERROR_NO_COMMAND:
		return 127;
	case ERROR_CANCELLED:
		return 130;
	default:
		return command && command->is_run_like ? 125 : 1;
	}
}

static void print_error(const struct invocation *invocation, const struct error *err)
{
	const struct command *command = invocation->command;
	if (err->kind == ERROR_USAGE) {
		fprintf(stderr, "%s\n", err->message);
		if (command) {
			fprintf(stderr, "\nUsage:  ");
			help_print_usage(stderr, invocation->program, command);
			fprintf(stderr, "\nRun '");
			help_print_name(stderr, invocation->program, command);
			fprintf(stderr, " --help' for more information\n");
		}
		return;
	}
	if (command && command->is_run_like) {
		fprintf(stderr, "%s: %s\n\nRun '", invocation->program, err->message);
		help_print_name(stderr, invocation->program, command);
		fprintf(stderr, " --help' for more information\n");
		return;
	}
	fprintf(stderr, "%s: %s\n", command && command->error_word ? command->error_word : "Error", err->message);
}

static const struct command *find_in_group(const char *group, const char *name)
{
	for (const struct command *command = command_table; command->handler; command++) {
		if (!command->group || strcmp(command->group, group) != 0)
			continue;
		if (strcmp(command->name, name) == 0 || (command->alias && strcmp(command->alias, name) == 0))
			return command;
	}
	return NULL;
}

static const struct command *find_at_top(const char *name)
{
	for (const struct command *command = command_table; command->handler; command++) {
		if (command->shortcut && strcmp(command->shortcut, name) == 0)
			return command;
		if (!command->group && strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

static bool is_group(const char *name)
{
	for (const struct command *command = command_table; command->handler; command++)
		if (command->group && strcmp(command->group, name) == 0)
			return true;
	return false;
}

static int unknown_command(const char *program, const char *group, const char *name)
{
	cleanup_free char *whole = group ? format_string("%s %s", group, name) : duplicate_string(name);
	fprintf(stderr, "%s: unknown command: %s %s\n\nRun '%s%s%s --help' for more information\n", program, program,
		whole, program, group ? " " : "", group ? group : "");
	return 1;
}

/* Takes --root, --run-root and --version from the front. Returns how many arguments they were, or -1. */
static int global_options(struct invocation *invocation, int count, char **arguments, bool *ret_version,
			  struct error *err)
{
	int taken = 0;
	while (taken < count && arguments[taken][0] == '-') {
		char *text = arguments[taken];
		const char **target = NULL;
		size_t length = strcspn(text, "=");
		if (strcmp(text, "--version") == 0 || strcmp(text, "-v") == 0)
			*ret_version = true;
		else if (strncmp(text, "--run-root", length) == 0 && length == strlen("--run-root"))
			target = &invocation->run_root;
		else if (strncmp(text, "--root", length) == 0 && length == strlen("--root"))
			target = &invocation->root;
		else if (strcmp(text, "--help") == 0 || strcmp(text, "-h") == 0)
			return taken;
		else
			return error_set(err, ERROR_USAGE, "unknown flag: %.*s", (int)length, text);
		taken++;
		if (!target)
			continue;
		if (text[length] == '=')
			*target = text + length + 1;
		else if (taken == count)
			return error_set(err, ERROR_USAGE, "flag needs an argument: %s", text);
		else
			*target = arguments[taken++];
	}
	return taken;
}

static int dispatch(struct invocation *invocation, int count, char **arguments)
{
	const char *name = arguments[0];
	const struct command *command = NULL;
	if (is_group(name)) {
		if (count < 2 || strcmp(arguments[1], "--help") == 0) {
			help_print_group(invocation->program, name);
			return 0;
		}
		command = find_in_group(name, arguments[1]);
		if (!command)
			return unknown_command(invocation->program, name, arguments[1]);
		count--;
		arguments++;
	} else {
		command = find_at_top(name);
		if (!command)
			return unknown_command(invocation->program, NULL, name);
	}
	invocation->command = command;
	struct error err = {0};
	if (command->handler(invocation, count - 1, arguments + 1, &err) < 0) {
		fflush(stdout);
		print_error(invocation, &err);
		return exit_code_for(command, &err);
	}
	return invocation->exit_code;
}

int main(int count, char **arguments)
{
	const char *slash = count ? strrchr(arguments[0], '/') : NULL;
	struct invocation invocation = {.program = slash ? slash + 1 : count ? arguments[0] : "coracle"};
	struct error err = {0};
	bool version = false;
	/* A reader that has gone is an error of write(2), not a death. */
	signal(SIGPIPE, SIG_IGN);
	int taken = global_options(&invocation, count - 1, arguments + 1, &version, &err);
	if (taken < 0) {
		print_error(&invocation, &err);
		return 125;
	}
	if (version) {
		printf("Coracle version %s\n", CORACLE_VERSION);
		return 0;
	}
	count -= 1 + taken;
	arguments += 1 + taken;
	if (count <= 0 || strcmp(arguments[0], "--help") == 0 || strcmp(arguments[0], "-h") == 0 ||
	    (strcmp(arguments[0], "help") == 0 && count == 1)) {
		help_print_all(invocation.program);
		return 0;
	}
	int code;
	if (strcmp(arguments[0], "help") == 0) {
		/* "help image ls" is "image ls --help". */
		memmove(arguments, arguments + 1, (size_t)(count - 1) * sizeof *arguments);
		arguments[count - 1] = (char[]){"--help"};
	}
	memory_prepare(HEAP_SIZE);
	code = dispatch(&invocation, count, arguments);
	/* A full disk behind standard output must not look like success. */
	if (fflush(stdout) != 0 && code == 0) {
		fprintf(stderr, "Error: write to standard output: %s\n", strerror(errno));
		return 1;
	}
	return code;
}
