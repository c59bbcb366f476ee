#include "cli/help.h"

#include <string.h>

/* A command is called by its short name where it has one. */
static const char *short_name(const struct command *command)
{
	return command->shortcut ? command->shortcut : command->name;
}

void help_print_name(FILE *file, const char *program, const struct command *command)
{
	if (command->group && !command->shortcut)
		fprintf(file, "%s %s %s", program, command->group, command->name);
	else
		fprintf(file, "%s %s", program, short_name(command));
}

void help_print_usage(FILE *file, const char *program, const struct command *command)
{
	help_print_name(file, program, command);
	fprintf(file, "%s%s\n", *command->arguments ? " " : "", command->arguments);
}

static void print_row(const char *name, const char *summary)
{
	printf("  %-12s%s\n", name, summary);
}

static bool group_is_first_here(const struct command *at)
{
	for (const struct command *command = command_table; command != at; command++)
		if (command->group && strcmp(command->group, at->group) == 0)
			return false;
	return true;
}

void help_print_all(const char *program)
{
	printf("Usage:  %s [OPTIONS] COMMAND\n\nBuilds, ships and runs containers, with Docker's words and without a "
	       "daemon\n\n"
	       "Commands:\n",
	       program);
	for (const struct command *command = command_table; command->handler; command++)
		if (!command->is_hidden && (command->shortcut || !command->group))
			print_row(short_name(command), command->summary);
	printf("\nManagement Commands:\n");
	for (const struct command *command = command_table; command->handler; command++) {
		if (command->is_hidden || !command->group || !group_is_first_here(command))
			continue;
		cleanup_free char *summary = strcmp(command->group, "builder") == 0
						     ? duplicate_string("Manage builds")
						     : format_string("Manage %s%s", command->group,
								     strcmp(command->group, "system") == 0 ? "" : "s");
		print_row(command->group, summary);
	}
	printf("\nGlobal Options:\n"
	       "      --root DIR       Where images and containers are kept (default \"" ENGINE_DEFAULT_ROOT
	       "\", or $CORACLE_ROOT)\n"
	       "      --run-root DIR   Where running containers are tracked (default \"" ENGINE_DEFAULT_RUN_ROOT
	       "\", or $CORACLE_RUN_ROOT)\n"
	       "  -v, --version        Print version information and quit\n\n"
	       "Examples:\n"
	       "  %s build -t web .                      build an image from ./Dockerfile\n"
	       "  %s run -d -p 8080:80 --name web web    run it, reachable at port 8080\n"
	       "  %s logs -f web                         see what it says\n\n"
	       "Run '%s COMMAND --help' for more information on a command.\n",
	       program, program, program, program);
}

void help_print_group(const char *program, const char *group)
{
	printf("Usage:  %s %s COMMAND\n\nCommands:\n", program, group);
	for (const struct command *command = command_table; command->handler; command++)
		if (!command->is_hidden && command->group && strcmp(command->group, group) == 0)
			print_row(command->name, command->summary);
	printf("\nRun '%s %s COMMAND --help' for more information on a command.\n", program, group);
}

void help_print_command(const char *program, const struct command *command, const struct option *options)
{
	printf("Usage:  ");
	help_print_usage(stdout, program, command);
	printf("\n%s\n", command->summary);
	if (command->group && command->shortcut)
		printf("\nAliases:\n  %s %s %s, %s %s\n", program, command->group, command->name, program,
		       command->shortcut);
	options_print(options);
	if (command->example)
		printf("\nExamples:\n%s\n", command->example);
}
