/*
 * Memory and ownership.
 *
 * Allocation never returns NULL: the growable things of this code base are capped, so a failed allocation means that
 * the machine itself is out of memory, and the process aborts. State on disk is crash-only, so that is safe.
 *
 * An owning local is declared with the cleanup macro of its type and given away with steal_*():
 *
 *     cleanup_free char *name = format_string("%s/%s", a, b);
 *     cleanup_close int fd = openat(...);
 *     *ret_name = steal_pointer(&name);
 */
#pragma once

#include <dirent.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

void *allocate(size_t size) __attribute__((malloc, returns_nonnull));			  /* zeroed */
void *allocate_array(size_t count, size_t size) __attribute__((malloc, returns_nonnull)); /* zeroed, overflow checked */
/* Holds anything: for a large buffer that is written before it is read, of which pages are only taken as far as they
 * are used. */
void *allocate_unset(size_t size) __attribute__((malloc, returns_nonnull));
void *reallocate_array(void *array, size_t count, size_t size) __attribute__((returns_nonnull));
char *duplicate_string(const char *text);						/* NULL for NULL */
char *duplicate_bytes(const void *bytes, size_t size) __attribute__((returns_nonnull)); /* a NUL is put behind them */
char *format_string(const char *format, ...) PRINTF_LIKE(1, 2) __attribute__((returns_nonnull));

/*
 * Bytes of the heap that a short-lived program is about to use anyhow: they cost one call of the kernel rather than a
 * fault for each page, which is dear where the machine is a virtual one. Advice: nothing depends on it.
 */
void memory_prepare(size_t bytes);

static inline void cleanup_free_function(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_function(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_file_function(FILE **file)
{
	if (*file)
		fclose(*file);
}

static inline void cleanup_directory_function(DIR **directory)
{
	if (*directory)
		closedir(*directory);
}

#define CLEANUP(function) __attribute__((cleanup(function)))
#define cleanup_free	  CLEANUP(cleanup_free_function)
#define cleanup_close	  CLEANUP(cleanup_close_function)
#define cleanup_file	  CLEANUP(cleanup_file_function)
#define cleanup_directory CLEANUP(cleanup_directory_function)

#define steal_pointer(pointer)                                                                                         \
	({                                                                                                             \
		__typeof__(pointer) steal_from = (pointer);                                                            \
		__typeof__(*steal_from) stolen = *steal_from;                                                          \
		*steal_from = NULL;                                                                                    \
		stolen;                                                                                                \
	})

static inline int steal_fd(int *fd)
{
	int stolen = *fd;
	*fd = -1;
	return stolen;
}

/* free(*pointer), then *pointer = value, which is now owned by *pointer. */
void replace_string(char **pointer, char *value);

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
