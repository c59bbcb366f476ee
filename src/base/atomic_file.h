/*
 * A file that is either whole or not there: written under a temporary name in its own folder, synced, renamed.
 *
 *     if (atomic_file_write(dir_fd, "config.json", text, size, 0600, err) < 0) ...
 *
 * On failure nothing is left and an older file of that name is untouched.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

enum atomic_file_durability {
	ATOMIC_FILE_DURABLE,	/* survives power loss once this returns */
	ATOMIC_FILE_REPLACEABLE /* for what can be made again: no fsync */
};

int atomic_file_write(int dir_fd, const char *name, const void *bytes, size_t size, mode_t mode,
		      enum atomic_file_durability durability, struct error *err);
