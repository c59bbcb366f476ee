/*
 * One error object, filled where a thing fails, wrapped on the way up, printed once in main.
 *
 * Every fallible function takes `struct error *err` last and returns 0, or -1 with *err filled. Outputs (`ret_*`) are
 * written only on success. Library code never prints and never exits.
 *
 *     if (mkdirat(dir, name, 0700) < 0)
 *             return error_set_errno(err, errno, "make folder %s", name);
 *     if (store_open(root, &store, err) < 0)
 *             return error_wrap(err, "open the store");
 *
 * which main prints as "coracle: open the store: make folder blobs: No space left on device".
 *
 * The object owns no memory: it can be filled between clone and exec, and sent over a socket as it is.
 * A message says what was attempted, on what and why it failed, and what to do next where that is known.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#define ERROR_MESSAGE_SIZE 2048

/* What kind of thing went wrong. cli/ maps a kind to an exit code, registry/ to a status and a code of OCI's. */
enum error_kind {
	ERROR_NONE,
	ERROR_SYSTEM,	     /* the kernel or a library said no; `system_errno` says how */
	ERROR_USAGE,	     /* the command line is wrong */
	ERROR_INVALID,	     /* input (a name, a document, an archive) breaks its rules */
	ERROR_NOT_FOUND,     /* no such container, image, blob, file */
	ERROR_CONFLICT,	     /* a name is taken, a container is running */
	ERROR_DENIED,	     /* known, but not allowed */
	ERROR_UNAUTHORIZED,  /* not known: credentials are missing or wrong */
	ERROR_LIMIT,	     /* a size, depth or count is over its bound */
	ERROR_CORRUPT,	     /* bytes do not match their digest or their record */
	ERROR_NETWORK,	     /* another host could not be reached or broke off */
	ERROR_UNSUPPORTED,   /* this host or this version cannot do it */
	ERROR_CANCELLED,     /* a signal or the other side stopped it */
	ERROR_CANNOT_INVOKE, /* the container's command exists and cannot be run: exit code 126 */
	ERROR_NO_COMMAND,    /* the container's command does not exist: exit code 127 */
	ERROR_KIND_COUNT,
};

struct error {
	enum error_kind kind;
	int system_errno; /* 0 where none applies */
	char message[ERROR_MESSAGE_SIZE];
};

#define PRINTF_LIKE(format_index, first_argument) __attribute__((format(printf, format_index, first_argument)))

/* Fills *err; err may be NULL. Both return -1, so that a caller can `return error_set(...)`. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same, ending in ": " and the text of number. Kind is ERROR_NOT_FOUND for ENOENT, else ERROR_SYSTEM. */
int error_set_errno(struct error *err, int number, const char *format, ...) PRINTF_LIKE(3, 4);
/* Puts "FORMAT: " before the message, keeps kind and number. Returns -1. */
int error_wrap(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);
void error_clear(struct error *err);

#if defined(__clang_analyzer__) && !defined(ERROR_IMPLEMENTATION)
/* The analyzer sees one file at a time, and has to be told that these always return -1. */
#define error_set(...)	     (error_set(__VA_ARGS__), -1)
#define error_set_errno(...) (error_set_errno(__VA_ARGS__), -1)
#define error_wrap(...)	     (error_wrap(__VA_ARGS__), -1)
#endif
