/*
 * How a pull or push looks. On a terminal each layer has a line that changes, with a bar while bytes flow; in a pipe
 * each change of a layer's state is a line, as Docker prints them.
 */
#pragma once

#include "engine/registry_request.h"

struct progress;

/* fd: 1 for `pull` and `push`, 2 for `run`, whose standard output is the container's. quiet: nothing is shown. */
struct progress *progress_new(int fd, bool quiet);
const struct transfer_progress *progress_transfer(struct progress *progress);
void progress_free(struct progress *progress);
static inline void progress_free_pointer(struct progress **progress)
{
	progress_free(*progress);
}
#define cleanup_progress CLEANUP(progress_free_pointer)
