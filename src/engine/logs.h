/* `logs`: what a container has said. */
#pragma once

#include "engine/engine.h"
#include "monitor/log_reader.h"

int container_logs(struct engine *engine, const char *name, const struct log_query *query, struct error *err);
