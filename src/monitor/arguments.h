/*
 * The command line of coracle-monitor, which start.c writes and main.c reads: words NAME=VALUE, each name once, in any
 * order. Descriptors are numbers; an absent name is -1, false or, for the texts and `pid`, an error. "wait=NS" makes it
 * a waiter.
 */
#pragma once

#define MONITOR_TEXT_NAMES                                                                                             \
	X(engine, "engine")                                                                                            \
	X(root, "root")                                                                                                \
	X(run_root, "run-root")                                                                                        \
	X(id, "id")

#define MONITOR_FD_NAMES                                                                                               \
	X(run_folder_fd, "run-folder")                                                                                 \
	X(log_fd, "log")                                                                                               \
	X(lock_fd, "lock")                                                                                             \
	X(stdin_fd, "stdin")                                                                                           \
	X(stdout_fd, "stdout")                                                                                         \
	X(stderr_fd, "stderr")                                                                                         \
	X(terminal_fd, "terminal")                                                                                     \
	X(client_fd, "client")                                                                                         \
	X(ready_fd, "ready")
