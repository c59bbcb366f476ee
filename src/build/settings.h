/*
 * Instructions that change the image's configuration and no file: ENV, LABEL, CMD, ENTRYPOINT, EXPOSE, VOLUME, USER,
 * SHELL, STOPSIGNAL, HEALTHCHECK, ONBUILD, MAINTAINER. Each leaves one entry of history in BuildKit's words, but for
 * ONBUILD, which leaves none.
 */
#pragma once

#include "build/expand.h"
#include "build/instruction.h"
#include "oci/image_config.h"

#define BUILD_HISTORY_COMMENT "buildkit.dockerfile.v0"
#define BUILD_DEFAULT_PATH    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

struct settings {
	struct image_config *config; /* borrowed; changed */
	bool command_is_ours;	     /* this stage has a CMD, so ENTRYPOINT keeps it */
};

bool settings_covers(enum instruction_kind kind);
/* ret_text (owned) is the history's text: "CMD [\"x\"]", or NULL where the instruction leaves no entry. */
int settings_apply(struct settings *settings, const struct instruction *instruction, const struct expansion *expansion,
		   char **ret_text, struct error *err);
/* /bin/sh -c, or SHELL's words, in front of a command in shell form. */
void settings_shell_command(const struct image_config *config, const char *command, struct string_list *arguments);
