/*
 * What parent and child say to one another over a SOCK_SEQPACKET pair.
 *
 *     parent                             child
 *       |                                  |  cgroup, root, mounts
 *       |                            READY |  with the terminal's master, where there is one
 *       |<---------------------------------|
 *       | GO: the network is there         |
 *       |--------------------------------->|  network inside, user, capabilities, seccomp
 *       |         EXEC: the command's name |
 *       |<---------------------------------|
 *       |        EXEC_FAILED errno, or end |  from the doorstep; the end means that exec has succeeded
 *       |<---------------------------------|
 *
 * FAILED with a `struct error` may come in place of any of the child's messages and is its last one.
 */
#pragma once

#include <stdint.h>

#include "base/error.h"

enum sync_kind {
	SYNC_READY = 1,
	SYNC_GO,
	SYNC_EXEC,
	SYNC_EXEC_FAILED,
	SYNC_FAILED,
};

#define SYNC_DOORSTEP_FD 3 /* the socket's number in the doorstep */

/* The doorstep's only message: it has no libc. */
struct sync_exec_failed {
	uint32_t kind;
	int32_t number;
};

struct sync_message {
	uint32_t kind;
	struct error error; /* FAILED: what failed; EXEC: the command's name in error.message */
};

/* Sends only what the kind needs. `fd` (or -1) goes along as SCM_RIGHTS. No SIGPIPE. */
int sync_send(int socket_fd, enum sync_kind kind, const struct error *error, int fd, struct error *err);
/* 1, or 0 at the end, or -1. *ret_fd (may be NULL) gets a descriptor that came along, else -1. */
int sync_receive(int socket_fd, struct sync_message *message, int *ret_fd, struct error *err);
