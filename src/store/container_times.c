/* When containers began, ended and are due again: each change is one row in one transaction, so that it is seen whole.
 */
#include "store/container.h"
#include "store/transaction.h"

static int commit_change(struct store *store, struct transaction *transaction, const char *id, struct error *err)
{
	if (sqlite3_changes(store->database) == 0)
		return error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
	return transaction_commit(transaction, err);
}

int container_set_started(struct store *store, const char *id, nanoseconds started, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "UPDATE container SET started = ?2, finished = 0, exit_code = 0, restarts = 0,"
			 " restart_delay = 0, restart_at = 0, is_stopped = 0, problem = '' WHERE id = ?1",
			 "ti", id, (int64_t)started) < 0)
		return -1;
	return commit_change(store, &transaction, id, err);
}

int container_set_started_again(struct store *store, const char *id, nanoseconds started, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "UPDATE container SET started = ?2, finished = 0, restart_at = 0, problem = '' WHERE id = ?1",
			 "ti", id, (int64_t)started) < 0)
		return -1;
	return commit_change(store, &transaction, id, err);
}

int container_set_not_started(struct store *store, const struct container_record *record, const char *problem,
			      struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "UPDATE container SET started = ?2, finished = ?3, exit_code = ?4, restart_at = 0,"
			 " problem = ?5 WHERE id = ?1",
			 "tiiit", record->id, (int64_t)record->started, (int64_t)record->finished,
			 (int64_t)record->exit_code, problem) < 0)
		return -1;
	return commit_change(store, &transaction, record->id, err);
}

int container_set_finished(struct store *store, const char *id, nanoseconds finished, int exit_code, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "UPDATE container SET finished = ?2, exit_code = ?3, restart_at = 0 WHERE id = ?1", "tii", id,
			 (int64_t)finished, (int64_t)exit_code) < 0)
		return -1;
	return commit_change(store, &transaction, id, err);
}

int container_set_due(struct store *store, const char *id, nanoseconds finished, int exit_code, nanoseconds delay,
		      struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	/* Somebody may have stopped it since the record was read: that counts. */
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "UPDATE container SET finished = ?2, exit_code = ?3, restarts = restarts + NOT is_stopped,"
			 " restart_delay = ?4, restart_at = iif(is_stopped, 0, ?5) WHERE id = ?1",
			 "tiiii", id, (int64_t)finished, (int64_t)exit_code, (int64_t)delay,
			 (int64_t)(time_now() + delay)) < 0)
		return -1;
	return commit_change(store, &transaction, id, err);
}

int container_set_stopped(struct store *store, const char *id, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "UPDATE container SET is_stopped = 1, restart_at = 0 WHERE id = ?1", "t",
			 id) < 0)
		return -1;
	return commit_change(store, &transaction, id, err);
}
