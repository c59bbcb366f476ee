/* How a process of the engine that has launched a container becomes its monitor. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"

struct monitor_options {
	const char *program; /* path of coracle-monitor */
	const char *engine;  /* path of coracle, for cleanup */
	const char *root;
	const char *run_root;
	const char *id;
	pid_t pid;				    /* the container's first process, a child of the caller */
	int run_folder_fd;			    /* RUN_ROOT/containers/<id> */
	int log_fd;				    /* container.log, O_APPEND; -1: no log */
	int log_folder_fd;			    /* where it lies (log_files.h); -1: it is one file that grows */
	int64_t log_max_size, log_keep, log_number; /* log_writer.h */
	int64_t log_buffer;			    /* bytes of mode=non-blocking (log_sink.h); 0: it waits */
	int journal_fd;		  /* the fields for the journal (journal.h); -1: output goes to log_fd */
	bool log_compress;	  /* what is full becomes .gz, by `coracle container log-compress` */
	int lock_fd;		  /* from monitor_lock_take() */
	int memory_events_fd;	  /* cgroup_open_memory_events(); -1: none */
	int stdin_fd;		  /* write end of the container's standard input; -1: none (it has /dev/null) */
	int stdout_fd, stderr_fd; /* read ends; -1 with a terminal */
	int terminal_fd;	  /* master; -1 without */
	int client_fd;		  /* our end of the foreground client's socketpair; -1: none */
	int names_udp_fd, names_tcp_fd, names_folder_fd; /* of the container's resolver; -1: it has none */
	const char *resolver;				 /* path of coracle-resolver; NULL: none */
	const char *servers;				 /* that it asks, with commas between; NULL: none */
	int ready_fd;					 /* write end of a pipe; -1: none */
	bool stdin_once;				 /* -i without -d: the input ends with its first client */
	nanoseconds first_probe, probe_interval;	 /* of the health check; 0: none */
	bool is_exec; /* a further process (`exec`): no cleanup follows its end, and its folder goes */
};

/*
 * Takes the lock of a run folder (protocol.h) for a command that is about to start the container, or to clean up after
 * it. The descriptor is owned; the lock is free once all its duplicates, those of children too, are closed.
 * ERROR_CONFLICT where somebody has it.
 */
int monitor_lock_take(int run_folder_fd, int *ret_lock_fd, struct error *err);

/*
 * The same for a successor, to which somebody passed a descriptor that has the lock: checks that it is that folder's
 * lock, takes the lock where it was free, and puts down our name. The descriptor becomes CLOEXEC and stays the
 * caller's.
 */
int monitor_lock_adopt(int run_folder_fd, int lock_fd, struct error *err);

/*
 * execve's the monitor in the calling process; returns only with an error, and then with all descriptors still open
 * and CLOEXEC. Of the caller's descriptors just those named in the options reach the monitor, whatever their numbers;
 * its standard ones become /dev/null. root, run_root and engine are absolute paths, since it works in "/". The caller
 * should lead a session of its own.
 *
 * Once `status` says "running" and attach.sock listens, the monitor writes one byte to ready_fd and closes it. Where it
 * cannot get that far, it kills the first process, writes a whole struct error there, and exits with 1.
 *
 * The monitor ignores the signals of terminals; SIGTERM it passes on to the container's first process.
 */
int monitor_become(const struct monitor_options *options, struct error *err);

/*
 * execve's a waiter (waiter.c) that has the container started in `span` nanoseconds. Of the options only program,
 * engine, root, run_root, id and lock_fd count. As for monitor_become(), nothing else reaches it, attach connections
 * neither.
 */
int monitor_become_waiter(const struct monitor_options *options, nanoseconds span, struct error *err);
