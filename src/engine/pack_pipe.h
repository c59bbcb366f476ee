/*
 * A tar archive that a forked child packs and that we read from a pipe, so that it is never held whole:
 *
 *     pack_pipe_start(pack, context, &pipe, err); … read pipe.fd to its end …;
 *     return pack_pipe_finish(&pipe, result, err);
 *
 * The child dies with us.
 */
#pragma once

#include <sys/types.h>

#include "base/stream.h"

struct pack_pipe {
	int fd; /* owned by the pipe */
	int report_fd;
	pid_t child;
};

int pack_pipe_start(int (*pack)(const void *context, const struct sink *tar, struct error *err), const void *context,
		    struct pack_pipe *ret_pipe, struct error *err);
/* `result` and *err are what came of the reading. What the child could not pack is the cause of an archive that was cut
 * short, and takes the place of *err. */
int pack_pipe_finish(struct pack_pipe *pipe, int result, struct error *err);
