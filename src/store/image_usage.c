#include "store/image_usage.h"

#include <string.h>

#include "store/transaction.h"

static const char usage_sql[] =
	"SELECT i.id, (SELECT count(*) FROM container AS c WHERE c.image = i.id), i.size,"
	" (SELECT coalesce(sum(l.size), 0) FROM image_layer AS l WHERE l.image = i.id AND EXISTS"
	"  (SELECT 1 FROM image_layer AS o WHERE o.diff_id = l.diff_id AND o.image != i.id)),"
	" (SELECT coalesce(sum(l.blob_size), 0) FROM image_layer AS l WHERE l.image = i.id)"
	" FROM image AS i ORDER BY i.id";

void image_usages_release(struct image_usages *usages)
{
	free(usages->items);
	*usages = (struct image_usages){0};
}

int image_usage_list(struct store *store, struct image_usages *ret_usages, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	cleanup_image_usages struct image_usages usages = {0};
	int row;
	if (database_prepare(store->database, &statement, err, usage_sql, "") < 0)
		return -1;
	while ((row = database_step(statement, err)) > 0) {
		usages.items = reallocate_array(usages.items, usages.count + 1, sizeof *usages.items);
		struct image_usage *usage = &usages.items[usages.count++];
		*usage = (struct image_usage){
			.containers = (uint64_t)sqlite3_column_int64(statement, 1),
			.size = (uint64_t)sqlite3_column_int64(statement, 2),
			.shared = (uint64_t)sqlite3_column_int64(statement, 3),
			.content = (uint64_t)sqlite3_column_int64(statement, 4),
		};
		if (digest_parse(database_text(statement, 0), &usage->id, err) < 0)
			return error_wrap(err, "record of an image");
	}
	if (row < 0)
		return -1;
	*ret_usages = usages;
	usages = (struct image_usages){0};
	return 0;
}

static int compare_ids(const void *key, const void *item)
{
	return strcmp(((const struct digest *)key)->text, ((const struct image_usage *)item)->id.text);
}

const struct image_usage *image_usage_find(const struct image_usages *usages, const struct digest *id)
{
	if (!usages->count)
		return NULL;
	return bsearch(id, usages->items, usages->count, sizeof *usages->items, compare_ids);
}

int image_layers_total(struct store *store, uint64_t *ret_bytes, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT coalesce(sum(size), 0) FROM"
			     " (SELECT max(size) AS size FROM image_layer GROUP BY diff_id)",
			     "") < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	*ret_bytes = row ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
	return 0;
}

int image_descendants(struct store *store, const struct digest *id, struct string_list *ids, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT ?1 UNION SELECT image FROM image_layer WHERE chain ="
			     " (SELECT chain FROM image_layer WHERE image = ?1 ORDER BY position DESC LIMIT 1)",
			     "t", id->text) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0)
		string_list_add(ids, database_text(statement, 0));
	return row;
}
