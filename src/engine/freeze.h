/*
 * A container's processes stand still for a while, and go on whatever becomes of us: a child in a session of its own
 * holds the other end of a socket, and thaws them once that is closed, by container_freeze_end() or by our death.
 * Nothing is frozen that somebody has paused already.
 */
#pragma once

#include <sys/types.h>

#include "base/error.h"
#include "store/container.h"

struct container_freeze {
	int socket_fd; /* -1: none */
	pid_t guard;
	char *cgroup;
};
#define CONTAINER_FREEZE_INIT ((struct container_freeze){.socket_fd = -1})

int container_freeze_begin(const struct container_record *record, struct container_freeze *ret_freeze,
			   struct error *err);
/* Returns once they go on. */
void container_freeze_end(struct container_freeze *freeze);
#define cleanup_container_freeze CLEANUP(container_freeze_end)
