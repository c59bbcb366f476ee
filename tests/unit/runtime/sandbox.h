/*
 * A container to try things in: a folder of its own under /tmp with one layer (the probe, /etc/passwd, /etc/group),
 * upper and work folders, and a spec that a test changes before sandbox_run.
 */
#pragma once

#include "runtime/launch.h"
#include "runtime/seccomp.h"

struct sandbox {
	char folder[64];
	int folder_fd, layer_fd, cache_fd;
	struct seccomp_filter filter;
	struct runtime_spec spec;
	char cgroup[64];
	const char *arguments[32];
	struct runtime_process process;
	struct error error; /* of the last run */
	char output[65536]; /* standard output and error of the last run */
	int exit_code;	    /* as a shell has it; -1 where it did not start */
};

/* cmocka set-up and tear-down; *state is the sandbox. */
int sandbox_setup(void **state);
int sandbox_teardown(void **state);
/* Skips the test, saying why, where we are not root. */
void sandbox_need_root(void);

/* Files of the image's layer. */
void sandbox_write(struct sandbox *sandbox, const char *path, const char *text);
void sandbox_make_folder(struct sandbox *sandbox, const char *path);
void sandbox_link(struct sandbox *sandbox, const char *target, const char *path);
void sandbox_remove(struct sandbox *sandbox, const char *path);

/* Runs `/bin/probe WORD…` (words end with NULL), or what spec.arguments was set to when the first word is NULL, to its
 * end. */
void sandbox_run(struct sandbox *sandbox, ...);
/* It started, ended with 0, and its output has the text. */
void sandbox_expect(struct sandbox *sandbox, const char *text);
void sandbox_expect_not(struct sandbox *sandbox, const char *text);
/* It did not start, and the error has the text. */
void sandbox_expect_error(struct sandbox *sandbox, const char *text);
