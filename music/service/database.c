#include "database.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long a start waits for the service before it to end. */
#define BUSY_MILLISECONDS 5000

enum statement {
	BEGIN,
	COMMIT,
	ROLL_BACK,
	SET,
	REMOVE,
	ALL,
	SEED_KNOWN,
	SEED_NOTE,
	SEEDED_AS,
	SEEDED_NOTE,
	CHANGE,
	COUNT
};

static const char *const texts[COUNT] = {
	[BEGIN] = "BEGIN IMMEDIATE",
	[COMMIT] = "COMMIT",
	[ROLL_BACK] = "ROLLBACK",
	[SET] = "INSERT INTO songs (music_id, artist, title) VALUES (?1, ?2, ?3) "
		"ON CONFLICT (music_id) DO UPDATE SET artist = ?2, title = ?3",
	[REMOVE] = "DELETE FROM songs WHERE music_id = ?1",
	[ALL] = "SELECT music_id, artist, title FROM songs ORDER BY place",
	[SEED_KNOWN] = "SELECT 1 FROM seeds WHERE ?1 = '' OR digest = ?1",
	[SEED_NOTE] = "INSERT INTO seeds (digest) VALUES (?1)",
	[SEEDED_AS] = "SELECT artist = ?2 AND title = ?3 FROM seeded WHERE music_id = ?1",
	[SEEDED_NOTE] = "INSERT OR REPLACE INTO seeded (music_id, artist, title) VALUES (?1, ?2, ?3)",
	[CHANGE] = "UPDATE songs SET artist = ?2, title = ?3 WHERE music_id = ?1",
};

/* exclusive: the index of the WAL is then in memory, and a second service on the folder is told so. */
static const char set_up[] =
	"PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = "
	"-1000;"
	"CREATE TABLE IF NOT EXISTS songs (place INTEGER PRIMARY KEY AUTOINCREMENT, music_id TEXT NOT NULL UNIQUE,"
	"  artist TEXT NOT NULL, title TEXT NOT NULL);"
	"CREATE TABLE IF NOT EXISTS seeds (digest TEXT PRIMARY KEY) WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS seeded (music_id TEXT PRIMARY KEY, artist TEXT NOT NULL, title TEXT NOT NULL)"
	"  WITHOUT ROWID;";

struct database {
	sqlite3 *handle;
	sqlite3_stmt *statements[COUNT];
	char problem[256];
};

static bool fail(struct database *database)
{
	snprintf(database->problem, sizeof database->problem, "%s", sqlite3_errmsg(database->handle));
	return false;
}

const char *database_problem(struct database *database)
{
	return database->problem;
}

static bool prepare(struct database *database)
{
	for (size_t i = 0; i < COUNT; i++)
		if (sqlite3_prepare_v3(database->handle, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &database->statements[i], NULL) != SQLITE_OK)
			return fail(database);
	return true;
}

/* Runs it to its end or first row; SQLITE_DONE, SQLITE_ROW or an error. Texts that are NULL are not bound. */
static int run(struct database *database, enum statement which, const char *one, const char *two, const char *three,
	       bool *ret_column)
{
	sqlite3_stmt *statement = database->statements[which];
	const char *values[] = {one, two, three};
	for (int i = 0; i < 3; i++)
		if (values[i])
			sqlite3_bind_text(statement, i + 1, values[i], -1, SQLITE_STATIC);
	int result = sqlite3_step(statement);
	if (result == SQLITE_ROW && ret_column)
		*ret_column = sqlite3_column_int(statement, 0);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		fail(database);
	sqlite3_reset(statement);
	return result;
}

static bool done(struct database *database, enum statement which, const char *one, const char *two, const char *three)
{
	return run(database, which, one, two, three, NULL) == SQLITE_DONE;
}

/* Whether the folder's database can be written: the folder too, for the WAL. */
static bool is_writable(const char *folder, const char *path)
{
	return faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0 &&
	       (faccessat(AT_FDCWD, path, W_OK | R_OK, AT_EACCESS) == 0 || errno == ENOENT);
}

enum database_result database_open(const char *folder, struct database **ret_database)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s/music.db", folder);
	*ret_database = NULL;
	if (!is_writable(folder, path))
		return DATABASE_READ_ONLY;
	struct database *database = calloc(1, sizeof *database);
	if (!database)
		abort();
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
	int result = sqlite3_open_v2(path, &database->handle, flags, NULL);
	sqlite3_busy_timeout(database->handle, BUSY_MILLISECONDS);
	if (result == SQLITE_OK)
		result = sqlite3_exec(database->handle, set_up, NULL, NULL, NULL);
	if (result == SQLITE_OK && prepare(database)) {
		*ret_database = database;
		return DATABASE_OPEN;
	}
	fprintf(stderr, "s2: open %s: %s%s\n", path, sqlite3_errmsg(database->handle),
		(result & 0xff) == SQLITE_BUSY ? ". Another music service has this folder: stop it, or mount another"
					       : "");
	database_close(database);
	return DATABASE_FAILED;
}

void database_close(struct database *database)
{
	if (!database)
		return;
	for (size_t i = 0; i < COUNT; i++)
		sqlite3_finalize(database->statements[i]);
	sqlite3_close(database->handle);
	free(database);
}

static bool merge_song(struct database *database, const struct song *song)
{
	bool is_same = false;
	int known = run(database, SEEDED_AS, song->music_id, song->artist, song->title, &is_same);
	if (known == SQLITE_ROW && is_same)
		return true;
	if (known != SQLITE_ROW && known != SQLITE_DONE)
		return false;
	return done(database, known == SQLITE_DONE ? SET : CHANGE, song->music_id, song->artist, song->title) &&
	       done(database, SEEDED_NOTE, song->music_id, song->artist, song->title);
}

bool database_merge(struct database *database, const struct seed *seed)
{
	int known = run(database, SEED_KNOWN, seed->digest, NULL, NULL, NULL);
	if (known == SQLITE_ROW)
		return true;
	if (known != SQLITE_DONE || !database_begin(database))
		return false;
	bool good = done(database, SEED_NOTE, seed->digest, NULL, NULL);
	for (size_t i = 0; good && i < seed->count; i++)
		good = merge_song(database, &seed->songs[i]);
	if (good)
		return database_commit(database);
	database_roll_back(database);
	return false;
}

bool database_has_seed(struct database *database)
{
	return run(database, SEED_KNOWN, "", NULL, NULL, NULL) == SQLITE_ROW;
}

bool database_each(struct database *database, void (*take)(void *context, const struct song *song), void *context)
{
	sqlite3_stmt *all = database->statements[ALL];
	int result;
	while ((result = sqlite3_step(all)) == SQLITE_ROW) {
		struct song song = {
			.music_id = (const char *)sqlite3_column_text(all, 0),
			.artist = (const char *)sqlite3_column_text(all, 1),
			.title = (const char *)sqlite3_column_text(all, 2),
		};
		if (!song.music_id || !song.artist || !song.title)
			abort();
		take(context, &song);
	}
	if (result != SQLITE_DONE)
		fail(database);
	sqlite3_reset(all);
	return result == SQLITE_DONE;
}

bool database_begin(struct database *database)
{
	return done(database, BEGIN, NULL, NULL, NULL);
}

bool database_set(struct database *database, const struct song *song)
{
	return done(database, SET, song->music_id, song->artist, song->title);
}

bool database_remove(struct database *database, const char *music_id)
{
	return done(database, REMOVE, music_id, NULL, NULL);
}

bool database_commit(struct database *database)
{
	if (done(database, COMMIT, NULL, NULL, NULL))
		return true;
	database_roll_back(database);
	return false;
}

void database_roll_back(struct database *database)
{
	/* A transaction that failed in its end may be gone already. */
	if (!sqlite3_get_autocommit(database->handle)) {
		sqlite3_step(database->statements[ROLL_BACK]);
		sqlite3_reset(database->statements[ROLL_BACK]);
	}
}
