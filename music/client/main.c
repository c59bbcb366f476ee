/*
 * mcli: a command line for the music service.
 *
 *     mcli [--json] [--timeout SECONDS] [-c COMMANDS] NAME PORT
 *
 * On a terminal it has line editing, a history (~/.mcli_history) and completion of commands and of ids with the tab
 * key. From a pipe it takes a command a line, with -c commands with ';' between them; then it ends with 1 where the
 * last one failed.
 */
#include <editline/readline.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"

#define PROMPT	       "mql: "
#define HISTORY_LIMIT  1000
#define ANSWER_SECONDS 30

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

/* Of the list as it is at the first tab of a word. */
static struct music_service *completed_service;

static char *next_id(const char *text, int state)
{
	static json_t *document;
	static size_t index;
	if (state == 0) {
		long status;
		index = 0;
		json_decref(document);
		document = NULL;
		if (!music_service_request(completed_service, "GET", "", NULL, &status, &document))
			return NULL;
	}
	const json_t *items = json_object_get(document, "Items");
	while (index < json_array_size(items)) {
		const char *id = json_string_value(json_object_get(json_array_get(items, index++), "music_id"));
		if (id && strncmp(id, text, strlen(text)) == 0)
			return strdup(id);
	}
	return NULL;
}

/* The first word, and the one behind "help", are commands; behind "read" and "delete" comes an id. */
static char **complete(const char *text, int start, int end)
{
	(void)end;
	rl_attempted_completion_over = 1;
	if (start == 0 || strncmp(rl_line_buffer, "help ", 5) == 0)
		return rl_completion_matches(text, next_command);
	if (strncmp(rl_line_buffer, "read ", 5) == 0 || strncmp(rl_line_buffer, "delete ", 7) == 0)
		return rl_completion_matches(text, next_id);
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
	completed_service = service;
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

static enum command_outcome run_line(struct music_service *service, const char *line)
{
	enum command_outcome outcome = COMMAND_DONE, last = COMMAND_DONE;
	char *command;
	while (outcome != COMMAND_QUIT && (command = words_next_command(&line))) {
		outcome = command_run(service, command);
		if (outcome != COMMAND_QUIT)
			last = outcome;
		free(command);
	}
	return last;
}

/* A whole number from 1 to `most`; 0 where it is none. */
static long parse_number(const char *text, long most)
{
	char *end;
	long number = strtol(text, &end, 10);
	return *end || number < 1 || number > most ? 0 : number;
}

int main(int count, char **arguments)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"timeout", required_argument, NULL, 't'}, {0}};
	const char *line = NULL;
	long seconds = ANSWER_SECONDS;
	int option;
	bool is_wrong = false;
	while ((option = getopt_long(count, arguments, "c:", options, NULL)) >= 0) {
		if (option == 'j')
			commands_print_json = true;
		else if (option == 't')
			seconds = parse_number(optarg, 3600);
		else if (option == 'c')
			line = optarg;
		else
			is_wrong = true;
	}
	long port = count - optind == 2 ? parse_number(arguments[optind + 1], UINT16_MAX) : 0;
	if (is_wrong || !port || !seconds) {
		fprintf(stderr,
			"Usage: mcli NAME PORT\n       mcli [--json] [--timeout SECONDS] [-c COMMANDS] NAME PORT\n\n"
			"Examples:\n  mcli localhost 30001\n  mcli -c 'read; test' localhost 30001\n");
		return 2;
	}
	struct music_service *service = music_service_open(arguments[optind], (uint16_t)port, seconds);
	bool on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	enum command_outcome outcome = line	     ? run_line(service, line)
				       : on_terminal ? read_terminal(service)
						     : read_pipe(service);
	music_service_close(service);
	return outcome == COMMAND_FAILED;
}
