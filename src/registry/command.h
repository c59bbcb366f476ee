/* The commands of coracle-registry. One table (main.c) has them all; each file fills one part. */
#pragma once

#include "base/error.h"

struct command_context {
	const char *root; /* --root */
	int argument_count;
	char **arguments; /* arguments[0] is the command's last word, as getopt_long() wants it */
};

int command_serve(const struct command_context *context, struct error *err);
int command_user_add(const struct command_context *context, struct error *err);
int command_user_ls(const struct command_context *context, struct error *err);
int command_user_rm(const struct command_context *context, struct error *err);
int command_token_create(const struct command_context *context, struct error *err);
int command_token_ls(const struct command_context *context, struct error *err);
int command_token_revoke(const struct command_context *context, struct error *err);
int command_grant(const struct command_context *context, struct error *err);
int command_grant_ls(const struct command_context *context, struct error *err);
int command_ungrant(const struct command_context *context, struct error *err);
