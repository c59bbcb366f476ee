/*
 * What `inspect` shows: one object as a document with Docker's members in Docker's order. Members that tell of what
 * is not here (swarm, Windows) have the value that Docker gives where it is not used.
 */
#pragma once

#include "base/json.h"
#include "engine/engine.h"
#include "engine/list.h"

/* ERROR_NOT_FOUND "No such container: X". With `size`, SizeRw and SizeRootFs too: bytes on disk. */
int inspect_container(struct engine *engine, const char *name, bool size, json_t **ret_document, struct error *err);
/* ERROR_NOT_FOUND "No such image: X". */
int inspect_image(struct engine *engine, const char *name, json_t **ret_document, struct error *err);

/* ERROR_NOT_FOUND "No such volume: X". */
int inspect_volume(struct engine *engine, const char *name, json_t **ret_document, struct error *err);

/* ERROR_NOT_FOUND "network X not found". */
int inspect_network(struct engine *engine, const char *name, json_t **ret_document, struct error *err);

/* {"front": {"IPAddress": …}}: the networks that a container is, or will be, on. Owned. */
int inspect_endpoints(struct engine *engine, const struct container_view *view, json_t **ret_networks,
		      struct error *err);
/* An id of 64 digits for a container on a network; owned. */
char *inspect_endpoint_id(const char *container, const char *network_id);

/* Shared by them. {"80/tcp": {}}, and an object of KEY=VALUE items. */
json_t *inspect_set(const struct string_list *items);
json_t *inspect_map(const struct string_list *items);
json_t *inspect_list_or_null(const struct string_list *items, bool is_set);
json_t *inspect_time(nanoseconds time); /* 0: Go's zero time */
/* {"Data": {"LowerDir": …}, "Name": "overlay"}; `folder` is the container's, NULL for an image. Base layer first. */
json_t *inspect_graph_driver(struct engine *engine, const struct string_list *layers, const char *folder);
