/* What a control group uses now, on versions 1 and 2 alike. */
#pragma once

#include <stdint.h>

#include "base/error.h"

struct cgroup_usage {
	uint64_t cpu_ns;       /* of processor time since it was made */
	uint64_t memory;       /* bytes, without the cache that the kernel could drop at once, as Docker counts */
	uint64_t memory_limit; /* UINT64_MAX: none */
	uint64_t processes;    /* and threads */
	uint64_t block_read, block_written; /* bytes */
};

/* Zeros where this host does not count. ERROR_NOT_FOUND where the group is not there, ERROR_UNSUPPORTED without control
 * groups. */
int cgroup_usage_read(const char *path, struct cgroup_usage *ret_usage, struct error *err);

/* Pure, for tests. The value behind "KEY " at the start of a line; 0 without one. */
uint64_t cgroup_usage_find(const char *text, const char *key);
/* Of io.stat: the sum of all "KEY=NUMBER". */
uint64_t cgroup_usage_sum(const char *text, const char *key);
