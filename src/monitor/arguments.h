/*
 * The command line of coracle-monitor, which start.c writes and main.c reads: words NAME=VALUE, each name once, in any
 * order. Descriptors are numbers; an absent name is -1, 0, false or, for the texts and `pid`, an error. "wait=NS" makes
 * it a waiter.
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
	X(log_folder_fd, "log-folder")                                                                                 \
	X(journal_fd, "journal")                                                                                       \
	X(memory_events_fd, "memory-events")                                                                           \
	X(lock_fd, "lock")                                                                                             \
	X(stdin_fd, "stdin")                                                                                           \
	X(stdout_fd, "stdout")                                                                                         \
	X(stderr_fd, "stderr")                                                                                         \
	X(terminal_fd, "terminal")                                                                                     \
	X(client_fd, "client")                                                                                         \
	X(names_udp_fd, "names-udp")                                                                                   \
	X(names_tcp_fd, "names-tcp")                                                                                   \
	X(names_folder_fd, "names-folder")                                                                             \
	X(ready_fd, "ready")

/* Of 64 bits, none negative. */
#define MONITOR_NUMBER_NAMES                                                                                           \
	X(first_probe, "first-probe")                                                                                  \
	X(probe_interval, "probe")                                                                                     \
	X(log_max_size, "log-size")                                                                                    \
	X(log_keep, "log-keep")                                                                                        \
	X(log_number, "log-number")                                                                                    \
	X(log_buffer, "log-buffer")

#define MONITOR_FLAG_NAMES                                                                                             \
	X(stdin_once, "stdin-once")                                                                                    \
	X(is_exec, "exec")                                                                                             \
	X(log_compress, "log-compress")
