/*
 * The engine: what every use case needs, opened once per command. A use case is one file of this folder, and is what
 * commands call. Nothing here prints, but through the callbacks that a caller hands in.
 */
#pragma once

#include "base/error.h"
#include "base/memory.h"
#include "store/store.h"

#define ENGINE_DEFAULT_ROOT	"/var/lib/coracle"
#define ENGINE_DEFAULT_RUN_ROOT "/run/coracle"

struct engine {
	struct store *store;
	char *program;	  /* path of coracle, for the cleanup that monitors run */
	char *monitor;	  /* path of coracle-monitor */
	bool is_insecure; /* --tls-verify=false: the registry that is asked need not have a certificate that is trusted
			   */
};

/* root, run_root: NULL for $CORACLE_ROOT, $CORACLE_RUN_ROOT or the defaults. */
int engine_open(const char *root, const char *run_root, struct engine **ret_engine, struct error *err);
void engine_free(struct engine *engine);
static inline void engine_free_pointer(struct engine **engine)
{
	engine_free(*engine);
}
#define cleanup_engine CLEANUP(engine_free_pointer)

/* How long things go on are told: lines for a user, in Docker's words, without a newline. */
struct engine_report {
	void (*line)(void *context, const char *text);
	void *context;
};
void engine_report_line(const struct engine_report *report, const char *format, ...) PRINTF_LIKE(2, 3);
