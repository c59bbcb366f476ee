/*
 * The state of one coracle-monitor. One thread, one epoll, level-triggered; every descriptor of ours is non-blocking
 * but the log.
 *
 *     container's stdout, stderr or terminal ──output.c──► log_sink.c, then every client (attach_server.c)
 *     clients' frames ──attach_server.c──► input.c ──► container's stdin or terminal; signals; terminal size
 *     timer ──probe.c──► a health check, one at a time, and again when it has ended
 *     a log file that is full ──compression.c──► a process that compresses it, one at a time
 *     the first process' pidfd ──► finish.c: drain, status, FRAME_EXIT, execve of the cleanup
 *
 * Memory is bounded by what is in flight: one chunk of output for a client that is slow, while which nothing more is
 * read; one INPUT_WINDOW of input for each client.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/time.h"
#include "monitor/log_sink.h"
#include "monitor/protocol.h"
#include "monitor/text.h"

#define MAX_CLIENTS 32
/* One read of output. */
#define CHUNK_SIZE 65536

struct client {
	bool used;
	int fd; /* -1: gone, but its input is still on the way to the container */
	bool foreground;
	/* Output that the connection would not take: the rest of one chunk. Owned, NULL while none. */
	char *pending;
	size_t pending_size, pending_sent;
	char pending_kind;
	nanoseconds stalled_since; /* CLOCK_MONOTONIC; when it last took something, while there is pending output */
	/* Input that the container would not take. Owned, NULL while none. */
	char *input;
	size_t input_size, input_sent;
	bool input_ended;
	uint32_t window_owed; /* bytes taken of which the client has not been told */
};

/* What epoll watches; the index into monitor.watched. Clients come behind. */
enum watch {
	WATCH_PROCESS,
	WATCH_SIGNAL,
	WATCH_LISTEN,
	WATCH_STDOUT,
	WATCH_STDERR,
	WATCH_TERMINAL,
	WATCH_STDIN,
	WATCH_TIMER, /* the next health check */
	WATCH_PROBE, /* the one that goes on */
	WATCH_COMPRESSION,
	WATCH_NAMES_UDP, /* a question for the resolver */
	WATCH_NAMES_TCP,
	WATCH_RESOLVER, /* its end */
	WATCH_CLIENT,	/* + index of the client */
	WATCH_COUNT = WATCH_CLIENT + MAX_CLIENTS
};

struct monitor {
	/* From the command line (start.h). A descriptor that is closed becomes -1. */
	const char *engine, *root, *run_root, *id;
	pid_t pid;
	int run_folder_fd, log_fd, log_folder_fd, journal_fd, memory_events_fd, lock_fd, stdin_fd, stdout_fd, stderr_fd,
		terminal_fd, client_fd, ready_fd;
	int64_t log_max_size, log_keep, log_number, log_buffer;
	int names_udp_fd, names_tcp_fd, names_folder_fd;
	const char *resolver, *servers; /* NULL: none */
	bool stdin_once, log_compress;
	nanoseconds wait; /* -1: a monitor; else a waiter (waiter.c), which needs neither pid nor run folder */
	nanoseconds first_probe, probe_interval; /* 0: no health check */
	bool is_exec; /* of a further process: nothing is cleaned up after it but its own folder */

	int epoll_fd, process_fd, signal_fd, listen_fd, timer_fd, probe_fd, compression_fd;
	pid_t probe_pid, compression_pid, resolver_pid;
	int resolver_fd; /* pidfd; -1: it does not run */
	nanoseconds resolver_started;
	bool terminal_ended; /* nothing more to read from it */
	bool has_exited;
	uint32_t watched[WATCH_COUNT]; /* events that epoll has now; 0: not registered */
	struct log_writer log;
	struct journal journal;
	int buffer_fd; /* of a log that is not waited for (log_sink.h); -1: it is */
	pid_t buffer_pid;
	uint64_t buffer_lost; /* bytes, since the last frame */
	struct client clients[MAX_CLIENTS];
};

/* arguments.c */
int monitor_parse_arguments(struct monitor *monitor, char **arguments, struct error *err);

/* loop.c: until the first process has ended. */
int monitor_prepare_loop(struct monitor *monitor, struct error *err);
int monitor_loop(struct monitor *monitor, struct error *err);
void monitor_ignore_terminal_signals(void);

/* output.c */
enum output_read { OUTPUT_SOME, OUTPUT_NONE_NOW, OUTPUT_ENDED };
/* Reads one chunk from WATCH_STDOUT, WATCH_STDERR or WATCH_TERMINAL and hands it on. */
enum output_read output_read_chunk(struct monitor *monitor, enum watch source);
/* Gives the pages of the buffers back. */
void output_trim(void);

/* attach_server.c */
int attach_listen(struct monitor *monitor, struct error *err);
void attach_accept(struct monitor *monitor);
struct client *attach_add(struct monitor *monitor, int fd, bool foreground);
void attach_broadcast(struct monitor *monitor, char kind, const char *bytes, size_t size);
/* Whether a client is so far behind that no more output may be read. */
bool attach_is_behind(const struct monitor *monitor);
void attach_client_ready(struct monitor *monitor, struct client *client, uint32_t events);
/* Disconnects those that have stalled for too long. Returns the milliseconds until it is to be asked again, or -1. */
int attach_expire(struct monitor *monitor);
/* Sends what is pending and FRAME_EXIT, into the kernel's memory if need be. */
void attach_finish(struct monitor *monitor, int exit_code);
void attach_drop(struct monitor *monitor, struct client *client);

/* input.c */
/* False: the client broke its window. */
bool input_add(struct monitor *monitor, struct client *client, const char *bytes, size_t size);
void input_end(struct monitor *monitor, struct client *client);
void input_resize(struct monitor *monitor, const struct frame_resize *size);
bool input_is_waiting(const struct monitor *monitor);
/* The container's side can be written to again. */
void input_flush(struct monitor *monitor);

/* status_write.c; -1 with errno set. */
int status_write_running(int run_folder_fd, pid_t pid, nanoseconds started);
int status_write_exited(int run_folder_fd, const struct exit_text *end);

/* finish.c */
_Noreturn void monitor_finish(struct monitor *monitor);

/* probe.c: health checks, by `coracle container probe ID` */
int probe_prepare(struct monitor *monitor, struct error *err);
void probe_start(struct monitor *monitor); /* its time has come */
void probe_end(struct monitor *monitor);   /* it has ended */

/* compression.c: of log files that are full, by `coracle container log-compress ID` */
void compression_start(struct monitor *monitor);
void compression_end(struct monitor *monitor); /* it has ended, or is to end now */

/* child.c: a child that runs `coracle container WORD ID`, and a pidfd of it. False: not now. */
bool child_start(const struct monitor *monitor, const char *word, pid_t *ret_pid, int *ret_pidfd);

/* resolver.c: names of containers, by `coracle-resolver` */
bool resolver_is_wanted(const struct monitor *monitor); /* it could run, and does not */
void resolver_start(struct monitor *monitor);		/* somebody asks */
void resolver_end(struct monitor *monitor);		/* it has ended */
void resolver_stop(struct monitor *monitor);

/* waiter.c: sleeps, then becomes the start of the container. Returns the exit code where it does not come to that. */
int waiter_main(const struct monitor *monitor);

/* idle.c: epoll_wait without limit, after giving back every page that can be read again from the program's file. */
int idle_wait(int epoll_fd, void *events, int count);
