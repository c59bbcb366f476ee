/* What `ps` shows: containers with their states. */
#pragma once

#include "engine/container_config.h"
#include "engine/state.h"

struct container_view {
	struct container_record record;
	struct container_state state;
	struct container_config config;
};
struct container_views {
	struct container_view *items; /* newest first */
	size_t count;
};
void container_views_release(struct container_views *views);
#define cleanup_container_views CLEANUP(container_views_release)

/* Running ones, or all. */
int container_view_list(struct engine *engine, bool all, struct container_views *ret_views, struct error *err);
int container_view_find(struct engine *engine, const char *name, struct container_view *ret_view, struct error *err);
void container_view_release(struct container_view *view);
#define cleanup_container_view CLEANUP(container_view_release)

/* Columns in Docker's words, owned by the caller. */
char *container_view_command(const struct container_view *view);  /* "/s2 30001", without quotes */
char *container_view_networks(const struct container_view *view); /* "bridge", "front,back", "host", "none" */
char *container_view_ports(const struct container_view *view);	  /* "0.0.0.0:30001->30001/tcp"; "" unless running */

/*
 * Bytes on disk of what the container wrote, and of that with its image's layers. A layer whose image was removed by
 * force counts nothing.
 */
int container_view_sizes(struct engine *engine, const struct container_view *view, uint64_t *ret_written,
			 uint64_t *ret_total, struct error *err);
