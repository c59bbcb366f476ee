/*
 * mcli: a command line for the music service.
 *
 *     mcli NAME PORT
 *
 * On a terminal it has line editing, a history (~/.mcli_history) and completion with the tab key. From a pipe it takes
 * a command a line; then it ends with 1 where the last one failed.
 */
#include <editline/readline.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

#define PROMPT	      "mql: "
#define HISTORY_LIMIT 1000

static char *next_command(const char *text, int state)
{
	static size_t index;
	if (state == 0)
		index = 0;
	while (index < command_count) {
		const char *name = commands[index++].name;
		if (strncmp(name, text, strlen(text)) == 0)
			return strdup(name);
	}
	return NULL;
}

/* The first word, and the one behind "help", are commands. */
static char **complete(const char *text, int start, int end)
{
	(void)end;
	rl_attempted_completion_over = 1;
	if (start == 0 || strncmp(rl_line_buffer, "help ", 5) == 0)
		return rl_completion_matches(text, next_command);
	return NULL;
}

static char *history_path(void)
{
	const char *home = getenv("HOME");
	char *path;
	if (!home || asprintf(&path, "%s/.mcli_history", home) < 0)
		return NULL;
	return path;
}

static enum command_outcome read_terminal(struct music_service *service)
{
	enum command_outcome outcome = COMMAND_DONE;
	char *path = history_path();
	rl_initialize();
	using_history();
	stifle_history(HISTORY_LIMIT);
	if (path)
		read_history(path);
	rl_attempted_completion_function = complete;
	printf("Command-line interface to music service.\nEnter 'help' for command list.\n"
	       "'Tab' character autocompletes commands.\n");
	while (outcome != COMMAND_QUIT) {
		char *line = readline(PROMPT);
		if (!line) {
			printf("\n");
			break;
		}
		if (*line)
			add_history(line);
		outcome = command_run(service, line);
		free(line);
	}
	if (path)
		write_history(path);
	free(path);
	return COMMAND_DONE;
}

static enum command_outcome read_pipe(struct music_service *service)
{
	enum command_outcome outcome = COMMAND_DONE, last = COMMAND_DONE;
	char *line = NULL;
	size_t size = 0;
	while (outcome != COMMAND_QUIT && getline(&line, &size, stdin) >= 0) {
		outcome = command_run(service, line);
		if (outcome != COMMAND_QUIT)
			last = outcome;
	}
	free(line);
	return last;
}

int main(int count, char **arguments)
{
	char *end = NULL;
	long port = count == 3 ? strtol(arguments[2], &end, 10) : 0;
	if (port < 1 || port > UINT16_MAX || *end) {
		fprintf(stderr, "Usage: mcli NAME PORT\n\nExample:\n  mcli localhost 30001\n");
		return 2;
	}
	struct music_service *service = music_service_open(arguments[1], (uint16_t)port);
	bool on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	enum command_outcome outcome = on_terminal ? read_terminal(service) : read_pipe(service);
	music_service_close(service);
	return outcome == COMMAND_FAILED;
}
