/*
 * Starts a real coracle-monitor over a shell that plays the container, with a script that plays the engine's cleanup:
 * it leaves its arguments in FOLDER/cleanup. All lies in one temporary folder, which doubles as the run folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "monitor/status.h"

/* Path of coracle-monitor, from the test's command line. */
extern const char *harness_program;

struct harness_options {
	const char *command; /* for /bin/sh -c */
	bool terminal, input, client;
	const char *cleanup;	     /* more lines for the cleanup script; NULL: none */
	long log_max_size, log_keep; /* of a rotation; 0, 0: one file */
	int log_fd;		     /* 0: FOLDER/container.log; else this one, which is taken over */
};

struct harness {
	char folder[64];
	int folder_fd; /* the run folder */
	int client_fd; /* -1 without */
	pid_t monitor, container;
};

void harness_start(struct harness *harness, const struct harness_options *options);
/* Until the cleanup has ended. Returns the last word of the monitor. */
struct monitor_status harness_wait(struct harness *harness);
/* The whole of a file in the folder; released by the caller. */
struct buffer harness_read(struct harness *harness, const char *name);
/* The log's text as log_read() gives it, both streams. */
struct buffer harness_log(struct harness *harness);
void harness_end(struct harness *harness);

/* Waits for at most ten seconds. */
bool harness_wait_for(bool (*is_so)(void *context), void *context);
/* The next frame from a client's connection into `frame` (at least 16385 bytes); its size, 0 at the end. */
size_t harness_frame(int client_fd, char *frame);
void harness_send(int client_fd, char kind, const void *bytes, size_t size);
/* Frames of this kind put together, until FRAME_EXIT; its code. -1: the connection ended before. */
int harness_collect(int client_fd, char kind, struct buffer *text);
