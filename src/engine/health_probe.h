/* One run of a health check inside its container. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"

#define PROBE_OUTPUT_LIMIT 4096

struct probe_result {
	nanoseconds start, end;
	int exit_code; /* -1: it could not be run, or took too long */
	char *output;  /* both streams, at most PROBE_OUTPUT_LIMIT bytes and "..." where there was more; owned */
};
void probe_result_release(struct probe_result *result);

/* A check that cannot be run is a result too; -1 is for failures of ours alone. After `timeout` its session is killed.
 */
int probe_run(struct engine *engine, const char *id, int run_folder_fd, const struct container_config *config,
	      nanoseconds timeout, struct probe_result *ret_result, struct error *err);
