#include "registry/database_pool.h"

#include <pthread.h>
#include <stdarg.h>
#include <string.h>

#include "base/memory.h"
#include "registry/schema.h"

#define STATEMENT_LIMIT 64

struct connection {
	sqlite3 *database;
	struct {
		const char *sql;
		sqlite3_stmt *statement;
	} statements[STATEMENT_LIMIT];
	size_t statement_count;
	struct connection *next; /* among the idle */
};

struct database_pool {
	pthread_mutex_t idle_lock;
	pthread_cond_t idle_changed;
	struct connection *idle;
	struct connection *readers;
	unsigned reader_count;
	pthread_mutex_t write_lock;
	struct connection writer;
};

static void connection_close(struct connection *connection)
{
	for (size_t i = 0; i < connection->statement_count; i++)
		sqlite3_finalize(connection->statements[i].statement);
	if (connection->database)
		database_close(connection->database);
}

static int connection_open(struct connection *connection, const char *path, struct error *err)
{
	if (database_open(path, registry_migrations, &connection->database, err) < 0)
		return -1;
	return database_run(connection->database, err, "PRAGMA cache_size = -512", "");
}

int database_pool_open(const char *root, unsigned readers, struct database_pool **ret_pool, struct error *err)
{
	cleanup_free char *path = format_string("%s/registry.db", root);
	cleanup_database_pool struct database_pool *pool = allocate(sizeof *pool);
	pthread_mutex_init(&pool->idle_lock, NULL);
	pthread_mutex_init(&pool->write_lock, NULL);
	pthread_cond_init(&pool->idle_changed, NULL);
	pool->readers = allocate_array(readers, sizeof *pool->readers);
	if (connection_open(&pool->writer, path, err) < 0)
		return -1;
	for (; pool->reader_count < readers; pool->reader_count++) {
		struct connection *reader = &pool->readers[pool->reader_count];
		if (connection_open(reader, path, err) < 0)
			return -1;
		reader->next = pool->idle;
		pool->idle = reader;
	}
	*ret_pool = steal_pointer(&pool);
	return 0;
}

void database_pool_close(struct database_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->reader_count; i++)
		connection_close(&pool->readers[i]);
	connection_close(&pool->writer);
	free(pool->readers);
	pthread_mutex_destroy(&pool->idle_lock);
	pthread_mutex_destroy(&pool->write_lock);
	pthread_cond_destroy(&pool->idle_changed);
	free(pool);
}

static struct connection *take_reader(struct database_pool *pool)
{
	pthread_mutex_lock(&pool->idle_lock);
	while (!pool->idle)
		pthread_cond_wait(&pool->idle_changed, &pool->idle_lock);
	struct connection *reader = pool->idle;
	pool->idle = reader->next;
	pthread_mutex_unlock(&pool->idle_lock);
	return reader;
}

static void give_reader(struct database_pool *pool, struct connection *reader)
{
	pthread_mutex_lock(&pool->idle_lock);
	reader->next = pool->idle;
	pool->idle = reader;
	pthread_cond_signal(&pool->idle_changed);
	pthread_mutex_unlock(&pool->idle_lock);
}

/* The kept statement of that text, or a fresh one. */
static int find_statement(struct connection *connection, const char *sql, sqlite3_stmt **ret_statement,
			  struct error *err)
{
	for (size_t i = 0; i < connection->statement_count; i++)
		if (connection->statements[i].sql == sql) {
			*ret_statement = connection->statements[i].statement;
			return 0;
		}
	if (connection->statement_count == STATEMENT_LIMIT)
		return error_set(err, ERROR_LIMIT, "database: more than %d different statements", STATEMENT_LIMIT);
	sqlite3_stmt *statement = NULL;
	if (database_prepare(connection->database, &statement, err, sql, "") < 0)
		return -1;
	connection->statements[connection->statement_count].sql = sql;
	connection->statements[connection->statement_count++].statement = statement;
	*ret_statement = statement;
	return 0;
}

static int bind_arguments(sqlite3_stmt *statement, const char *types, va_list arguments)
{
	int code = SQLITE_OK;
	for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
		if (*types == 't') {
			code = sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
		} else if (*types == 'i') {
			code = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
		} else if (*types == 'b') {
			const void *bytes = va_arg(arguments, const void *);
			code = sqlite3_bind_blob64(statement, i, bytes, va_arg(arguments, size_t), SQLITE_TRANSIENT);
		} else {
			code = SQLITE_MISUSE;
		}
	}
	return code;
}

static int connection_query(struct connection *connection, sqlite3_stmt **ret_statement, struct error *err,
			    const char *sql, const char *types, va_list arguments)
{
	sqlite3_stmt *statement = NULL;
	if (find_statement(connection, sql, &statement, err) < 0)
		return -1;
	int code = bind_arguments(statement, types, arguments);
	if (code != SQLITE_OK) {
		sqlite3_clear_bindings(statement);
		return error_set(err, ERROR_SYSTEM, "database: bind the arguments of \"%s\": %s", sql,
				 sqlite3_errstr(code));
	}
	*ret_statement = statement;
	return 0;
}

static void statement_rest(sqlite3_stmt *statement)
{
	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
}

int query_begin(struct query *query, struct database_pool *pool, struct error *err, const char *sql, const char *types,
		...)
{
	struct connection *connection = take_reader(pool);
	va_list arguments;
	va_start(arguments, types);
	sqlite3_stmt *statement = NULL;
	int result = connection_query(connection, &statement, err, sql, types, arguments);
	va_end(arguments);
	if (result < 0) {
		give_reader(pool, connection);
		return -1;
	}
	*query = (struct query){.statement = statement, .connection = connection, .pool = pool};
	return 0;
}

void query_end(struct query *query)
{
	if (query->statement)
		statement_rest(query->statement);
	if (query->pool)
		give_reader(query->pool, query->connection);
	*query = (struct query){0};
}

int write_begin(struct write *write, struct database_pool *pool, enum transaction_durability durability,
		struct error *err)
{
	pthread_mutex_lock(&pool->write_lock);
	if (transaction_begin(&write->transaction, pool->writer.database, durability, err) < 0) {
		pthread_mutex_unlock(&pool->write_lock);
		return -1;
	}
	write->pool = pool;
	return 0;
}

int write_run(struct write *write, int *ret_changes, struct error *err, const char *sql, const char *types, ...)
{
	va_list arguments;
	va_start(arguments, types);
	sqlite3_stmt *statement = NULL;
	int result = connection_query(&write->pool->writer, &statement, err, sql, types, arguments);
	va_end(arguments);
	if (result < 0)
		return -1;
	result = database_step(statement, err);
	statement_rest(statement);
	if (result < 0)
		return -1;
	if (ret_changes)
		*ret_changes = sqlite3_changes(write->pool->writer.database);
	return 0;
}

int write_query(struct write *write, struct query *query, struct error *err, const char *sql, const char *types, ...)
{
	va_list arguments;
	va_start(arguments, types);
	sqlite3_stmt *statement = NULL;
	int result = connection_query(&write->pool->writer, &statement, err, sql, types, arguments);
	va_end(arguments);
	if (result < 0)
		return -1;
	*query = (struct query){.statement = statement, .connection = &write->pool->writer};
	return 0;
}

int write_commit(struct write *write, struct error *err)
{
	return transaction_commit(&write->transaction, err);
}

void write_end(struct write *write)
{
	if (!write->pool)
		return;
	transaction_release(&write->transaction);
	pthread_mutex_unlock(&write->pool->write_lock);
	*write = (struct write){0};
}
