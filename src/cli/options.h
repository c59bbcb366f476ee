/*
 * Options of one command, after git's parse-options: a table of the command's own variables, from which both the
 * parsing and the help come. Docker's way of writing is taken: --name value, --name=value, -n value, -nvalue, -it,
 * --flag, --flag=false, and "--" ends the options.
 *
 *     const struct option options[] = {
 *             OPTION_FLAG('a', "all", &all, "Show all containers (default shows just running)"),
 *             OPTION_STRING('n', "name", &name, "string", "Assign a name to the container"),
 *             OPTION_END};
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string_list.h"

enum option_kind {
	OPTION_KIND_END,
	OPTION_KIND_FLAG,    /* bool */
	OPTION_KIND_STRING,  /* const char *, borrowed from argv */
	OPTION_KIND_LIST,    /* struct string_list, one more item at each use */
	OPTION_KIND_INTEGER, /* int64_t */
	OPTION_KIND_BYTES,   /* int64_t; "512m", "1g", "64k", "100b" in powers of 1024 */
	OPTION_KIND_SWAP,    /* the same, or -1 */
	OPTION_KIND_FILTERS, /* struct string_list of "name=value": the name in small letters, both without blanks
				around */
};

struct option {
	enum option_kind kind;
	char letter; /* 0: none */
	const char *name;
	void *target;
	const char *value_name; /* "string", "list", "bytes" */
	const char *help;
};

#define OPTION_FLAG(letter, name, target, help)                                                                        \
	{                                                                                                              \
		OPTION_KIND_FLAG, letter, name, (bool *){target}, NULL, help                                           \
	}
#define OPTION_STRING(letter, name, target, value, help)                                                               \
	{                                                                                                              \
		OPTION_KIND_STRING, letter, name, (const char **){target}, value, help                                 \
	}
#define OPTION_LIST(letter, name, target, value, help)                                                                 \
	{                                                                                                              \
		OPTION_KIND_LIST, letter, name, (struct string_list *){target}, value, help                            \
	}
#define OPTION_INTEGER(letter, name, target, value, help)                                                              \
	{                                                                                                              \
		OPTION_KIND_INTEGER, letter, name, (int64_t *){target}, value, help                                    \
	}
#define OPTION_BYTES(letter, name, target, help)                                                                       \
	{                                                                                                              \
		OPTION_KIND_BYTES, letter, name, (int64_t *){target}, "bytes", help                                    \
	}
#define OPTION_SWAP(letter, name, target, help)                                                                        \
	{                                                                                                              \
		OPTION_KIND_SWAP, letter, name, (int64_t *){target}, "bytes", help                                     \
	}
#define OPTION_FILTERS(letter, name, target, help)                                                                     \
	{                                                                                                              \
		OPTION_KIND_FILTERS, letter, name, (struct string_list *){target}, "filter", help                      \
	}
/* Of the commands that speak to a registry. */
#define OPTION_TLS_VERIFY(target)                                                                                      \
	OPTION_FLAG(0, "tls-verify", target,                                                                           \
		    "Require HTTPS and verify certificates when contacting registries (default true)")
#define OPTION_END                                                                                                     \
	{                                                                                                              \
		OPTION_KIND_END, 0, NULL, NULL, NULL, NULL                                                             \
	}

enum options_order {
	OPTIONS_ANYWHERE,     /* also behind arguments */
	OPTIONS_BEFORE_FIRST, /* the first argument ends them: run, exec, create */
};

/*
 * Takes the options out of arguments[0 … *count), which keeps what is left, in order. ret_help is set, and nothing else
 * is promised, when --help was met. ERROR_USAGE with Docker's words: "unknown flag: --x", "unknown shorthand flag: 'x'
 * in -x", "flag needs an argument: --x".
 */
int options_parse(const struct option *options, enum options_order order, int *count, char **arguments, bool *ret_help,
		  struct error *err);

/* The "Options:" part of a help page, sorted as the table is. */
void options_print(const struct option *options);
