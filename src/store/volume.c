/*
 * A volume's folder is made before its row. A folder without a row is not garbage, unlike all else in the store: it may
 * hold somebody's data (after a power cut took the row away), so it is never collected and the next volume_ensure()
 * finds it again.
 */
#include "store/volume.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/json.h"
#include "base/random.h"
#include "store/event.h"
#include "store/transaction.h"

#define NAME_LIMIT	  255 /* bytes, of one path component */
#define ANONYMOUS_DIGITS  64
#define REMOVED_PREFIX	  ".removed-"
#define REMOVED_DIGITS	  16
#define LABELS_SIZE_LIMIT ((size_t)1024 * 1024)
#define COLUMNS		  "name, anonymous_owner IS NOT NULL, created, labels"

void volume_record_release(struct volume_record *record)
{
	free(record->name);
	string_list_release(&record->labels);
	*record = (struct volume_record){0};
}

void volume_list_release(struct volume_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		volume_record_release(&list->items[i]);
	free(list->items);
	*list = (struct volume_list){0};
}

char *volume_path(const struct store *store, const char *name)
{
	return format_string("%s/volumes/%s/_data", store->root, name);
}

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

/* Folder, then row. An existing row stays as it is; ret_made tells. */
static int ensure(struct store *store, const char *name, const char *anonymous_owner, const char *labels,
		  bool *ret_made, struct error *err)
{
	if (check_name(name, err) < 0)
		return -1;
	if (make_folders(store, name, err) < 0)
		return error_wrap(err, "volume %s", name);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "INSERT INTO volume (name, anonymous_owner, created, labels) VALUES (?1, ?2, ?3, ?4)"
			 " ON CONFLICT (name) DO NOTHING",
			 "ttit", name, anonymous_owner, (int64_t)time_now(), labels) < 0)
		return error_wrap(err, "volume %s", name);
	*ret_made = sqlite3_changes(store->database) > 0;
	if (transaction_commit(&transaction, err) < 0)
		return -1;
	if (*ret_made)
		event_add(store, "volume", "create", name, json_pack("{s:s}", "driver", "local"));
	return 0;
}

int volume_ensure(struct store *store, const char *name, const char *anonymous_owner, char **ret_path, bool *ret_made,
		  struct error *err)
{
	bool made;
	if (ensure(store, name, anonymous_owner, "[]", &made, err) < 0)
		return -1;
	*ret_path = volume_path(store, name);
	if (ret_made)
		*ret_made = made;
	return 0;
}

int volume_create(struct store *store, const char *name, const struct string_list *labels, char **ret_name,
		  struct error *err)
{
	char anonymous[ANONYMOUS_DIGITS + 1] = "";
	bool made;
	cleanup_json json_t *document = json_from_strings(labels);
	cleanup_free char *text = json_text(document);
	if (strlen(text) > LABELS_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT, "labels of a volume are longer than %zu bytes", LABELS_SIZE_LIMIT);
	if (!name)
		random_hex(anonymous, ANONYMOUS_DIGITS);
	if (ensure(store, name ? name : anonymous, name ? NULL : "", text, &made, err) < 0)
		return -1;
	*ret_name = duplicate_string(name ? name : anonymous);
	return 0;
}

static int read_record(sqlite3_stmt *row, struct volume_record *ret_record, struct error *err)
{
	const char *text = database_text(row, 3);
	cleanup_json json_t *labels = NULL;
	if (json_parse(text, strlen(text), &labels, err) < 0)
		return error_wrap(err, "record of volume %s", database_text(row, 0));
	struct volume_record record = {.name = duplicate_string(database_text(row, 0)),
				       .is_anonymous = sqlite3_column_int(row, 1) != 0,
				       .created = sqlite3_column_int64(row, 2)};
	size_t i;
	json_t *label;
	json_array_foreach(labels, i, label) if (json_is_string(label))
		string_list_add(&record.labels, json_string_value(label));
	*ret_record = record;
	return 0;
}

int volume_find(struct store *store, const char *name, struct volume_record *ret_record, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT " COLUMNS " FROM volume WHERE name = ?1", "t",
			     name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "get %s: no such volume", name);
	return read_record(statement, ret_record, err);
}

int volume_list(struct store *store, struct volume_list *ret_list, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT " COLUMNS " FROM volume ORDER BY name", "") < 0)
		return -1;
	cleanup_volume_list struct volume_list list = {0};
	int row;
	while ((row = database_step(statement, err)) > 0) {
		list.items = reallocate_array(list.items, list.count + 1, sizeof *list.items);
		if (read_record(statement, &list.items[list.count], err) < 0)
			return -1;
		list.count++;
	}
	if (row < 0)
		return -1;
	*ret_list = list;
	list = (struct volume_list){0};
	return 0;
}

/* What removals that were killed have left. Others may be at the same: nobody waits for it, nobody fails of it. */
static void remove_leftovers(int volumes_fd)
{
	int copy = fcntl(volumes_fd, F_DUPFD_CLOEXEC, 3);
	cleanup_directory DIR *directory = copy < 0 ? NULL : fdopendir(copy);
	if (!directory) {
		cleanup_close_function(&copy);
		return;
	}
	rewinddir(directory);
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		struct error ignored = {0};
		if (strncmp(entry->d_name, REMOVED_PREFIX, strlen(REMOVED_PREFIX)) == 0)
			remove_tree_at(volumes_fd, entry->d_name, &ignored);
	}
}

int volume_remove(struct store *store, const char *name,
		  int (*may_remove)(struct store *store, const char *name, void *context, struct error *err),
		  void *context, struct error *err)
{
	cleanup_volume_record struct volume_record record = {0};
	char digits[REMOVED_DIGITS + 1];
	random_hex(digits, REMOVED_DIGITS);
	cleanup_free char *removed = format_string(REMOVED_PREFIX "%s", digits);
	cleanup_close int volumes_fd = open_folder_at(store->root_fd, "volumes", false, 0, err);
	cleanup_transaction struct transaction transaction = {0};
	if (volumes_fd < 0 || transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    volume_find(store, name, &record, err) < 0 || check_name(name, err) < 0)
		return -1;
	if (may_remove && may_remove(store, name, context, err) < 0)
		return -1;
	if (renameat(volumes_fd, name, volumes_fd, removed) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove volume %s", name);
	if (database_run(store->database, err, "DELETE FROM volume WHERE name = ?1", "t", name) < 0 ||
	    transaction_commit(&transaction, err) < 0) {
		renameat2(volumes_fd, removed, volumes_fd, name, RENAME_NOREPLACE);
		return -1;
	}
	/* Outside of the transaction: a large volume takes long to remove, and others want to write. */
	if (remove_tree_at(volumes_fd, removed, err) < 0)
		return error_wrap(err, "remove volume %s", name);
	remove_leftovers(volumes_fd);
	event_add(store, "volume", "destroy", name, json_pack("{s:s}", "driver", "local"));
	return 0;
}

int volume_remove_anonymous(struct store *store, const char *container_id,
			    int (*may_remove)(struct store *store, const char *name, void *context, struct error *err),
			    void *context, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_string_list struct string_list names = {0};
	if (database_prepare(store->database, &statement, err,
			     "SELECT name FROM volume WHERE anonymous_owner = ?1 ORDER BY name", "t", container_id) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0)
		string_list_add(&names, database_text(statement, 0));
	if (row < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct error reason = {0};
		if (volume_remove(store, names.items[i], may_remove, context, &reason) < 0 &&
		    reason.kind != ERROR_NOT_FOUND && reason.kind != ERROR_CONFLICT)
			return error_set(err, reason.kind, "%s", reason.message);
	}
	return 0;
}
