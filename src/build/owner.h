/*
 * USER[:GROUP] of --chown, as numbers. Names are looked up in etc/passwd and etc/group of the target's own root, which
 * are read with a bound and only where they are regular files: they belong to whoever made the image. A number is 0 to
 * 2147483647, and nothing else is ever taken for one: what is neither a number nor a known name is an error, not uid 0.
 * Without a group the user's number is the group's.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define OWNER_FILE_LIMIT ((size_t)4 * 1024 * 1024)

struct owner {
	uint32_t user, group;
};

/* Whether no file of the root has to be read for it. */
bool owner_is_numeric(const char *text);
int owner_resolve(int root_fd, const char *text, struct owner *ret_owner, struct error *err);
