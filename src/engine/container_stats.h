/* `stats`: what containers use, as one reading; processor shares come of two. */
#pragma once

#include "base/string_list.h"
#include "engine/engine.h"
#include "store/container.h"

struct container_stats {
	char id[CONTAINER_ID_SIZE];
	char *name;
	char *wanted; /* as the user named it; else the id */
	bool is_running;
	nanoseconds when; /* of the reading, monotonic */
	uint64_t cpu_ns;
	double cpu_percent;	       /* of one processor, since the reading before; 0 for the first */
	uint64_t memory, memory_limit; /* bytes; the limit is the host's memory where there is none */
	uint64_t received, sent;       /* by its own network interfaces; 0 for those that share the host's */
	uint64_t block_read, block_written;
	uint64_t processes;
};

struct container_stats_list {
	struct container_stats *items;
	size_t count;
};
void container_stats_release(struct container_stats_list *list);
#define cleanup_container_stats CLEANUP(container_stats_release)

/*
 * Those that are named, or all that run, or with `all` the others too: all is 0 for one that does not run.
 * `before` (or NULL) is the reading that shares are counted from. ERROR_NOT_FOUND "No such container: x".
 */
int container_stats_read(struct engine *engine, const struct string_list *names, bool all,
			 const struct container_stats_list *before, struct container_stats_list *ret_list,
			 struct error *err);

/* Pure, for tests: /proc/PID/net/dev, all interfaces but lo. */
void container_stats_parse_network(const char *text, uint64_t *ret_received, uint64_t *ret_sent);
