/*
 * The list of songs. All functions may be called from any thread.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#define MUSIC_ID_SIZE 37 /* a UUID as text and a NUL */

struct songs;

/*
 * Reads `path`: a header line "Artist,SongTitle,UUID", then a song a line. Returns NULL and prints why to standard
 * error where the file cannot be read or breaks its form.
 */
struct songs *songs_open(const char *path);
void songs_free(struct songs *songs);

/* {"Count":N,"Items":[{"Artist":…,"SongTitle":…,"music_id":…},…]}: new, owned by the caller. */
json_t *songs_all(struct songs *songs);
/* The same with one item, or with none and Count 0. */
json_t *songs_find(struct songs *songs, const char *music_id);
/* Gives the new song a fresh id. */
void songs_add(struct songs *songs, const char *artist, const char *title, char ret_music_id[MUSIC_ID_SIZE]);
/* Whether it was there. */
bool songs_remove(struct songs *songs, const char *music_id);
