/*
 * Programs run by ours. No shell, ever. What a child may hold is said: its standard descriptors and the ones listed;
 * everything else is CLOEXEC.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/memory.h"

#define PROCESS_MAX_FDS 8

struct process_options {
	char *const *arguments;	  /* arguments[0] is the program's path; NULL-terminated */
	char *const *environment; /* NULL: ours */
	int standard_fds[3];	  /* each is put on 0, 1, 2; -1: /dev/null */
	struct {
		int from; /* a descriptor of ours */
		int to;	  /* its number in the child, 3 or more */
	} fds[PROCESS_MAX_FDS];
	size_t fd_count;
	bool new_session;	 /* setsid */
	int parent_death_signal; /* 0: none; a program with a setuid or setgid bit is not reached by it, unless: */
	bool no_new_privileges;	 /* such bits do not count */
};

/* Starts it. An exec that fails is reported here, not by an exit code. */
int process_start(const struct process_options *options, pid_t *ret_pid, struct error *err);
/* Waits; ret_status is as a shell has it: the exit code, or 128 + the signal. */
int process_wait(pid_t pid, int *ret_status, struct error *err);

/* The first file of that name (a single component) in the PATH that may be run, owned by the caller; NULL: none. Only
 * absolute folders count, so that it never depends on where we are. */
char *process_find_program(const char *name);

/* The folder of our own executable, for helpers beside it; owned by the caller. */
int process_executable_folder(char **ret_path, struct error *err);
