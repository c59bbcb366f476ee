#include "cli/command.h"

#include <stdio.h>
#include <string.h>

#include "base/time.h"
#include "cli/help.h"

static int check_count(const struct invocation *invocation, int count, struct error *err)
{
	const struct command *command = invocation->command;
	if (count >= command->minimum && (command->maximum < 0 || count <= command->maximum))
		return 0;
	const char *name = command->shortcut ? command->shortcut : command->name;
	const char *group = command->group && !command->shortcut ? command->group : "";
	const char *space = *group ? " " : "";
	if (command->maximum == 0)
		return error_set(err, ERROR_USAGE, "%s: '%s %s%s%s' accepts no arguments", invocation->program,
				 invocation->program, group, space, name);
	bool is_exact = command->minimum == command->maximum;
	bool too_few = count < command->minimum;
	int bound = too_few ? command->minimum : command->maximum;
	return error_set(err, ERROR_USAGE, "%s: '%s %s%s%s' requires %s%d argument%s", invocation->program,
			 invocation->program, group, space, name,
			 is_exact  ? ""
			 : too_few ? "at least "
				   : "at most ",
			 bound, bound == 1 ? "" : "s");
}

int command_options(struct invocation *invocation, const struct option *options, enum options_order order, int *count,
		    char **arguments, struct error *err)
{
	bool help;
	if (options_parse(options, order, count, arguments, &help, err) < 0)
		return -1;
	if (help) {
		help_print_command(invocation->program, invocation->command, options);
		return 1;
	}
	return check_count(invocation, *count, err);
}

int command_open_engine(const struct invocation *invocation, struct engine **ret_engine, struct error *err)
{
	return engine_open(invocation->root, invocation->run_root, ret_engine, err);
}

int command_for_each(struct invocation *invocation, struct engine *engine, int count, char **arguments,
		     command_action *act, void *context, bool print_name)
{
	for (int i = 0; i < count; i++) {
		struct error err = {0};
		if (act(engine, arguments[i], context, &err) < 0) {
			fflush(stdout);
			fprintf(stderr, "Error: %s\n", err.message);
			invocation->exit_code = 1;
		} else if (print_name) {
			printf("%s\n", arguments[i]);
		}
	}
	return 0;
}

int command_run_for_each(struct invocation *invocation, const struct option *options, int count, char **arguments,
			 command_action *act, void *context, bool print_name, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, arguments, err);
	if (result != 0)
		return result < 0 ? -1 : 0;
	if (command_open_engine(invocation, &engine, err) < 0)
		return -1;
	return command_for_each(invocation, engine, count, arguments, act, context, print_name);
}

bool command_confirm(const char *warning)
{
	char answer[64];
	printf("%s\nAre you sure you want to continue? [y/N] ", warning);
	fflush(stdout);
	if (!fgets(answer, sizeof answer, stdin))
		return false;
	const char *word = answer + strspn(answer, " \t");
	size_t length = strcspn(word, " \t\r\n");
	return length == 1 && (*word == 'y' || *word == 'Y');
}

bool command_may_prune(bool force, const char *what)
{
	cleanup_free char *warning = format_string("WARNING! This will remove %s.", what);
	return force || command_confirm(warning);
}

void command_print_removed(const char *title, const struct string_list *items)
{
	if (items->count == 0)
		return;
	printf("%s:\n", title);
	for (size_t i = 0; i < items->count; i++)
		printf("%s\n", items->items[i]);
	printf("\n");
}

void command_print_reclaimed(uint64_t bytes)
{
	char size[16];
	size_format_human_precise(bytes, size, sizeof size);
	printf("Total reclaimed space: %s\n", size);
}

int command_collect_labels(const struct string_list *texts, struct string_list *labels, struct error *err)
{
	for (size_t i = 0; i < texts->count; i++) {
		const char *text = texts->items[i], *value = strchr(text, '=');
		cleanup_free char *key = format_string("%.*s", (int)strcspn(text, "="), text);
		if (!*key)
			return error_set(err, ERROR_USAGE,
					 "invalid argument \"%s\" for \"--label\" flag: invalid label '%s': empty name",
					 text, text);
		string_list_set_key(labels, key, value ? value + 1 : "");
	}
	return 0;
}
