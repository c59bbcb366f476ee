#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "registry/command.h"
#include "registry/registry.h"

static const struct command {
	const char *words[2];
	const char *arguments;
	const char *help;
	int (*run)(const struct command_context *context, struct error *err);
} commands[] = {
	{{"serve"},
	 "[--listen ADDRESS:PORT]... [--tls-cert FILE --tls-key FILE]\n"
	 "        [--anonymous-pull | --no-auth] [--public-url URL] [--no-access-log]",
	 "Serve images until SIGTERM",
	 command_serve},
	{{"user", "add"},
	 "REGID [--password-stdin]",
	 "Add a user, or set an existing one's password",
	 command_user_add},
	{{"user", "ls"}, "", "List users", command_user_ls},
	{{"user", "rm"}, "REGID", "Remove a user and all tokens; images stay", command_user_rm},
	{{"token", "create"},
	 "--user REGID --scope read|write|delete[,...]\n"
	 "        [--repository 'REGID/*'] [--expires 90d|12h|never] [--name TEXT]",
	 "Create a personal access token and print it, once",
	 command_token_create},
	{{"token", "ls"}, "[--user REGID]", "List tokens", command_token_ls},
	{{"token", "revoke"}, "ID", "Revoke a token, at once", command_token_revoke},
	{{"grant", "add"},
	 "REGID PATTERN --scope read|write|delete[,...]",
	 "Let a user into repositories of others",
	 command_grant},
	{{"grant", "ls"}, "", "List grants", command_grant_ls},
	{{"grant", "rm"}, "REGID PATTERN", "Take a grant away", command_ungrant},
};

static void print_help(FILE *to)
{
	fprintf(to, "Usage:  coracle-registry [--root DIR] COMMAND\n\nA registry of container images\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];
		fprintf(to, "  %s%s%s %s\n        %s\n", command->words[0], command->words[1] ? " " : "",
			command->words[1] ? command->words[1] : "", command->arguments, command->help);
	}
	fprintf(to, "  version\n  help\n\nOptions:\n"
		    "  --root DIR   Where users, tokens and images are (CORACLE_REGISTRY_ROOT, "
		    "default " REGISTRY_DEFAULT_ROOT ")\n");
}

static const struct command *find_command(char **words, int count, int *ret_used)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		const struct command *command = &commands[i];
		int needed = command->words[1] ? 2 : 1;
		if (count < needed || strcmp(words[0], command->words[0]) != 0 ||
		    (needed == 2 && strcmp(words[1], command->words[1]) != 0))
			continue;
		*ret_used = needed;
		return command;
	}
	return NULL;
}

/* --root DIR and --root=DIR before the command; the index of the command's first word, or -1. */
static int read_root(int argc, char **argv, const char **root)
{
	int at = 1;
	while (at < argc && strncmp(argv[at], "--root", 6) == 0) {
		if (argv[at][6] == '=') {
			*root = argv[at++] + 7;
		} else if (!argv[at][6] && at + 1 < argc) {
			*root = argv[at + 1];
			at += 2;
		} else {
			return -1;
		}
	}
	return **root ? at : -1;
}

int main(int argc, char **argv)
{
	const char *environment = getenv("CORACLE_REGISTRY_ROOT");
	const char *root = environment && *environment ? environment : REGISTRY_DEFAULT_ROOT;
	umask(0077);
	int at = read_root(argc, argv, &root), used;
	if (at < 0) {
		fprintf(stderr, "coracle-registry: --root needs a folder\n");
		return 125;
	}
	if (at >= argc || strcmp(argv[at], "help") == 0 || strcmp(argv[at], "--help") == 0) {
		print_help(at >= argc ? stderr : stdout);
		return at >= argc ? 125 : 0;
	}
	if (strcmp(argv[at], "version") == 0 || strcmp(argv[at], "--version") == 0) {
		printf("coracle-registry version %s\n", CORACLE_VERSION);
		return 0;
	}
	const struct command *command = find_command(argv + at, argc - at, &used);
	if (!command) {
		fprintf(stderr, "coracle-registry: '%s' is not a command.\nSee 'coracle-registry help'\n", argv[at]);
		return 125;
	}
	struct command_context context = {root, argc - at - used + 1, argv + at + used - 1};
	struct error err = {0};
	if (command->run(&context, &err) == 0)
		return 0;
	fprintf(stderr, "coracle-registry: %s\n", err.message);
	return err.kind == ERROR_USAGE ? 125 : 1;
}
