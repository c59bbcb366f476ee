/* What `run` and `exec` have in common: the pipes of a process, and the fork that becomes its monitor. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "engine/engine.h"
#include "monitor/start.h"
#include "runtime/launch.h"

/* Between the container and its monitor; index 0 is the container's end. Descriptors of -1 are not there. */
struct stdio {
	int input[2], output[2], problems[2];
};
#define STDIO_INIT ((struct stdio){{-1, -1}, {-1, -1}, {-1, -1}})

/* With a terminal nothing is opened; without `input` the process reads /dev/null. */
int stdio_open(bool terminal, bool input, struct stdio *stdio, struct error *err);
/* The container's terminal begins with the size of ours, so that the first thing it draws fits. */
void stdio_copy_terminal_size(int terminal_fd);

/* Filled with what all monitors have in common; without log and client. What it points at is borrowed. */
struct monitor_options monitor_options_new(const struct engine *engine, const struct stdio *stdio,
					   const struct runtime_process *process, int ready_fd);

/*
 * Forks; the child leads a session of its own and calls `become`, which only comes back with an error. Returns once the
 * monitor has said on report_fd that all stands (monitor/start.h: ready_fd), or with what failed; then the child is
 * reaped, and locks that it held are free.
 */
int monitor_fork(int (*become)(const void *context, int report_fd, struct error *err), const void *context,
		 struct error *err);
