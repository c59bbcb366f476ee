/*
 * A container's folder is made before its row and removed after it. In between it looks like garbage, therefore
 * container_add() holds the content lock, so that no collection comes between the two.
 */
#include "store/container.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/random.h"
#include "store/transaction.h"

#define SHORT_ID_LENGTH	  12
#define RECORD_SIZE_LIMIT ((size_t)4 * 1024 * 1024)

#define COLUMNS	     "id, name, image, image_name, config, created, started, finished, exit_code, remove_on_exit"
#define READ_COLUMNS COLUMNS ", restarts, restart_delay, restart_at, is_stopped, problem"

void container_record_release(struct container_record *record)
{
	free(record->name);
	free(record->image_name);
	free(record->problem);
	json_decref(record->config);
	*record = (struct container_record){0};
}

void container_list_release(struct container_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		container_record_release(&list->items[i]);
	free(list->items);
	*list = (struct container_list){0};
}

static bool is_hexadecimal(const char *text)
{
	return text[0] && text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool id_is_valid(const char *id)
{
	return is_hexadecimal(id) && strlen(id) == CONTAINER_ID_SIZE - 1;
}

static int need_id(const char *id, struct error *err)
{
	return id_is_valid(id) ? 0 : error_set(err, ERROR_INVALID, "a container's id has 64 hexadecimal digits");
}

static int read_record(sqlite3_stmt *row, struct container_record *ret_record, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	const char *id = database_text(row, 0);
	if (need_id(id, err) < 0)
		return -1;
	memcpy(record.id, id, CONTAINER_ID_SIZE);
	record.name = duplicate_string(database_text(row, 1));
	if (database_text(row, 2)[0] && digest_parse(database_text(row, 2), &record.image, err) < 0)
		return error_wrap(err, "record of container %s", id);
	record.image_name = duplicate_string(database_text(row, 3));
	const char *config = database_text(row, 4);
	if (json_parse(config, strlen(config), &record.config, err) < 0)
		return error_wrap(err, "record of container %s", id);
	record.created = sqlite3_column_int64(row, 5);
	record.started = sqlite3_column_int64(row, 6);
	record.finished = sqlite3_column_int64(row, 7);
	record.exit_code = sqlite3_column_int(row, 8);
	record.remove_on_exit = sqlite3_column_int(row, 9) != 0;
	record.restarts = sqlite3_column_int(row, 10);
	record.restart_delay = sqlite3_column_int64(row, 11);
	record.restart_at = sqlite3_column_int64(row, 12);
	record.is_stopped = sqlite3_column_int(row, 13) != 0;
	record.problem = duplicate_string(database_text(row, 14));
	*ret_record = record;
	record = (struct container_record){0};
	return 0;
}

int container_new_id(struct store *store, char ret_id[CONTAINER_ID_SIZE], struct error *err)
{
	for (;;) {
		char id[CONTAINER_ID_SIZE];
		random_hex(id, CONTAINER_ID_SIZE - 1);
		/* An id whose first twelve digits are all decimal would be taken for a number where it becomes a host
		 * name. */
		if (strspn(id, "0123456789") >= SHORT_ID_LENGTH)
			continue;
		cleanup_statement sqlite3_stmt *statement = NULL;
		if (database_prepare(store->database, &statement, err,
				     "SELECT 1 FROM container WHERE id = ?1 OR substr(id, 1, 12) = substr(?1, 1, 12)"
				     " OR (length(name) >= 12 AND substr(?1, 1, length(name)) = name)",
				     "t", id) < 0)
			return -1;
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0) {
			memcpy(ret_id, id, sizeof id);
			return 0;
		}
	}
}

/* Docker's words for a name in use; and no name may look like the id of another container, whole or shortened. */
static int check_name(struct store *store, const char *name, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT id, name = ?1 FROM container WHERE name = ?1"
			     " OR (length(?1) >= 12 AND substr(id, 1, length(?1)) = lower(?1)) ORDER BY 2 DESC",
			     "t", name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row <= 0)
		return row;
	if (sqlite3_column_int(statement, 1))
		return error_set(
			err, ERROR_CONFLICT,
			"Conflict. The container name \"/%s\" is already in use by container \"%s\". You have to "
			"remove (or rename) that container to be able to reuse that name.",
			name, database_text(statement, 0));
	return error_set(err, ERROR_CONFLICT,
			 "Conflict. The container name \"/%s\" is the id of container \"%s\". Choose another name.",
			 name, database_text(statement, 0));
}

static int check_image(struct store *store, const struct container_record *record, struct error *err)
{
	if (!digest_is_set(&record->image))
		return 0;
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT 1 FROM image WHERE id = ?1", "t",
			     record->image.text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	return row ? 0
		   : error_set(err, ERROR_NOT_FOUND, "No such image: %s",
			       record->image_name && record->image_name[0] ? record->image_name : record->image.text);
}

static int insert_record(struct store *store, const struct container_record *record, struct error *err)
{
	cleanup_free char *config = record->config ? json_text(record->config) : duplicate_string("{}");
	if (strlen(config) > RECORD_SIZE_LIMIT)
		return error_set(err, ERROR_LIMIT,
				 "what is asked of the container takes more than %zu bytes to write down",
				 RECORD_SIZE_LIMIT);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    check_name(store, record->name, err) < 0 || check_image(store, record, err) < 0)
		return -1;
	const char *image = digest_is_set(&record->image) ? record->image.text : NULL;
	if (database_run(store->database, err,
			 "INSERT INTO container (" COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
			 "tttttiiiii", record->id, record->name, image, record->image_name ? record->image_name : "",
			 config, (int64_t)record->created, (int64_t)record->started, (int64_t)record->finished,
			 (int64_t)record->exit_code, (int64_t)record->remove_on_exit) < 0)
		return -1;
	if (image && database_run(store->database, err,
				  "INSERT INTO container_layer (container, position, diff_id)"
				  " SELECT ?1, position, diff_id FROM image_layer WHERE image = ?2",
				  "tt", record->id, image) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int container_add(struct store *store, const struct container_record *record, struct error *err)
{
	if (need_id(record->id, err) < 0)
		return -1;
	if (!container_name_is_valid(record->name))
		return error_set(err, ERROR_INVALID,
				 "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
				 record->name);
	cleanup_close int lock_fd = -1;
	if (store_lock_content(store, STORE_LOCK_SHARED, &lock_fd, err) < 0)
		return -1;
	return insert_record(store, record, err);
}

/* 1: found, 0: none. Where `sql` gives a second row the text is ambiguous. */
static int find_by(struct store *store, const char *sql, const char *text, struct container_record *ret_record,
		   struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, sql, "t", text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row <= 0)
		return row;
	cleanup_container_record struct container_record record = {0};
	if (read_record(statement, &record, err) < 0)
		return -1;
	row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row > 0)
		return error_set(err, ERROR_INVALID, "Multiple IDs found with provided prefix: %s", text);
	*ret_record = record;
	record = (struct container_record){0};
	return 1;
}

int container_find(struct store *store, const char *text, struct container_record *ret_record, struct error *err)
{
	/* Docker writes names with a slash in front. */
	const char *name = text[0] == '/' ? text + 1 : text;
	int found = 0;
	/* An id goes before a name: a name cannot then stand for another's id. */
	if (id_is_valid(text))
		found = find_by(store, "SELECT " READ_COLUMNS " FROM container WHERE id = ?1", text, ret_record, err);
	if (found == 0)
		found = find_by(store, "SELECT " READ_COLUMNS " FROM container WHERE name = ?1", name, ret_record, err);
	if (found == 0 && is_hexadecimal(text) && strlen(text) < CONTAINER_ID_SIZE)
		found = find_by(store,
				"SELECT " READ_COLUMNS
				" FROM container WHERE id >= ?1 AND id < ?1 || 'g' ORDER BY id LIMIT 2",
				text, ret_record, err);
	if (found < 0)
		return -1;
	return found ? 0 : error_set(err, ERROR_NOT_FOUND, "No such container: %s", text);
}

static int expect_change(struct store *store, const char *id, struct error *err)
{
	return sqlite3_changes(store->database) ? 0 : error_set(err, ERROR_NOT_FOUND, "No such container: %s", id);
}

int container_set_config(struct store *store, const char *id, const json_t *config, struct error *err)
{
	cleanup_free char *text = json_text(config);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "UPDATE container SET config = ?2 WHERE id = ?1", "tt", id, text) < 0 ||
	    expect_change(store, id, err) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int container_rename(struct store *store, const char *id, const char *name, struct error *err)
{
	if (!container_name_is_valid(name))
		return error_set(err, ERROR_INVALID,
				 "Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT 1 FROM container WHERE id = ?1 AND name = ?2",
			     "tt", id, name) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row > 0)
		return error_set(err, ERROR_INVALID, "Renaming a container with the same name as its current name");
	if (check_name(store, name, err) < 0 ||
	    database_run(store->database, err, "UPDATE container SET name = ?2 WHERE id = ?1", "tt", id, name) < 0 ||
	    expect_change(store, id, err) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int container_remove_folders(struct store *store, const char *id, struct error *err)
{
	if (need_id(id, err) < 0)
		return -1;
	int folders[] = {store->root_fd, store->run_root_fd};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_close int containers_fd = open_folder_at(folders[i], "containers", false, 0, err);
		if (containers_fd < 0 || remove_tree_at(containers_fd, id, err) < 0)
			return error_wrap(err, "remove container %s", id);
	}
	return 0;
}

int container_remove(struct store *store, const char *id, struct error *err)
{
	/* Folders first: whoever is killed between leaves a record without folders, which can be removed again. */
	if (container_remove_folders(store, id, err) < 0)
		return -1;
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "DELETE FROM address WHERE container = ?1", "t", id) < 0 ||
	    database_run(store->database, err, "DELETE FROM port WHERE container = ?1", "t", id) < 0 ||
	    database_run(store->database, err, "DELETE FROM container WHERE id = ?1", "t", id) < 0 ||
	    expect_change(store, id, err) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

int container_list(struct store *store, struct container_list *ret_list, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT " READ_COLUMNS " FROM container ORDER BY created DESC, id", "") < 0)
		return -1;
	cleanup_container_list struct container_list list = {0};
	for (;;) {
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0)
			break;
		list.items = reallocate_array(list.items, list.count + 1, sizeof *list.items);
		if (read_record(statement, &list.items[list.count], err) < 0)
			return -1;
		list.count++;
	}
	*ret_list = list;
	list = (struct container_list){0};
	return 0;
}

int container_layers(struct store *store, const char *id, struct digest **ret_diff_ids, size_t *ret_count,
		     struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT diff_id FROM container_layer WHERE container = ?1 ORDER BY position", "t", id) < 0)
		return -1;
	cleanup_free struct digest *diff_ids = NULL;
	size_t count = 0;
	for (;;) {
		int row = database_step(statement, err);
		if (row < 0)
			return -1;
		if (row == 0)
			break;
		diff_ids = reallocate_array(diff_ids, count + 1, sizeof *diff_ids);
		if (digest_parse(database_text(statement, 0), &diff_ids[count], err) < 0)
			return error_wrap(err, "layers of container %s", id);
		count++;
	}
	*ret_diff_ids = steal_pointer(&diff_ids);
	*ret_count = count;
	return 0;
}

int container_open_folder(struct store *store, const char *id, bool make, int *ret_fd, struct error *err)
{
	if (need_id(id, err) < 0)
		return -1;
	cleanup_close int containers_fd = open_folder_at(store->root_fd, "containers", false, 0, err);
	int fd = containers_fd < 0 ? -1 : open_folder_at(containers_fd, id, make, 0700, err);
	if (fd < 0)
		return -1;
	*ret_fd = fd;
	return 0;
}

int container_open_run_folder(struct store *store, const char *id, bool make, int *ret_fd, struct error *err)
{
	if (need_id(id, err) < 0)
		return -1;
	cleanup_close int containers_fd = open_folder_at(store->run_root_fd, "containers", make, 0700, err);
	int fd = containers_fd < 0 ? -1 : open_folder_at(containers_fd, id, make, 0700, err);
	if (fd < 0)
		return -1;
	*ret_fd = fd;
	return 0;
}
