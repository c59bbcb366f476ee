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
#include "base/memory.h"

enum atomic_file_durability {
	ATOMIC_FILE_DURABLE,	/* survives power loss once this returns */
	ATOMIC_FILE_REPLACEABLE /* for what can be made again: no fsync */
};

int atomic_file_write(int dir_fd, const char *name, const void *bytes, size_t size, mode_t mode,
		      enum atomic_file_durability durability, struct error *err);

/*
 * The same for what is too big to be in memory, at a path that a user gave:
 *
 *     cleanup_atomic_output struct atomic_output output = ATOMIC_OUTPUT_INIT;
 *     if (atomic_output_open(path, 0600, &output, err) < 0) ...
 *     write to output.fd
 *     return atomic_output_commit(&output, err);
 *
 * Until the commit nothing is there, or what was there before, also where the process is killed. What is at the path
 * and is no file (/dev/null, a FIFO, a link such as /dev/stdout) is written to as it is.
 */
struct atomic_output {
	int fd;		 /* owned; write here */
	int folder_fd;	 /* owned; -1: `path` is no file */
	char *path;	 /* as it was given, for messages */
	char *temporary; /* name in the folder; NULL: the file has no name yet */
	mode_t mode;	 /* less the umask */
};
#define ATOMIC_OUTPUT_INIT ((struct atomic_output){.fd = -1, .folder_fd = -1})

int atomic_output_open(const char *path, mode_t mode, struct atomic_output *ret_output, struct error *err);
/* The same for a name in a folder of ours, which stays the caller's: it is always a file. */
int atomic_output_open_at(int folder_fd, const char *name, mode_t mode, struct atomic_output *ret_output,
			  struct error *err);
/* Durable once this returns. */
int atomic_output_commit(struct atomic_output *output, struct error *err);
/* Drops what was not committed. Safe on ATOMIC_OUTPUT_INIT. */
void atomic_output_release(struct atomic_output *output);
#define cleanup_atomic_output CLEANUP(atomic_output_release)
