/*
 * The list of songs, wherever it is kept. All functions may be called from any thread.
 *
 * Reads are answered at once, as the JSON that is sent. A change may take until it is on disk: then songs_change()
 * returns false, and change->done is called, once, from another thread. Nothing is acknowledged before it is durable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

#define MUSIC_ID_SIZE 37     /* a UUID as text and a NUL: what the service gives */
#define NAME_LIMIT    4096   /* bytes of an artist or a title */
#define SONGS_LIMIT   100000 /* songs of a list */
#define PAGE_LIMIT    1000   /* songs of a page */

struct song {
	const char *artist, *title, *music_id; /* UTF-8, never NULL */
};

enum songs_outcome {
	SONGS_DONE,
	SONGS_NOT_FOUND,
	SONGS_FULL,  /* SONGS_LIMIT is reached */
	SONGS_FAILED /* the disk said no; it is in the log */
};

enum songs_change_kind { SONGS_ADD, SONGS_REPLACE, SONGS_REMOVE };

struct songs_change {
	enum songs_change_kind kind;
	struct song song;	    /* borrowed until done; only the id for SONGS_REMOVE */
	enum songs_outcome outcome; /* the result */
	void (*done)(struct songs_change *change);
	void *context;
	struct songs_change *next; /* the list's own */
};

/* A part of the list: at most `limit` songs (0: all) behind the song `after` (NULL: from the start) that hold `search`.
 */
struct songs_page {
	size_t limit;
	const char *after, *search;
};

struct songs;

struct songs_operations {
	enum songs_outcome (*find)(struct songs *songs, const char *music_id, struct text **ret_answer);
	enum songs_outcome (*list)(struct songs *songs, const struct songs_page *page, struct text **ret_answer);
	bool (*change)(struct songs *songs, struct songs_change *change);
	bool (*is_ready)(struct songs *songs);
	long (*count)(struct songs *songs); /* -1: not known */
	void (*free)(struct songs *songs);
};

struct songs {
	const struct songs_operations *operations;
	bool changes_wait;   /* songs_change() may return false */
	const char *kept_in; /* for the log and /metrics: "memory" or "sqlite" */
};

/*
 * The list of `folder`: music.csv there, and music.db for what has changed since. Where the folder cannot be written,
 * changes are kept in memory, and the log says so. NULL and a message on standard error where there is no list to be
 * had.
 */
struct songs *songs_open(const char *folder);
/* Changes that wait are finished first. */
void songs_free(struct songs *songs);

/* {"Count":1,"Items":[{"Artist":…,"SongTitle":…,"music_id":…}]}, owned by the caller; SONGS_NOT_FOUND, SONGS_FAILED. */
enum songs_outcome songs_find(struct songs *songs, const char *music_id, struct text **ret_answer);
/*
 * The same with all songs or a page of them; a page that is not the last has "Next":ID, to be given as `after`.
 * SONGS_NOT_FOUND where `after` is no song.
 */
enum songs_outcome songs_list(struct songs *songs, const struct songs_page *page, struct text **ret_answer);
bool songs_change(struct songs *songs, struct songs_change *change);
bool songs_are_ready(struct songs *songs);
long songs_count(struct songs *songs);

/* A fresh id (RFC 4122, version 4). */
void music_id_make(char ret_music_id[MUSIC_ID_SIZE]);

/* For the stores: "{"Artist":…}" of one song. */
void builder_add_song(struct builder *builder, const struct song *song);
/* For the stores: what a search looks in, folded; owned by the caller. */
char *song_search_text(const struct song *song);
