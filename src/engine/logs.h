/* `logs`: what a container has said. */
#pragma once

#include "engine/engine.h"
#include "monitor/log_reader.h"

struct container_logs_options {
	struct log_query query; /* its details are filled here */
	bool details;
	bool removed; /* of a container that is gone (removed_logs.h) */
};
int container_logs(struct engine *engine, const char *name, struct container_logs_options *options, struct error *err);
