/*
 * SQLite as the store and the registry use it.
 *
 * Opening is on the path of every command, so an up-to-date database costs a few reads: the journal mode is kept in
 * the file's header, `user_version` says that no migration is due, and closing neither checkpoints nor syncs
 * (SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, SQLITE_FCNTL_PERSIST_WAL).
 *
 * What is in the write-ahead log has to be moved to the database some time. SQLite's own way does not fit processes
 * that live for a millisecond: how far the log was moved is kept in shared memory only, so the next process finds the
 * whole log again, reads it again (2 us a page), goes on writing behind it, and it grows without end. So a commit that
 * finds LOG_PAGES or more in the log moves them and cuts the log to nothing, unless another process is using it just
 * then. The number weighs two fsyncs in one of some commits against reading the log in each command.
 *
 * Many processes may open a database that does not exist yet. Turning a file to WAL mode needs it exclusively, and
 * SQLite reports SQLITE_BUSY there without asking the busy handler, since waiting might be a deadlock; so that step is
 * tried again here. The migrations run in one immediate transaction, which looks at `user_version` once more: one
 * process does the work, the others find it done.
 */
#include "store/transaction.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/time.h"
#include "store/write_queue.h"

#define BUSY_TIMEOUT_MILLISECONDS 10000
#define BUSY_RETRY_MILLISECONDS	  5
#define WRITE_PATIENCE		  (30 * NANOSECONDS_PER_SECOND)
#define WRITE_RETRY_NANOSECONDS	  (300 * 1000L) /* one process at a time does that */
#define LOG_PAGES		  128

static enum error_kind kind_of(int code)
{
	switch (code & 0xff) {
	case SQLITE_CONSTRAINT:
		return ERROR_CONFLICT;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return ERROR_CORRUPT;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return ERROR_DENIED;
	case SQLITE_TOOBIG:
		return ERROR_LIMIT;
	default:
		return ERROR_SYSTEM;
	}
}

static int fail(sqlite3 *database, struct error *err, const char *what)
{
	int code = sqlite3_extended_errcode(database);
	int number = sqlite3_system_errno(database);
	const char *text = sqlite3_errmsg(database);
	if ((code & 0xff) == SQLITE_BUSY)
		text = "another process keeps it locked: try again when that one has ended";
	if (number && (code & 0xff) != SQLITE_CONSTRAINT && (code & 0xff) != SQLITE_BUSY)
		error_set_errno(err, number, "database: %s: %s", what, text);
	else
		error_set(err, kind_of(code), "database: %s: %s", what, text);
	if (err && kind_of(code) != ERROR_SYSTEM)
		err->kind = kind_of(code);
	return -1;
}

static int execute(sqlite3 *database, const char *sql, struct error *err)
{
	if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK)
		return fail(database, err, sql);
	return 0;
}

static int read_version(sqlite3 *database, int *ret_version, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(database, &statement, err, "PRAGMA user_version", "") < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	*ret_version = row ? sqlite3_column_int(statement, 0) : 0;
	return 0;
}

static int switch_to_wal(sqlite3 *database, struct error *err)
{
	nanoseconds give_up = time_monotonic() + BUSY_TIMEOUT_MILLISECONDS * (NANOSECONDS_PER_SECOND / 1000);
	for (;;) {
		int code = sqlite3_exec(database, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		if (code == SQLITE_OK)
			return 0;
		if ((code & 0xff) != SQLITE_BUSY || time_monotonic() > give_up)
			return fail(database, err, "turn on write-ahead logging");
		struct timespec pause = {0, BUSY_RETRY_MILLISECONDS * 1000000L};
		nanosleep(&pause, NULL);
	}
}

/* SQLite syncs the file, but not the folder that the file is new in. */
static int sync_parent(const char *path, struct error *err)
{
	cleanup_free char *folder = duplicate_string(path);
	char *slash = strrchr(folder, '/');
	if (slash)
		slash[slash == folder] = '\0';
	cleanup_close int fd = open_folder(slash ? folder : ".", false, 0, err);
	return fd < 0 ? -1 : sync_fd(fd, err);
}

static int migrate(sqlite3 *database, const char *path, const char *const *migrations, int wanted, struct error *err)
{
	if (switch_to_wal(database, err) < 0)
		return -1;
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, database, TRANSACTION_DURABLE, err) < 0)
		return -1;
	int version;
	if (read_version(database, &version, err) < 0)
		return -1;
	for (int i = version; i < wanted; i++)
		if (execute(database, migrations[i], err) < 0)
			return error_wrap(err, "bring %s to version %d", path, i + 1);
	if (version < wanted) {
		cleanup_free char *sql = format_string("PRAGMA user_version = %d", wanted);
		if (execute(database, sql, err) < 0)
			return -1;
	}
	if (transaction_commit(&transaction, err) < 0)
		return -1;
	return version == 0 ? sync_parent(path, err) : 0;
}

/* Called by SQLite after each commit, with the number of pages that are in the log. Its outcome is not the commit's. */
static int shorten_log(void *context, sqlite3 *database, const char *name, int pages)
{
	(void)context;
	if (pages < LOG_PAGES)
		return SQLITE_OK;
	/* Without patience: where others are reading or writing, SQLite moves what it may and leaves the rest. */
	sqlite3_busy_timeout(database, 0);
	sqlite3_wal_checkpoint_v2(database, name, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(database, BUSY_TIMEOUT_MILLISECONDS);
	return SQLITE_OK;
}

static int configure(sqlite3 *database, struct error *err)
{
	sqlite3_extended_result_codes(database, 1);
	sqlite3_busy_timeout(database, BUSY_TIMEOUT_MILLISECONDS);
	static const struct {
		int option;
		int value;
	} options[] = {
		{SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, {SQLITE_DBCONFIG_ENABLE_FKEY, 1},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},   {SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_DQS_DML, 0},	       {SQLITE_DBCONFIG_DQS_DDL, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (sqlite3_db_config(database, options[i].option, options[i].value, (int *)NULL) != SQLITE_OK)
			return fail(database, err, "configure");
	int keep = 1;
	if (sqlite3_file_control(database, "main", SQLITE_FCNTL_PERSIST_WAL, &keep) != SQLITE_OK)
		return fail(database, err, "configure");
	sqlite3_wal_hook(database, shorten_log, NULL);
	return 0;
}

int database_open(const char *path, const char *const *migrations, sqlite3 **ret_database, struct error *err)
{
	int wanted = 0;
	while (migrations[wanted])
		wanted++;
	/*
	 * SQLite would make the file with mode 0644. O_EXCL also for another reason: closing any descriptor of a
	 * database drops the POSIX locks that this process has on it, so an existing one must not be opened here.
	 */
	int made = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (made >= 0)
		close(made);
	else if (errno != EEXIST)
		return error_set_errno(err, errno, "make database %s", path);

	sqlite3 *database = NULL;
	/* Nobody reads how much memory SQLite has; the count takes a lock at each allocation. Refused from the second
	 * on. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int version = 0;
	if (sqlite3_open_v2(path, &database, flags, NULL) != SQLITE_OK) {
		if (!database)
			return error_set(err, ERROR_SYSTEM, "open database %s: out of memory", path);
		fail(database, err, "open");
		goto failed;
	}
	if (configure(database, err) < 0 || read_version(database, &version, err) < 0)
		goto failed;
	if (version > wanted) {
		error_set(err, ERROR_UNSUPPORTED,
			  "this database was written by a newer release (version %d, this program knows %d): "
			  "use that release",
			  version, wanted);
		goto failed;
	}
	if (version < wanted && migrate(database, path, migrations, wanted, err) < 0)
		goto failed;
	*ret_database = database;
	return 0;
failed:
	database_close(database);
	return error_wrap(err, "%s", path);
}

void database_close(sqlite3 *database)
{
	sqlite3_close_v2(database);
}

static int try_begin(sqlite3 *database)
{
	sqlite3_busy_timeout(database, 0);
	int code = sqlite3_exec(database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	sqlite3_busy_timeout(database, BUSY_TIMEOUT_MILLISECONDS);
	return code & 0xff;
}

static int begin_immediate(sqlite3 *database, struct error *err)
{
	int code = try_begin(database);
	if (code == SQLITE_BUSY) {
		nanoseconds deadline = time_monotonic() + WRITE_PATIENCE;
		cleanup_close int queue = -1;
		if (write_queue_enter(sqlite3_db_filename(database, "main"), deadline, &queue, err) < 0)
			return -1;
		while ((code = try_begin(database)) == SQLITE_BUSY && time_monotonic() < deadline)
			nanosleep(&(struct timespec){0, WRITE_RETRY_NANOSECONDS}, NULL);
	}
	return code == SQLITE_OK ? 0 : fail(database, err, "BEGIN IMMEDIATE");
}

int transaction_begin(struct transaction *transaction, sqlite3 *database, enum transaction_durability durability,
		      struct error *err)
{
	/* Inside a transaction SQLite does not let this be changed. */
	if (execute(database,
		    durability == TRANSACTION_DURABLE ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL",
		    err) < 0)
		return -1;
	if (begin_immediate(database, err) < 0)
		return -1;
	transaction->database = database;
	return 0;
}

int transaction_commit(struct transaction *transaction, struct error *err)
{
	if (execute(transaction->database, "COMMIT", err) < 0)
		return -1;
	transaction->database = NULL;
	return 0;
}

void transaction_release(struct transaction *transaction)
{
	/* Some errors (a full disk) have made SQLite roll back already. */
	if (transaction->database && !sqlite3_get_autocommit(transaction->database))
		sqlite3_exec(transaction->database, "ROLLBACK", NULL, NULL, NULL);
	transaction->database = NULL;
}

static int bind_arguments(sqlite3_stmt *statement, const char *types, va_list arguments)
{
	int code = SQLITE_OK;
	for (int i = 1; *types && code == SQLITE_OK; types++, i++) {
		switch (*types) {
		case 't':
			code = sqlite3_bind_text(statement, i, va_arg(arguments, const char *), -1, SQLITE_TRANSIENT);
			break;
		case 'i':
			code = sqlite3_bind_int64(statement, i, va_arg(arguments, int64_t));
			break;
		case 'b': {
			const void *bytes = va_arg(arguments, const void *);
			size_t size = va_arg(arguments, size_t);
			code = sqlite3_bind_blob64(statement, i, bytes, size, SQLITE_TRANSIENT);
			break;
		}
		default:
			code = SQLITE_MISUSE;
		}
	}
	return code;
}

static int prepare(sqlite3 *database, sqlite3_stmt **ret_statement, struct error *err, const char *sql,
		   const char *types, va_list arguments)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
		return fail(database, err, sql);
	if (bind_arguments(statement, types, arguments) != SQLITE_OK)
		return fail(database, err, sql);
	*ret_statement = steal_pointer(&statement);
	return 0;
}

int database_prepare(sqlite3 *database, sqlite3_stmt **ret_statement, struct error *err, const char *sql,
		     const char *types, ...)
{
	va_list arguments;
	va_start(arguments, types);
	int result = prepare(database, ret_statement, err, sql, types, arguments);
	va_end(arguments);
	return result;
}

int database_step(sqlite3_stmt *statement, struct error *err)
{
	switch (sqlite3_step(statement)) {
	case SQLITE_ROW:
		return 1;
	case SQLITE_DONE:
		return 0;
	default:
		return fail(sqlite3_db_handle(statement), err, sqlite3_sql(statement));
	}
}

int database_run(sqlite3 *database, struct error *err, const char *sql, const char *types, ...)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	va_list arguments;
	va_start(arguments, types);
	int result = prepare(database, &statement, err, sql, types, arguments);
	va_end(arguments);
	while (result == 0) {
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0)
			break;
	}
	return result;
}

const char *database_text(sqlite3_stmt *statement, int column)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	return text ? (const char *)text : "";
}
