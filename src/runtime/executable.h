/* Where the container's command is, with Docker's words when it is not. */
#pragma once

#include <stddef.h>

#include "base/error.h"

/*
 * Looks `name` up as the calling process sees the world: in the container, with its user. A name with a slash is a
 * path; another is looked up in `path`. ERROR_NO_COMMAND: `exec: "foo": executable file not found in $PATH`;
 * ERROR_CANNOT_INVOKE: `exec: "/foo": permission denied`. Allocates nothing.
 */
int executable_find(const char *name, const char *path, char *ret_program, size_t size, struct error *err);
/* The error of an execve that failed with `number`. */
int executable_fail(const char *name, int number, struct error *err);
