/*
 * Songs in memory, in the order in which they came, each kept as the answer that is sent for it. Readers share a lock
 * for the time of a look-up; writers change one song at a time.
 */
#pragma once

#include "songs.h"

struct list;

struct list *list_new(void);
void list_free(struct list *list);

size_t list_count(struct list *list);
bool list_has(struct list *list, const char *music_id);
/* Adds the song at the end, or replaces the one of that id in its place. */
void list_set(struct list *list, const struct song *song);
/* Whether it was there. */
bool list_remove(struct list *list, const char *music_id);

enum songs_outcome list_find(struct list *list, const char *music_id, struct text **ret_answer);
enum songs_outcome list_page(struct list *list, const struct songs_page *page, struct text **ret_answer);
