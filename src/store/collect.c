/*
 * Removing what no row names.
 *
 * Under the exclusive content lock nobody is between "the file is there" and "the row is there", so a file without a
 * row is garbage for certain. What builds have not made durable is made so first, so that it is looked at where all
 * else is. Each name on disk is looked up by one statement against the views of schema.c. A kill in
 * the middle leaves less garbage than before and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/string_list.h"
#include "store/boot_folder.h"
#include "store/build_cache.h"
#include "store/layer_folder.h"
#include "store/store.h"
#include "store/transaction.h"

#define UPLOAD_LIFETIME (24 * 3600 * NANOSECONDS_PER_SECOND)

static const char blob_sql[] = "SELECT 1 FROM named_blob WHERE digest = ?1";
static const char layer_sql[] = "SELECT 1 FROM named_layer WHERE diff_id = ?1";
static const char container_sql[] = "SELECT 1 FROM container WHERE id = ?1";

struct collection {
	struct store *store;
	struct store_collected collected;
	struct string_list *garbage; /* only named here; NULL: it is removed */
	const char *sql;	     /* of `lookup` */
	sqlite3_stmt *lookup;
};

static void collection_release(struct collection *collection)
{
	sqlite3_finalize(collection->lookup);
}

/* 1: a row names it. Called with one text of SQL for many names, so the statement is kept. */
static int is_named(struct collection *collection, const char *sql, const char *name, struct error *err)
{
	if (collection->sql != sql) {
		statement_release(&collection->lookup);
		collection->lookup = NULL;
		collection->sql = NULL;
		if (database_prepare(collection->store->database, &collection->lookup, err, sql, "") < 0)
			return -1;
		collection->sql = sql;
	}
	if (sqlite3_bind_text(collection->lookup, 1, name, -1, SQLITE_TRANSIENT) != SQLITE_OK)
		return error_set(err, ERROR_SYSTEM, "look up %s: %s", name,
				 sqlite3_errmsg(collection->store->database));
	int row = database_step(collection->lookup, err);
	sqlite3_reset(collection->lookup);
	return row;
}

/* Names of the entries of a folder that may be absent, read before any of them is removed. */
static int list_folder(int dir_fd, const char *path, struct string_list *ret_names, struct error *err)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open folder %s", path);
	cleanup_directory DIR *directory = fdopendir(fd);
	if (!directory) {
		close(fd);
		return error_set_errno(err, errno, "read folder %s", path);
	}
	cleanup_string_list struct string_list names = {0};
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(directory);
		if (!entry && errno)
			return error_set_errno(err, errno, "read folder %s", path);
		if (!entry)
			break;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			string_list_add(&names, entry->d_name);
	}
	*ret_names = names;
	names = (struct string_list){0};
	return 0;
}

static int visit_blob(void *context, const struct digest *digest, const struct blob_info *info, struct error *err)
{
	struct collection *collection = context;
	struct store *store = collection->store;
	int named = is_named(collection, blob_sql, digest->text, err);
	if (named != 0)
		return named < 0 ? -1 : 0;
	if (collection->garbage) {
		string_list_add_format(collection->garbage, "blob %s", digest->text);
		return 0;
	}
	if (store->blobs->operations->remove(store->blobs, digest, err) < 0)
		return -1;
	collection->collected.blobs++;
	collection->collected.bytes += info->size;
	return 0;
}

static int collect_layers(struct collection *collection, enum digest_algorithm algorithm, struct error *err)
{
	struct store *store = collection->store;
	char folder[32];
	snprintf(folder, sizeof folder, "layers/%s", digest_algorithm_name(algorithm));
	cleanup_string_list struct string_list names = {0};
	if (list_folder(store->root_fd, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		struct digest diff_id;
		cleanup_free char *text = format_string("%s:%s", digest_algorithm_name(algorithm), names.items[i]);
		if (digest_parse(text, &diff_id, NULL) < 0)
			continue;
		int named = is_named(collection, layer_sql, text, err);
		if (named < 0)
			return -1;
		if (named)
			continue;
		if (collection->garbage) {
			string_list_add_format(collection->garbage, "layer %s", text);
			continue;
		}
		cleanup_free char *path = format_string("%s/%s", folder, names.items[i]);
		uint64_t bytes = tree_disk_bytes_at(store->root_fd, path);
		if (layer_folder_remove(store->root_fd, &diff_id, err) < 0)
			return -1;
		collection->collected.layers++;
		collection->collected.bytes += bytes;
	}
	return 0;
}

/* The layer that a record or a memo is about; unset for a name that is none of those. */
static struct digest layer_of(const char *algorithm, const char *hex, size_t hex_length)
{
	struct digest diff_id = {0};
	cleanup_free char *text = format_string("%s:%.*s", algorithm, (int)hex_length, hex);
	if (digest_parse(text, &diff_id, NULL) < 0)
		return (struct digest){0};
	return diff_id;
}

static int drop_without_layer(struct collection *collection, const char *folder, const char *name,
			      const struct digest *diff_id, struct error *err)
{
	int root_fd = collection->store->root_fd;
	cleanup_free char *path = format_string("%s/%s", folder, name);
	if (digest_is_set(diff_id) && layer_folder_exists(root_fd, diff_id))
		return 0;
	if (collection->garbage) {
		string_list_add(collection->garbage, path);
		return 0;
	}
	collection->collected.bytes += tree_disk_bytes_at(root_fd, path);
	return remove_tree_at(root_fd, path, err);
}

/* A record without its folder is what a kill between the two leaves. */
static int collect_records(struct collection *collection, enum digest_algorithm algorithm, struct error *err)
{
	cleanup_free char *folder = format_string("layers/records/%s", digest_algorithm_name(algorithm));
	cleanup_string_list struct string_list names = {0};
	if (list_folder(collection->store->root_fd, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		struct digest diff_id = layer_of(digest_algorithm_name(algorithm), name, strlen(name));
		if (drop_without_layer(collection, folder, name, &diff_id, err) < 0)
			return -1;
	}
	return 0;
}

/* What layers became when they were compressed (recompress.h): "<algorithm>-<hex>-<kind>-<level>". */
static int collect_memos(struct collection *collection, struct error *err)
{
	static const char folder[] = "cache/compressed";
	cleanup_string_list struct string_list names = {0};
	if (list_folder(collection->store->root_fd, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		const char *name = names.items[i];
		struct digest diff_id = {0};
		size_t length = strcspn(name, "-");
		cleanup_free char *algorithm = format_string("%.*s", (int)length, name);
		if (name[length])
			diff_id = layer_of(algorithm, name + length + 1, strcspn(name + length + 1, "-"));
		if (drop_without_layer(collection, folder, name, &diff_id, err) < 0)
			return -1;
	}
	return 0;
}

/* Removes the entries of a folder that `sql` (NULL: nothing) does not know. Something mounted stays for the next time.
 */
static int collect_folder(struct collection *collection, int dir_fd, const char *folder, const char *sql,
			  struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	if (list_folder(dir_fd, folder, &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		int named = sql ? is_named(collection, sql, names.items[i], err) : 0;
		if (named < 0)
			return -1;
		if (named)
			continue;
		cleanup_free char *path = format_string("%s/%s", folder, names.items[i]);
		if (collection->garbage) {
			string_list_add(collection->garbage, path);
			continue;
		}
		uint64_t bytes = tree_disk_bytes_at(dir_fd, path);
		struct error reason = {0};
		if (remove_tree_at(dir_fd, path, &reason) == 0)
			collection->collected.bytes += bytes;
		else if (reason.kind != ERROR_CONFLICT && reason.system_errno != EBUSY)
			return error_set(err, reason.kind, "%s", reason.message);
	}
	return 0;
}

/* By a new name first: whoever waits with the old one (layer_staging_leave) finds all of it or nothing, even where this
 * is killed in the middle. */
static int collect_staging(struct collection *collection, struct error *err)
{
	int root_fd = collection->store->root_fd;
	cleanup_string_list struct string_list names = {0};
	if (!collection->garbage && list_folder(root_fd, "layers/staging", &names, err) < 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char random[33];
		random_hex(random, 32);
		cleanup_free char *from = format_string("layers/staging/%s", names.items[i]);
		cleanup_free char *to = format_string("layers/staging/%s", random);
		if (renameat(root_fd, from, root_fd, to) < 0 && errno != ENOENT && errno != EBUSY)
			return error_set_errno(err, errno, "rename %s", from);
	}
	return collect_folder(collection, root_fd, "layers/staging", NULL, err);
}

/* Folders of boots that ended before what is in them was durable; the rows that named it first. */
static int collect_old_boots(struct collection *collection, struct error *err)
{
	static const char *const folders[] = {"blobs", "layers"};
	struct store *store = collection->store;
	bool rows_are_whole = false;
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++) {
		cleanup_string_list struct string_list names = {0};
		if (list_folder(store->root_fd, folders[i], &names, err) < 0)
			return -1;
		for (size_t j = 0; j < names.count; j++) {
			if (!boot_folder_is_old(names.items[j]))
				continue;
			cleanup_free char *path = format_string("%s/%s", folders[i], names.items[j]);
			if (collection->garbage) {
				string_list_add(collection->garbage, path);
				continue;
			}
			if (!rows_are_whole && build_cache_remove_incomplete(store, err) < 0)
				return -1;
			rows_are_whole = true;
			collection->collected.bytes += tree_disk_bytes_at(store->root_fd, path);
			if (remove_tree_at(store->root_fd, path, err) < 0)
				return -1;
		}
	}
	return 0;
}

/* What a killed process had been given. */
static int collect_rows(struct store *store, struct error *err)
{
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_ATOMIC, err) < 0 ||
	    database_run(store->database, err, "DELETE FROM address WHERE container NOT IN (SELECT id FROM container)",
			 "") < 0 ||
	    database_run(store->database, err, "DELETE FROM port WHERE container NOT IN (SELECT id FROM container)",
			 "") < 0)
		return -1;
	return transaction_commit(&transaction, err);
}

static int collect_files(struct collection *collection, struct error *err)
{
	struct store *store = collection->store;
	if (store_settle(store, err) < 0 || collect_old_boots(collection, err) < 0)
		return -1;
	if (store->blobs->operations->list(store->blobs, visit_blob, collection, err) < 0)
		return -1;
	for (int algorithm = 0; algorithm < DIGEST_ALGORITHM_COUNT; algorithm++)
		if (collect_layers(collection, (enum digest_algorithm)algorithm, err) < 0 ||
		    collect_records(collection, (enum digest_algorithm)algorithm, err) < 0)
			return -1;
	if (collect_memos(collection, err) < 0 || collect_staging(collection, err) < 0 ||
	    collect_folder(collection, store->root_fd, "containers", container_sql, err) < 0)
		return -1;
	return collect_folder(collection, store->run_root_fd, "containers", container_sql, err);
}

static int collect(struct store *store, enum store_lock_mode mode, nanoseconds uploads_before,
		   struct store_collected *ret_collected, struct error *err)
{
	cleanup_close int lock_fd = -1;
	if (store_lock_content(store, mode, &lock_fd, err) < 0)
		return -1;
	CLEANUP(collection_release) struct collection collection = {.store = store};
	uint64_t uploads;
	if (collect_rows(store, err) < 0 ||
	    store->blobs->operations->uploads_expire(store->blobs, uploads_before, &uploads, err) < 0 ||
	    collect_files(&collection, err) < 0)
		return error_wrap(err, "collect");
	if (ret_collected)
		*ret_collected = collection.collected;
	return 0;
}

int store_collect(struct store *store, struct store_collected *ret_collected, struct error *err)
{
	return collect(store, STORE_LOCK_EXCLUSIVE, time_now() - UPLOAD_LIFETIME, ret_collected, err);
}

int store_collect_if_free(struct store *store, struct error *err)
{
	return collect(store, STORE_LOCK_TRY_EXCLUSIVE, time_now() - UPLOAD_LIFETIME, NULL, err);
}

int store_collect_all(struct store *store, struct store_collected *ret_collected, struct error *err)
{
	return collect(store, STORE_LOCK_EXCLUSIVE, INT64_MAX, ret_collected, err);
}

int store_collect_staging(struct store *store, struct error *err)
{
	cleanup_close int lock_fd = -1;
	if (store_lock_content(store, STORE_LOCK_TRY_EXCLUSIVE, &lock_fd, err) < 0)
		return -1;
	CLEANUP(collection_release) struct collection collection = {.store = store};
	return collect_old_boots(&collection, err) < 0 ? -1 : collect_staging(&collection, err);
}

int store_list_garbage(struct store *store, struct string_list *ret_names, struct error *err)
{
	cleanup_close int lock_fd = -1;
	cleanup_string_list struct string_list names = {0};
	if (store_lock_content(store, STORE_LOCK_TRY_EXCLUSIVE, &lock_fd, err) < 0)
		return -1;
	CLEANUP(collection_release) struct collection collection = {.store = store, .garbage = &names};
	if (collect_files(&collection, err) < 0)
		return error_wrap(err, "look for garbage");
	*ret_names = names;
	names = (struct string_list){0};
	return 0;
}
