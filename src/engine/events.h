/* `events`: what is told of containers, and which events a user asked for. The log itself is store/event.h. */
#pragma once

#include "engine/engine.h"
#include "store/container.h"
#include "store/event.h"

/* "container ACTION": with image, name and labels of the record, and further attributes, which are taken over (or
 * NULL).
 */
void event_container(struct engine *engine, const struct container_record *record, const char *action, json_t *more);
/* "image ACTION": `id` as Docker has it, an image's id or a reference; `name` a reference, or NULL. */
void event_image(struct engine *engine, const char *action, const char *id, const char *name);

/* `tag`: the image gets another name, and that is told. */
int image_tag_named(struct engine *engine, const char *source, const char *target, struct error *err);

struct event_query {
	nanoseconds since, until; /* 0: from now on, for ever */
	struct string_list filters;
};
/* Calls `take` for each event that passes, until the time has come or `take` fails. Sleeps on inotify in between. */
int events_read(struct engine *engine, const struct event_query *query,
		int (*take)(void *context, const json_t *event, struct error *err), void *context, struct error *err);
