/*
 * The one table of commands (command_table.c). Dispatch, help, completions and the lists in the man page come from it.
 * A command file parses options, calls engine/, prints. Nothing else.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "cli/options.h"
#include "engine/engine.h"

struct command;

/* One invocation: what main knows when it calls a handler. */
struct invocation {
	const char *program; /* "coracle" or "docker", as it was called */
	const struct command *command;
	const char *root, *run_root; /* NULL: the defaults */
	int exit_code;		     /* what a handler that succeeds wants main to exit with */
};

typedef int command_handler(struct invocation *invocation, int count, char **arguments, struct error *err);

struct command {
	const char *group;     /* "container", "image", …; NULL: only at the top */
	const char *name;      /* in its group: "ls" */
	const char *alias;     /* another name in the group: "list"; may be NULL */
	const char *shortcut;  /* at the top: "ps"; may be NULL */
	const char *arguments; /* "[OPTIONS] IMAGE [COMMAND] [ARG...]" */
	const char *summary;
	const char *example;	/* shown by --help; may be NULL */
	int minimum, maximum;	/* of arguments behind the options; maximum -1: any number */
	bool is_run_like;	/* failures of ours exit with 125, as `docker run`'s do */
	bool is_hidden;		/* called by our own programs */
	const char *error_word; /* before a message; NULL: "Error" */
	command_handler *handler;
};

extern const struct command command_table[]; /* ends with a NULL handler */

/*
 * Parses a handler's options, prints help and checks the number of arguments. 0: go on; 1: help was printed, the
 * handler returns 0; -1: error.
 */
int command_options(struct invocation *invocation, const struct option *options, enum options_order order, int *count,
		    char **arguments, struct error *err);

/* Opens the engine's state where the invocation says. */
int command_open_engine(const struct invocation *invocation, struct engine **ret_engine, struct error *err);

/* For commands that take many names: does all, prints "Error: …" for each that fails, and exits with 1 if any did. */
typedef int command_action(struct engine *engine, const char *name, void *context, struct error *err);
int command_for_each(struct invocation *invocation, struct engine *engine, int count, char **arguments,
		     command_action *act, void *context, bool print_name);
/* A handler that is no more than that: options, the engine, each name. */
int command_run_for_each(struct invocation *invocation, const struct option *options, int count, char **arguments,
			 command_action *act, void *context, bool print_name, struct error *err);

/*
 * "… [y/N] " behind the warning, and the answer from standard input. Where it is not yes, nothing is to be done, and
 * that is success.
 */
bool command_confirm(const char *warning);
/* The same before a prune, which `what` it removes: "WARNING! This will remove WHAT." True without asking by --force.
 */
bool command_may_prune(bool force, const char *what);
#define PRUNE_ALL_IMAGES	   "all images without at least one container associated to them"
#define PRUNE_DANGLING_IMAGES	   "all dangling images"
#define PRUNE_CONTAINERS	   "all stopped containers"
#define PRUNE_NETWORKS		   "all networks not used by at least one container"
#define PRUNE_ALL_CACHE		   "all build cache"
#define OPTION_FORCE_PRUNE(target) OPTION_FLAG('f', "force", target, "Do not prompt for confirmation")
/* What a prune says: "TITLE:", the items, an empty line; nothing where there are none. */
void command_print_removed(const char *title, const struct string_list *items);
/* "Total reclaimed space: 16.43MB" */
void command_print_reclaimed(uint64_t bytes);

/* --label of what is created: KEY=VALUE each; of equal keys the last counts, and a KEY alone has an empty value. */
int command_collect_labels(const struct string_list *texts, struct string_list *labels, struct error *err);

command_handler cmd_attach;
command_handler cmd_build;
command_handler cmd_builder_du;
command_handler cmd_builder_prune;
command_handler cmd_cleanup;
command_handler cmd_commit;
command_handler cmd_container_prune;
command_handler cmd_cp;
command_handler cmd_create;
command_handler cmd_diff;
command_handler cmd_events;
command_handler cmd_exec;
command_handler cmd_export;
command_handler cmd_history;
command_handler cmd_image_copy;
command_handler cmd_image_ls;
command_handler cmd_image_prune;
command_handler cmd_image_verify;
command_handler cmd_import;
command_handler cmd_info;
command_handler cmd_inspect;
command_handler cmd_kill;
command_handler cmd_load;
command_handler cmd_login;
command_handler cmd_logout;
command_handler cmd_log_compress;
command_handler cmd_logs;
command_handler cmd_manifest_annotate;
command_handler cmd_manifest_create;
command_handler cmd_manifest_inspect;
command_handler cmd_manifest_push;
command_handler cmd_manifest_rm;
command_handler cmd_network_connect;
command_handler cmd_network_create;
command_handler cmd_network_disconnect;
command_handler cmd_network_ls;
command_handler cmd_network_prune;
command_handler cmd_network_rm;
command_handler cmd_pause;
command_handler cmd_port;
command_handler cmd_probe;
command_handler cmd_ps;
command_handler cmd_pull;
command_handler cmd_push;
command_handler cmd_rename;
command_handler cmd_restart;
command_handler cmd_rm;
command_handler cmd_rmi;
command_handler cmd_run;
command_handler cmd_save;
command_handler cmd_search;
command_handler cmd_start;
command_handler cmd_start_again;
command_handler cmd_stats;
command_handler cmd_stop;
command_handler cmd_system_boot;
command_handler cmd_system_df;
command_handler cmd_system_prune;
command_handler cmd_tag;
command_handler cmd_top;
command_handler cmd_unpause;
command_handler cmd_update;
command_handler cmd_version;
command_handler cmd_volume_create;
command_handler cmd_volume_ls;
command_handler cmd_volume_prune;
command_handler cmd_volume_rm;
command_handler cmd_wait;
