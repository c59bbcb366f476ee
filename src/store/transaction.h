/*
 * SQLite with this code base's errors. Statements are prepared, bound, stepped; a transaction that is not committed is
 * rolled back by its cleanup.
 *
 *     cleanup_transaction struct transaction transaction = {0};
 *     if (transaction_begin(&transaction, db, TRANSACTION_DURABLE, err) < 0) ...
 *     if (database_run(db, err, "INSERT INTO tag VALUES (?1, ?2)", "ts", name, digest) < 0) ...
 *     return transaction_commit(&transaction, err);
 */
#pragma once

#include <sqlite3.h>

#include "base/error.h"
#include "base/memory.h"

/* Opens in WAL mode with a busy timeout of 10 s, no checkpoint at close, and runs `migrations` (NULL-terminated, one
 * for each user_version) that it has not yet run. A database of a newer version is refused. */
int database_open(const char *path, const char *const *migrations, sqlite3 **ret_database, struct error *err);
void database_close(sqlite3 *database);

enum transaction_durability { TRANSACTION_DURABLE, TRANSACTION_ATOMIC };

struct transaction {
	sqlite3 *database; /* NULL once ended */
};
int transaction_begin(struct transaction *transaction, sqlite3 *database, enum transaction_durability durability,
		      struct error *err);
int transaction_commit(struct transaction *transaction, struct error *err);
void transaction_release(struct transaction *transaction); /* rolls back unless committed */
#define cleanup_transaction CLEANUP(transaction_release)

/*
 * Binds the arguments by `types`, one letter each: t text (const char *, NULL is SQL NULL), i int64_t, b blob (const
 * void *, size_t).
 */
int database_prepare(sqlite3 *database, sqlite3_stmt **ret_statement, struct error *err, const char *sql,
		     const char *types, ...);
/* 1: a row, 0: the end, -1: error. */
int database_step(sqlite3_stmt *statement, struct error *err);
/* Prepares, binds, steps to the end. A broken UNIQUE or CHECK is ERROR_CONFLICT. */
int database_run(sqlite3 *database, struct error *err, const char *sql, const char *types, ...);
/* "" never NULL; borrowed until the next step. */
const char *database_text(sqlite3_stmt *statement, int column);

static inline void statement_release(sqlite3_stmt **statement)
{
	sqlite3_finalize(*statement);
}
#define cleanup_statement CLEANUP(statement_release)
