/*
 * A stage's state as bytes, from a worker to the process that forked it: the same program, so numbers and fixed
 * structures go as they are. Not JSON, which cannot hold all that a Dockerfile can. What does not hold together is
 * refused all the same: a worker works on other people's files.
 */
#pragma once

#include "build/executor.h"

#define STAGE_WIRE_LIMIT ((size_t)64 * 1024 * 1024)

/* How the worker's walk through its stage ended. */
struct stage_outcome {
	bool is_built;
	struct error error;   /* unless it is */
	uint64_t culprit;     /* 1-based in the Dockerfile's instructions; 0: none */
	uint64_t failed_step; /* as the worker counts */
	bool has_log;
	struct string_list consumed, hits; /* as the executor has them */
	struct stage_state state;	   /* where it is built */
};
void stage_outcome_release(struct stage_outcome *outcome);
#define cleanup_stage_outcome CLEANUP(stage_outcome_release)

void stage_outcome_write(const struct stage_outcome *outcome, struct buffer *bytes);
int stage_outcome_read(const void *bytes, size_t size, struct stage_outcome *ret_outcome, struct error *err);
