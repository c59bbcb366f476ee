/*
 * A volume's folder is made before its row. A folder without a row is not garbage, unlike all else in the store: it may
 * hold somebody's data (after a power cut took the row away), so it is never collected and the next volume_ensure()
 * finds it again.
 */
#include "store/volume.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/transaction.h"

#define NAME_LIMIT 255 /* bytes, of one path component */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool volume_name_is_valid(const char *name)
{
	if (!is_letter_or_digit(name[0]))
		return false;
	size_t length = 1;
	for (; name[length]; length++)
		if (length >= NAME_LIMIT || (!is_letter_or_digit(name[length]) && !strchr("_.-", name[length])))
			return false;
	return length >= 2;
}

static int check_name(const char *name, struct error *err)
{
	if (volume_name_is_valid(name))
		return 0;
	return error_set(
		err, ERROR_INVALID,
		"\"%s\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are "
		"allowed. If you intended to pass a host directory, use absolute path",
		name);
}

static int make_folders(struct store *store, const char *name, struct error *err)
{
	cleanup_close int volumes_fd = open_folder_at(store->root_fd, "volumes", false, 0, err);
	cleanup_close int volume_fd = volumes_fd < 0 ? -1 : open_folder_at(volumes_fd, name, true, 0700, err);
	if (volume_fd < 0)
		return -1;
	if (mkdirat(volume_fd, "_data", 0755) < 0)
		return errno == EEXIST ? 0 : error_set_errno(err, errno, "make folder _data");
	/* Any user of a container must get in, whatever our umask is; on the host the folders above keep others out. */
	cleanup_close int data_fd = open_folder_at(volume_fd, "_data", false, 0, err);
	if (data_fd < 0)
		return -1;
	return fchmod(data_fd, 0755) < 0 ? error_set_errno(err, errno, "set mode of _data") : 0;
}

int volume_ensure(struct store *store, const char *name, const char *anonymous_owner, char **ret_path, bool *ret_made,
		  struct error *err)
{
	if (check_name(name, err) < 0)
		return -1;
	if (make_folders(store, name, err) < 0)
		return error_wrap(err, "volume %s", name);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "INSERT INTO volume (name, anonymous_owner, created) VALUES (?1, ?2, ?3)"
			 " ON CONFLICT (name) DO NOTHING",
			 "tti", name, anonymous_owner, (int64_t)time_now()) < 0)
		return error_wrap(err, "volume %s", name);
	bool made = sqlite3_changes(store->database) > 0;
	if (transaction_commit(&transaction, err) < 0)
		return -1;
	*ret_path = format_string("%s/volumes/%s/_data", store->root, name);
	if (ret_made)
		*ret_made = made;
	return 0;
}

static int remove_folder(struct store *store, const char *name, struct error *err)
{
	cleanup_close int volumes_fd = open_folder_at(store->root_fd, "volumes", false, 0, err);
	return volumes_fd < 0 ? -1 : remove_tree_at(volumes_fd, name, err);
}

static int need_row(struct store *store, const char *name, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT 1 FROM volume WHERE name = ?1", "t", name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	return row ? 0 : error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
}

int volume_remove(struct store *store, const char *name, struct error *err)
{
	if (check_name(name, err) < 0 || need_row(store, name, err) < 0)
		return -1;
	/*
	 * The row goes last: killed in between, the volume is still known and can be removed again. And outside of a
	 * transaction, since a large volume takes long to remove and others want to write.
	 */
	if (remove_folder(store, name, err) < 0)
		return error_wrap(err, "remove volume %s", name);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "DELETE FROM volume WHERE name = ?1", "t", name) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

static int list_names(struct store *store, const char *owner, struct string_list *ret_names, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT name FROM volume WHERE ?1 IS NULL OR anonymous_owner = ?1 ORDER BY name", "t",
			     owner) < 0)
		return -1;
	cleanup_string_list struct string_list names = {0};
	int row;
	while ((row = database_step(statement, err)) > 0)
		string_list_add(&names, database_text(statement, 0));
	if (row < 0)
		return -1;
	*ret_names = names;
	names = (struct string_list){0};
	return 0;
}

int volume_list(struct store *store, struct string_list *ret_names, struct error *err)
{
	return list_names(store, NULL, ret_names, err);
}

int volume_remove_anonymous(struct store *store, const char *container_id, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	if (list_names(store, container_id, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct error reason = {0};
		if (volume_remove(store, names.items[i], &reason) < 0 && reason.kind != ERROR_NOT_FOUND)
			return error_set(err, reason.kind, "%s", reason.message);
	}
	return 0;
}
