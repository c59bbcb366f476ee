/*
 * How a pull or push looks. On a terminal each layer has a line that changes, with a bar while bytes flow; in a pipe
 * each change of a layer's state is a line, as Docker prints them; as JSON each event is a line, with members of
 * Docker's: {"status":"v1: Pulling from me/web"}, {"id":"0123456789ab","status":"Downloading","current":1,"total":2},
 * and {"error":"…"} for a failure.
 */
#pragma once

#include "engine/registry_request.h"

struct progress;

enum progress_style { PROGRESS_AUTO, PROGRESS_PLAIN, PROGRESS_TERMINAL, PROGRESS_JSON, PROGRESS_QUIET };
/* The value of --progress: auto, plain, tty, json, quiet; NULL is auto. quiet (-q) wins. */
int progress_style_parse(const char *text, bool quiet, enum progress_style *ret_style, struct error *err);

#define OPTION_PROGRESS(variable)                                                                                      \
	OPTION_STRING(0, "progress", variable, "string",                                                               \
		      "How progress is told: auto, plain, tty, json (an object a line), quiet")

/* fd: 1 for `pull` and `push`, 2 for `run`, whose standard output is the container's. quiet: nothing is shown. */
struct progress *progress_new(int fd, bool quiet);
struct progress *progress_new_styled(int fd, enum progress_style style);
/* Tells a failure where the style is JSON; whoever reads lines of JSON reads nothing else. Returns -1. */
int progress_fail(struct progress *progress, const struct error *failure);
const struct transfer_progress *progress_transfer(struct progress *progress);
void progress_free(struct progress *progress);
static inline void progress_free_pointer(struct progress **progress)
{
	progress_free(*progress);
}
#define cleanup_progress CLEANUP(progress_free_pointer)
