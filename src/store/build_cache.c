#include "store/build_cache.h"

#include "store/layer_folder.h"
#include "store/transaction.h"

static int parse_optional(const char *text, struct digest *digest, struct error *err)
{
	return text[0] ? digest_parse(text, digest, err) : 0;
}

/* An entry is only worth something as long as what it names is here. */
static bool is_complete(struct store *store, const struct build_cache_entry *entry)
{
	struct blob_info info;
	if (digest_is_set(&entry->diff_id) && !layer_folder_exists(store->root_fd, &entry->diff_id))
		return false;
	return !digest_is_set(&entry->blob) ||
	       store->blobs->operations->stat(store->blobs, &entry->blob, &info, NULL) == 0;
}

int build_cache_find(struct store *store, const struct digest *key, struct build_cache_entry *ret_entry,
		     struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT diff_id, blob, blob_size, size FROM build_cache WHERE key = ?1", "t",
			     key->text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	struct build_cache_entry entry = {0};
	if (row > 0) {
		if (parse_optional(database_text(statement, 0), &entry.diff_id, err) < 0 ||
		    parse_optional(database_text(statement, 1), &entry.blob, err) < 0)
			return error_wrap(err, "build cache entry %s", key->text);
		entry.blob_size = (uint64_t)sqlite3_column_int64(statement, 2);
		entry.size = (uint64_t)sqlite3_column_int64(statement, 3);
	}
	if (row == 0 || !is_complete(store, &entry))
		return error_set(err, ERROR_NOT_FOUND, "the build cache has nothing for %s", key->text);
	*ret_entry = entry;
	return 0;
}

int build_cache_put(struct store *store, const struct digest *key, const struct build_cache_entry *entry,
		    struct error *err)
{
	if (!is_complete(store, entry))
		return error_set(err, ERROR_NOT_FOUND, "build cache: layer %s or its blob %s is not in the store",
				 entry->diff_id.text, entry->blob.text);
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err,
			 "INSERT OR REPLACE INTO build_cache (key, diff_id, blob, blob_size, size, added, used)"
			 " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
			 "tttiii", key->text, entry->diff_id.text, entry->blob.text, (int64_t)entry->blob_size,
			 (int64_t)entry->size, (int64_t)time_now()) < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

void build_cache_list_release(struct build_cache_list *list)
{
	free(list->items);
	*list = (struct build_cache_list){0};
}

static int read_row(sqlite3_stmt *statement, struct build_cache_row *row, struct error *err)
{
	*row = (struct build_cache_row){
		.entry = {.blob_size = (uint64_t)sqlite3_column_int64(statement, 3),
			  .size = (uint64_t)sqlite3_column_int64(statement, 4)},
		.added = sqlite3_column_int64(statement, 5),
		.used = sqlite3_column_int64(statement, 6),
		.uses = (uint64_t)sqlite3_column_int64(statement, 7),
		.is_in_image = sqlite3_column_int(statement, 8),
		.is_copy = sqlite3_column_int(statement, 9),
	};
	if (digest_parse(database_text(statement, 0), &row->key, err) < 0 ||
	    parse_optional(database_text(statement, 1), &row->entry.diff_id, err) < 0 ||
	    parse_optional(database_text(statement, 2), &row->entry.blob, err) < 0)
		return error_wrap(err, "record of the build cache");
	return 0;
}

int build_cache_list(struct store *store, struct build_cache_list *ret_list, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_build_cache_list struct build_cache_list list = {0};
	int row;
	if (database_prepare(store->database, &statement, err,
			     "SELECT key, diff_id, blob, blob_size, size, added, used, uses,"
			     " EXISTS (SELECT 1 FROM image_layer AS l WHERE l.diff_id = c.diff_id),"
			     " EXISTS (SELECT 1 FROM build_cache AS o WHERE o.diff_id = c.diff_id"
			     "  AND (o.added < c.added OR (o.added = c.added AND o.key < c.key)))"
			     " FROM build_cache AS c ORDER BY used, added, key",
			     "") < 0)
		return -1;
	while ((row = database_step(statement, err)) > 0) {
		list.items = reallocate_array(list.items, list.count + 1, sizeof *list.items);
		if (read_row(statement, &list.items[list.count++], err) < 0)
			return -1;
	}
	if (row < 0)
		return -1;
	*ret_list = list;
	list = (struct build_cache_list){0};
	return 0;
}

int build_cache_touch(struct store *store, const struct string_list *keys, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	for (size_t i = 0; i < keys->count; i++)
		if (database_run(store->database, err,
				 "UPDATE build_cache SET used = ?2, uses = uses + 1 WHERE key = ?1", "ti",
				 keys->items[i], (int64_t)time_now()) < 0)
			return -1;
	return transaction_commit(&transaction, err);
}

int build_cache_remove(struct store *store, const struct string_list *keys, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0)
		return -1;
	for (size_t i = 0; i < keys->count; i++)
		if (database_run(store->database, err, "DELETE FROM build_cache WHERE key = ?1", "t", keys->items[i]) <
		    0)
			return -1;
	return transaction_commit(&transaction, err);
}

int build_cache_remove_incomplete(struct store *store, struct error *err)
{
	cleanup_build_cache_list struct build_cache_list list = {0};
	cleanup_string_list struct string_list keys = {0};
	if (build_cache_list(store, &list, err) < 0)
		return -1;
	for (size_t i = 0; i < list.count; i++)
		if (!is_complete(store, &list.items[i].entry))
			string_list_add(&keys, list.items[i].key.text);
	return keys.count ? build_cache_remove(store, &keys, err) : 0;
}
