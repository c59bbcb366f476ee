/*
 * A list in memory, with its changes in a SQLite database beside music.csv.
 *
 * Reads never wait for the disk. Changes are queued for one writer thread, which takes all that wait, writes them as
 * one transaction, has it synced (WAL, synchronous=FULL), does the same to the list in memory, and only then answers
 * each: while one sync runs, the next group gathers. What was not committed was never answered nor seen.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "database.h"
#include "list.h"
#include "log.h"
#include "seed.h"
#include "stores.h"

struct local {
	struct songs songs; /* first: the vtable's view */
	struct list *list;
	struct database *database; /* NULL: memory alone */
	pthread_t writer;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct songs_change *queue, **queue_end;
	bool is_closing;
};

static struct local *local_of(struct songs *songs)
{
	return (struct local *)songs;
}

static enum songs_outcome find(struct songs *songs, const char *music_id, struct text **ret_answer)
{
	return list_find(local_of(songs)->list, music_id, ret_answer);
}

static enum songs_outcome list(struct songs *songs, const struct songs_page *page, struct text **ret_answer)
{
	return list_page(local_of(songs)->list, page, ret_answer);
}

static bool is_ready(struct songs *songs)
{
	return local_of(songs)->list;
}

static long count(struct songs *songs)
{
	return (long)list_count(local_of(songs)->list);
}

static void apply(struct list *list, const struct songs_change *change)
{
	if (change->kind == SONGS_REMOVE)
		list_remove(list, change->song.music_id);
	else
		list_set(list, &change->song);
}

static enum songs_outcome check(struct list *list, const struct songs_change *change)
{
	if (change->kind == SONGS_ADD)
		return list_count(list) < SONGS_LIMIT ? SONGS_DONE : SONGS_FULL;
	return list_has(list, change->song.music_id) ? SONGS_DONE : SONGS_NOT_FOUND;
}

/* Whether an earlier change of the group removes what this one is about: the list does not know yet. */
static bool is_removed_in(const struct songs_change *group, const struct songs_change *end, const char *music_id)
{
	for (; group != end; group = group->next)
		if (group->kind == SONGS_REMOVE && group->outcome == SONGS_DONE &&
		    strcmp(group->song.music_id, music_id) == 0)
			return true;
	return false;
}

static bool write_group(struct local *local, struct songs_change *group)
{
	size_t added = 0;
	if (!database_begin(local->database))
		return false;
	for (struct songs_change *change = group; change; change = change->next) {
		change->outcome = check(local->list, change);
		if (change->kind != SONGS_ADD && change->outcome == SONGS_DONE &&
		    is_removed_in(group, change, change->song.music_id))
			change->outcome = SONGS_NOT_FOUND;
		if (change->kind == SONGS_ADD && change->outcome == SONGS_DONE &&
		    list_count(local->list) + added++ >= SONGS_LIMIT)
			change->outcome = SONGS_FULL;
		if (change->outcome != SONGS_DONE)
			continue;
		bool written = change->kind == SONGS_REMOVE ? database_remove(local->database, change->song.music_id)
							    : database_set(local->database, &change->song);
		if (!written) {
			database_roll_back(local->database);
			return false;
		}
	}
	return database_commit(local->database);
}

static void finish_group(struct local *local, struct songs_change *group, bool is_written)
{
	if (!is_written)
		log_error("music.db: %s: the change is refused", database_problem(local->database));
	for (struct songs_change *change = group, *next; change; change = next) {
		next = change->next;
		if (!is_written)
			change->outcome = SONGS_FAILED;
		else if (change->outcome == SONGS_DONE)
			apply(local->list, change);
		change->done(change); /* it is gone after this */
	}
}

static void *write_changes(void *context)
{
	struct local *local = context;
	pthread_mutex_lock(&local->lock);
	for (;;) {
		while (!local->queue && !local->is_closing)
			pthread_cond_wait(&local->work, &local->lock);
		struct songs_change *group = local->queue;
		if (!group)
			break;
		local->queue = NULL;
		local->queue_end = &local->queue;
		pthread_mutex_unlock(&local->lock);
		finish_group(local, group, write_group(local, group));
		pthread_mutex_lock(&local->lock);
	}
	pthread_mutex_unlock(&local->lock);
	return NULL;
}

static bool change(struct songs *songs, struct songs_change *change)
{
	struct local *local = local_of(songs);
	change->next = NULL;
	pthread_mutex_lock(&local->lock);
	if (local->database) {
		*local->queue_end = change;
		local->queue_end = &change->next;
		pthread_cond_signal(&local->work);
	} else {
		change->outcome = check(local->list, change);
		if (change->outcome == SONGS_DONE)
			apply(local->list, change);
	}
	pthread_mutex_unlock(&local->lock);
	return !songs->changes_wait;
}

static void release(struct songs *songs)
{
	struct local *local = local_of(songs);
	if (local->songs.changes_wait) {
		pthread_mutex_lock(&local->lock);
		local->is_closing = true;
		pthread_cond_signal(&local->work);
		pthread_mutex_unlock(&local->lock);
		pthread_join(local->writer, NULL);
	}
	database_close(local->database);
	list_free(local->list);
	pthread_mutex_destroy(&local->lock);
	pthread_cond_destroy(&local->work);
	free(local);
}

static const struct songs_operations operations = {find, list, change, is_ready, count, release};

static void take_song(void *context, const struct song *song)
{
	list_set(context, song);
}

/* The seed, and what the database has made of it. */
static bool fill(struct local *local, const char *folder)
{
	struct seed seed;
	enum seed_result result = seed_read(folder, &seed);
	if (result == SEED_BROKEN)
		return false;
	bool good = true;
	enum database_result opened = database_open(folder, &local->database);
	if (opened == DATABASE_FAILED) {
		good = false;
	} else if (opened == DATABASE_READ_ONLY) {
		log_warning("%s cannot be written: changes are kept in memory and end with the service", folder);
		for (size_t i = 0; i < seed.count; i++)
			list_set(local->list, &seed.songs[i]);
	} else {
		good = (result == SEED_ABSENT || database_merge(local->database, &seed)) &&
		       database_each(local->database, take_song, local->list);
		if (!good)
			fprintf(stderr, "s2: %s/music.db: %s\n", folder, database_problem(local->database));
	}
	bool empty = result == SEED_ABSENT && good && list_count(local->list) == 0;
	if (empty && (!local->database || !database_has_seed(local->database))) {
		seed_complain_absent(folder);
		good = false;
	}
	seed_release(&seed);
	return good;
}

struct songs *local_songs_open(const char *folder)
{
	struct local *local = calloc(1, sizeof *local);
	if (!local)
		abort();
	local->songs.operations = &operations;
	local->list = list_new();
	local->queue_end = &local->queue;
	pthread_mutex_init(&local->lock, NULL);
	pthread_cond_init(&local->work, NULL);
	if (!fill(local, folder)) {
		release(&local->songs);
		return NULL;
	}
	local->songs.kept_in = local->database ? "sqlite" : "memory";
	if (local->database) {
		if (pthread_create(&local->writer, NULL, write_changes, local) != 0)
			abort();
		local->songs.changes_wait = true;
	}
	return &local->songs;
}
