#include "commands.h"

#include <stdio.h>
#include <string.h>

#define ARTIST_WIDTH 20

bool commands_print_json;

static bool status_is_good(long status)
{
	if (status >= 200 && status < 300)
		return true;
	/* With --json, standard output is the documents' alone. */
	fprintf(commands_print_json ? stderr : stdout, "Non-successful status code: %ld\n", status);
	return false;
}

/* At most `width` characters of UTF-8, padded to as many. */
static void print_padded(const char *text, int width)
{
	int used = 0;
	for (; *text; text++) {
		bool is_first_byte = (*text & 0xc0) != 0x80;
		if (is_first_byte && used == width)
			break;
		used += is_first_byte;
		putchar(*text);
	}
	printf("%*s", width - used, "");
}

/* True: --json, and that is all there is to say. */
static bool print_as_json(const json_t *document)
{
	if (!commands_print_json)
		return false;
	if (document) {
		json_dumpf(document, stdout, JSON_COMPACT);
		putchar('\n');
	}
	return true;
}

static const char *text_of(const json_t *item, const char *member)
{
	const char *text = json_string_value(json_object_get(item, member));
	return text ? text : "";
}

static void print_items(const json_t *document)
{
	const json_t *items = json_object_get(document, "Items");
	size_t index;
	json_t *item;
	printf("%zu items returned\n", json_array_size(items));
	json_array_foreach(items, index, item)
	{
		printf("%s  ", text_of(item, "music_id"));
		print_padded(text_of(item, "Artist"), ARTIST_WIDTH);
		printf(" %s\n", text_of(item, "SongTitle"));
	}
}

static bool run_read(struct music_service *service, const struct words *words)
{
	long status;
	json_t *document;
	if (!music_service_request(service, "GET", words->count > 1 ? words->items[1] : "", NULL, &status, &document))
		return false;
	bool good = status_is_good(status);
	if (!print_as_json(document) && document)
		print_items(document);
	json_decref(document);
	return good;
}

static bool run_create(struct music_service *service, const struct words *words)
{
	long status;
	json_t *document;
	json_t *song = json_pack("{s:s, s:s}", "Artist", words->items[1], "SongTitle", words->items[2]);
	if (!song) {
		printf("The artist or the title is not UTF-8\n");
		return false;
	}
	bool answered = music_service_request(service, "POST", "", song, &status, &document);
	json_decref(song);
	if (!answered)
		return false;
	bool good = status_is_good(status);
	const json_t *message = json_object_get(document, good ? "music_id" : "Message");
	if (!print_as_json(document) && json_is_string(message))
		printf("%s\n", json_string_value(message));
	json_decref(document);
	return good;
}

static bool run_simple(struct music_service *service, const char *method, const char *path, const char *success)
{
	long status;
	json_t *document;
	if (!music_service_request(service, method, path, NULL, &status, &document))
		return false;
	bool good = status_is_good(status);
	if (!print_as_json(document) && good)
		printf("%s\n", success);
	json_decref(document);
	return good;
}

static bool run_delete(struct music_service *service, const struct words *words)
{
	return run_simple(service, "DELETE", words->items[1], "Deleted");
}

static bool run_test(struct music_service *service, const struct words *words)
{
	(void)words;
	return run_simple(service, "GET", "test", "Test succeeded");
}

static bool run_shutdown(struct music_service *service, const struct words *words)
{
	(void)words;
	return run_simple(service, "GET", "shutdown", "The service is shutting down");
}

static bool run_help(struct music_service *service, const struct words *words)
{
	(void)service;
	for (size_t i = 0; i < command_count; i++) {
		if (words->count > 1 && strcmp(words->items[1], commands[i].name) != 0)
			continue;
		printf("%-24s%s\n", commands[i].usage, commands[i].help);
		if (words->count > 1)
			return true;
	}
	if (words->count > 1)
		printf("No help on %s\n", words->items[1]);
	return words->count == 1;
}

/* run NULL ends mcli. */
const struct command commands[] = {
	{"create", "create ARTIST TITLE", "Add a song; put a name of several words in quotes", 2, 2, run_create},
	{"delete", "delete ID", "Delete a song", 1, 1, run_delete},
	{"help", "help [COMMAND]", "Tell what the commands do", 0, 1, run_help},
	{"quit", "quit", "End mcli; so does end-of-file (Ctrl-D)", 0, 0, NULL},
	{"read", "read [ID]", "List all songs, or show one", 0, 1, run_read},
	{"shutdown", "shutdown", "End the service", 0, 0, run_shutdown},
	{"test", "test", "Run the service's test", 0, 0, run_test},
};
const size_t command_count = sizeof commands / sizeof commands[0];

static enum command_outcome run_words(struct music_service *service, const struct words *words)
{
	for (size_t i = 0; i < command_count; i++) {
		const struct command *command = &commands[i];
		if (strcmp(command->name, words->items[0]) != 0)
			continue;
		if (words->count - 1 < command->minimum || words->count - 1 > command->maximum) {
			printf("Usage: %s\n", command->usage);
			return COMMAND_FAILED;
		}
		if (!command->run)
			return COMMAND_QUIT;
		return command->run(service, words) ? COMMAND_DONE : COMMAND_FAILED;
	}
	printf("Unknown command: %s. Type 'help' for the list\n", words->items[0]);
	return COMMAND_FAILED;
}

enum command_outcome command_run(struct music_service *service, const char *line)
{
	struct words words = {0};
	const char *problem = words_split(line, &words);
	enum command_outcome outcome = COMMAND_DONE;
	if (problem) {
		printf("%s\n", problem);
		outcome = COMMAND_FAILED;
	} else if (words.count) {
		outcome = run_words(service, &words);
	}
	words_release(&words);
	fflush(stdout);
	return outcome;
}
