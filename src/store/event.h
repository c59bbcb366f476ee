/*
 * What happens to containers, images and volumes, as `events` tells it: RUN_ROOT/events, one line of JSON an event,
 * appended with one write(2) by whoever makes the change, after the change. So readers sleep on inotify, and no event
 * is torn or interleaved. Not durable: it is of this boot. Bounded: a file that has reached EVENTS_FILE_LIMIT becomes
 * `events.old`, whose predecessor goes.
 *
 * A line is Docker's JSON of an event: {"Type", "Action", "Actor": {"ID", "Attributes"}, "scope", "time", "timeNano"},
 * and for containers and images also the older "status", "id" and "from".
 */
#pragma once

#include "base/json.h"
#include "store/store.h"

#define EVENTS_FILE_LIMIT (1024 * 1024)
/* Longer ones are written without their attributes. */
#define EVENT_LIMIT 65536

/*
 * `attributes` (an object of texts, or NULL) is taken over. An event that cannot be written never fails what it tells
 * of, so there is nothing to return.
 */
void event_add(struct store *store, const char *type, const char *action, const char *id, json_t *attributes);

/*
 * Reads events from the oldest that is kept:
 *
 *     cleanup_event_reader struct event_reader *reader = NULL;
 *     if (event_reader_open(store, since, &reader, err) < 0) ...
 *     while ((got = event_reader_next(reader, &event, err)) > 0) ...   0: no more for now
 *     event_reader_wait(reader, until, err)                           then again
 */
struct event_reader;
/* Passes over what is older than `since`. */
int event_reader_open(struct store *store, nanoseconds since, struct event_reader **ret_reader, struct error *err);
/* 1: *ret_event is the next one, owned; 0: none for now; -1. Lines that are no events are passed over. */
int event_reader_next(struct event_reader *reader, json_t **ret_event, struct error *err);
/* Sleeps until there may be more; 0: the time `until` (0: never) has come. */
int event_reader_wait(struct event_reader *reader, nanoseconds until, struct error *err);
void event_reader_free(struct event_reader *reader);
static inline void event_reader_free_pointer(struct event_reader **reader)
{
	event_reader_free(*reader);
}
#define cleanup_event_reader CLEANUP(event_reader_free_pointer)
