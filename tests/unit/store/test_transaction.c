#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "store/transaction.h"
#include "support.h"

static const char *const migrations[] = {
	"CREATE TABLE one (key TEXT PRIMARY KEY, number INTEGER, bytes BLOB)",
	"CREATE TABLE two (key TEXT PRIMARY KEY REFERENCES one)",
	NULL,
};

static char folder[] = "/tmp/coracle-transaction-XXXXXX";
static char *path;

static int set_up(void **state)
{
	memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
	assert_non_null(mkdtemp(folder));
	path = format_string("%s/test.db", folder);
	return 0;
}

static int tear_down(void **state)
{
	free(path);
	return remove_tree_at(AT_FDCWD, folder, NULL);
}

static int64_t count_rows(sqlite3 *database, const char *sql)
{
	struct error err = {0};
	cleanup_statement sqlite3_stmt *statement = NULL;
	assert_ok(database_prepare(database, &statement, &err, sql, ""), &err);
	assert_int_equal(database_step(statement, &err), 1);
	return sqlite3_column_int64(statement, 0);
}

static void opens_and_migrates(void **state)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	const char *const first[] = {migrations[0], NULL};
	assert_ok(database_open(path, first, &database, &err), &err);
	assert_int_equal(count_rows(database, "PRAGMA user_version"), 1);
	assert_int_equal(count_rows(database, "PRAGMA foreign_keys"), 1);
	assert_int_equal(count_rows(database, "PRAGMA trusted_schema"), 0);
	database_close(database);
	assert_ok(database_open(path, migrations, &database, &err), &err);
	assert_int_equal(count_rows(database, "PRAGMA user_version"), 2);
	database_close(database);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_fails(database_open(path, first, &database, &err), &err, ERROR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "newer release"));
}

static void refuses_what_is_no_database(void **state)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	for (int i = 0; i < 512; i++)
		assert_ok(write_full(fd, "not a database", 14, &err), &err);
	close(fd);
	assert_fails(database_open(path, migrations, &database, &err), &err, ERROR_CORRUPT);
	assert_fails(database_open("/nonexistent/test.db", migrations, &database, &err), &err, ERROR_NOT_FOUND);
}

static void binds_and_reads(void **state)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	assert_ok(database_open(path, migrations, &database, &err), &err);
	assert_ok(database_run(database, &err, "INSERT INTO one VALUES (?1, ?2, ?3)", "tib", "k", INT64_MAX, "a\0b",
			       (size_t)3),
		  &err);
	sqlite3_stmt *statement = NULL;
	assert_ok(database_prepare(database, &statement, &err, "SELECT number, bytes, ?1 FROM one", "t", NULL), &err);
	assert_int_equal(database_step(statement, &err), 1);
	assert_true(sqlite3_column_int64(statement, 0) == INT64_MAX);
	assert_int_equal(sqlite3_column_bytes(statement, 1), 3);
	assert_string_equal(database_text(statement, 2), "");
	assert_int_equal(database_step(statement, &err), 0);
	statement_release(&statement);
	assert_fails(database_run(database, &err, "INSERT INTO one (key) VALUES (?1)", "t", "k"), &err, ERROR_CONFLICT);
	assert_fails(database_run(database, &err, "INSERT INTO two VALUES (?1)", "t", "no"), &err, ERROR_CONFLICT);
	assert_fails(database_run(database, &err, "SELECT nonsense", ""), &err, ERROR_SYSTEM);
	database_close(database);
}

static void rolls_back_unless_committed(void **state)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	assert_ok(database_open(path, migrations, &database, &err), &err);
	{
		cleanup_transaction struct transaction transaction = {0};
		assert_ok(transaction_begin(&transaction, database, TRANSACTION_DURABLE, &err), &err);
		assert_int_equal(count_rows(database, "PRAGMA synchronous"), 2);
		assert_ok(database_run(database, &err, "INSERT INTO one (key) VALUES ('a')", ""), &err);
	}
	assert_int_equal(count_rows(database, "SELECT count(*) FROM one"), 0);
	struct transaction transaction = {0};
	assert_ok(transaction_begin(&transaction, database, TRANSACTION_ATOMIC, &err), &err);
	assert_int_equal(count_rows(database, "PRAGMA synchronous"), 1);
	assert_ok(database_run(database, &err, "INSERT INTO one (key) VALUES ('a')", ""), &err);
	assert_ok(transaction_commit(&transaction, &err), &err);
	transaction_release(&transaction);
	assert_int_equal(count_rows(database, "SELECT count(*) FROM one"), 1);
	database_close(database);
}

/* In a child: no cmocka there. */
static int open_and_insert(int number)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	if (database_open(path, migrations, &database, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	for (int i = 0; i < 20; i++) {
		struct transaction transaction = {0};
		cleanup_free char *key = format_string("%d/%d", number, i);
		if (transaction_begin(&transaction, database, TRANSACTION_ATOMIC, &err) < 0 ||
		    database_run(database, &err, "INSERT INTO one (key) VALUES (?1)", "t", key) < 0 ||
		    transaction_commit(&transaction, &err) < 0) {
			fprintf(stderr, "%s\n", err.message);
			return 1;
		}
	}
	database_close(database);
	return 0;
}

static void sixteen_processes_open_at_first(void **state)
{
	for (int round = 0; round < 5; round++) {
		pid_t children[16];
		for (int i = 0; i < 16; i++) {
			children[i] = fork();
			assert_true(children[i] >= 0);
			if (children[i] == 0)
				_exit(open_and_insert(i));
		}
		for (int i = 0; i < 16; i++) {
			int status;
			assert_int_equal(waitpid(children[i], &status, 0), children[i]);
			assert_int_equal(status, 0);
		}
		struct error err = {0};
		sqlite3 *database = NULL;
		assert_ok(database_open(path, migrations, &database, &err), &err);
		assert_int_equal(count_rows(database, "SELECT count(*) FROM one"), 320);
		database_close(database);
		tear_down(NULL);
		set_up(NULL);
	}
}

/* Whether the kernel lists this process as one that has or awaits a flock(2). */
static bool is_queued(pid_t pid)
{
	cleanup_file FILE *locks = fopen("/proc/locks", "re");
	char line[256];
	while (locks && fgets(line, sizeof line, locks)) {
		const char *kind = strstr(line, "FLOCK");
		int owner;
		if (kind && sscanf(kind, "FLOCK ADVISORY WRITE %d", &owner) == 1 && owner == pid)
			return true;
	}
	return false;
}

static int insert_once(int number)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	struct transaction transaction = {0};
	cleanup_free char *key = format_string("%d", number);
	if (database_open(path, migrations, &database, &err) < 0 ||
	    transaction_begin(&transaction, database, TRANSACTION_ATOMIC, &err) < 0 ||
	    database_run(database, &err, "INSERT INTO one (key) SELECT printf('%s after %d', ?1, count(*)) FROM one",
			 "t", key) < 0 ||
	    transaction_commit(&transaction, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		return 1;
	}
	database_close(database);
	return 0;
}

/* Holds the write lock until told; no process may inherit a database that is open. */
static int hold_until_told(int ready, int told)
{
	struct error err = {0};
	sqlite3 *database = NULL;
	struct transaction transaction = {0};
	char byte = 0;
	if (database_open(path, migrations, &database, &err) < 0 ||
	    transaction_begin(&transaction, database, TRANSACTION_ATOMIC, &err) < 0 || write(ready, &byte, 1) != 1 ||
	    read(told, &byte, 1) != 0)
		return 1;
	transaction_release(&transaction);
	database_close(database);
	return 0;
}

static pid_t start_holder(int *ret_tell)
{
	int ready[2], told[2];
	char byte;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	assert_int_equal(pipe2(told, O_CLOEXEC), 0);
	pid_t holder = fork();
	assert_true(holder >= 0);
	if (holder == 0) {
		close(told[1]);
		_exit(hold_until_told(ready[1], told[0]));
	}
	close(ready[1]);
	close(told[0]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	*ret_tell = told[1];
	return holder;
}

static void assert_success(pid_t child)
{
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

static void writers_come_in_their_order(void **state)
{
	enum { WRITERS = 12 };
	int tell;
	pid_t holder = start_holder(&tell), children[WRITERS];
	for (int i = 0; i < WRITERS; i++) {
		children[i] = fork();
		assert_true(children[i] >= 0);
		if (children[i] == 0) {
			close(tell);
			_exit(insert_once(i));
		}
		for (int tries = 0; !is_queued(children[i]) && tries < 2000; tries++)
			usleep(10000);
		assert_true(is_queued(children[i]));
	}
	close(tell);
	assert_success(holder);
	for (int i = 0; i < WRITERS; i++)
		assert_success(children[i]);
	struct error err = {0};
	sqlite3 *database = NULL;
	assert_ok(database_open(path, migrations, &database, &err), &err);
	for (int i = 0; i < WRITERS; i++) {
		cleanup_free char *sql = format_string("SELECT count(*) FROM one WHERE key = '%d after %d'", i, i);
		assert_int_equal(count_rows(database, sql), 1);
	}
	database_close(database);
}

/* Processes that write a little and end, one after another: the log must not grow with their number. */
static void keeps_the_log_short(void **state)
{
	struct error err = {0};
	cleanup_free char *log = format_string("%s-wal", path);
	off_t longest = 0;
	for (int i = 0; i < 300; i++) {
		sqlite3 *database = NULL;
		struct transaction transaction = {0};
		cleanup_free char *key = format_string("%d", i);
		assert_ok(database_open(path, migrations, &database, &err), &err);
		assert_ok(transaction_begin(&transaction, database, TRANSACTION_ATOMIC, &err), &err);
		assert_ok(database_run(database, &err, "INSERT INTO one (key) VALUES (?1)", "t", key), &err);
		assert_ok(transaction_commit(&transaction, &err), &err);
		database_close(database);
		struct stat status;
		assert_int_equal(stat(log, &status), 0);
		if (status.st_size > longest)
			longest = status.st_size;
	}
	assert_true(longest > 0 && longest < 160 * 4120);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(opens_and_migrates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_what_is_no_database, set_up, tear_down),
		cmocka_unit_test_setup_teardown(binds_and_reads, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rolls_back_unless_committed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_log_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sixteen_processes_open_at_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(writers_come_in_their_order, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
