/* `logs`: what a container has said. */
#pragma once

#include "engine/engine.h"
#include "monitor/log_reader.h"

struct container_logs_options {
	struct log_query query; /* its details are filled here */
	bool details;
};
int container_logs(struct engine *engine, const char *name, struct container_logs_options *options, struct error *err);
