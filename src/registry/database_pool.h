/*
 * The registry's database as its threads share it: one connection that writes, behind a mutex, so that writers queue
 * here and never poll SQLite's lock; and several that read. Statements are prepared once a connection.
 *
 *     cleanup_query struct query query = {0};
 *     if (query_begin(&query, pool, err, "SELECT ... WHERE name = ?1", "t", name) < 0) ...
 *     while ((row = database_step(query.statement, err)) > 0) ...
 *
 *     cleanup_write struct write write = {0};
 *     if (write_begin(&write, pool, TRANSACTION_DURABLE, err) < 0 ||
 *         write_run(&write, err, "INSERT ...", "ti", name, size) < 0) ...
 *     return write_commit(&write, err);
 *
 * `sql` must be a string constant: its address is the key under which the statement is kept. A thread holds one query
 * at a time outside a write. Argument types are those of database_prepare().
 */
#pragma once

#include "store/transaction.h"

struct database_pool;
struct connection;

/* Opens ROOT/registry.db, creating and migrating it, with `readers` reading connections. */
int database_pool_open(const char *root, unsigned readers, struct database_pool **ret_pool, struct error *err);
void database_pool_close(struct database_pool *pool);
static inline void database_pool_close_pointer(struct database_pool **pool)
{
	database_pool_close(*pool);
}
#define cleanup_database_pool CLEANUP(database_pool_close_pointer)

struct query {
	sqlite3_stmt *statement;
	struct connection *connection;
	struct database_pool *pool; /* NULL inside a write */
};
int query_begin(struct query *query, struct database_pool *pool, struct error *err, const char *sql, const char *types,
		...);
void query_end(struct query *query);
#define cleanup_query CLEANUP(query_end)

struct write {
	struct database_pool *pool;
	struct transaction transaction;
};
int write_begin(struct write *write, struct database_pool *pool, enum transaction_durability durability,
		struct error *err);
/* A statement without rows. ret_changes (may be NULL) gets the number of rows that it changed. */
int write_run(struct write *write, int *ret_changes, struct error *err, const char *sql, const char *types, ...);
/* A query that sees the transaction; it has to end before the next one of the same text begins. */
int write_query(struct write *write, struct query *query, struct error *err, const char *sql, const char *types, ...);
int write_commit(struct write *write, struct error *err);
void write_end(struct write *write); /* rolls back unless committed */
#define cleanup_write CLEANUP(write_end)
