/*
 * music.db: the songs as SQLite keeps them. One connection, which holds the file for itself; calls come from one thread
 * at a time. A function that returns false has left its reason for database_problem().
 */
#pragma once

#include "seed.h"
#include "songs.h"

struct database;

enum database_result { DATABASE_OPEN, DATABASE_READ_ONLY, DATABASE_FAILED };

/* FOLDER/music.db, made where it is not there. DATABASE_FAILED: why was printed to standard error. */
enum database_result database_open(const char *folder, struct database **ret_database);
void database_close(struct database *database); /* NULL is fine */
const char *database_problem(struct database *database);

/*
 * What is new or different in music.csv since it was read last is done to the songs, once for each content of the file:
 * songs that the file adds are added, songs that it changes are changed. What has been deleted stays so, and what the
 * file does not name any more is left alone.
 */
bool database_merge(struct database *database, const struct seed *seed);
/* Whether a seed was ever merged: an empty list is then what somebody wanted. */
bool database_has_seed(struct database *database);
bool database_each(struct database *database, void (*take)(void *context, const struct song *song), void *context);

bool database_begin(struct database *database);
bool database_set(struct database *database, const struct song *song);
bool database_remove(struct database *database, const char *music_id);
/* True: it is on disk. False: nothing of it is. */
bool database_commit(struct database *database);
void database_roll_back(struct database *database);
