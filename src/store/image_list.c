/*
 * The list of images. One statement gives images, tags and digests one after the other, hence of one snapshot and
 * without a look-up in a B-tree for each; they are put together here, which takes a third of the time of SQLite's join.
 */
#include <stdlib.h>
#include <string.h>

#include "store/image.h"
#include "store/image_row.h"
#include "store/transaction.h"

void image_list_release(struct image_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].tag);
	}
	free(list->items);
	*list = (struct image_list){0};
}

enum row_kind { ROW_IMAGE, ROW_TAG, ROW_DIGEST };

/* Behind the columns of an image, the kind of row; other kinds have the image's id first, then what column_* name. */
static const char list_sql[] =
	"SELECT " IMAGE_COLUMNS ", 0 FROM image NOT INDEXED"
	" UNION ALL SELECT image, name, tag, NULL, NULL, 1 FROM tag WHERE ?1 IS NULL OR name = ?1"
	" UNION ALL SELECT image, name, digest, added, NULL, 2 FROM repository_digest WHERE ?1 IS NULL OR name = ?1";
enum column { COLUMN_NAME = 1, COLUMN_TAG, COLUMN_DIGEST = COLUMN_TAG, COLUMN_ADDED, COLUMN_KIND = IMAGE_COLUMN_COUNT };

#define NO_ITEM	  SIZE_MAX
#define ROW_BYTES 512 /* of the database's pages, and of what is made of a row to print it */

struct listed_image {
	struct image image;
	bool is_named;
	size_t last_item; /* of its tags; each leads to the one before it */
};

/* Beside each item of the list. */
struct item_link {
	size_t previous;
	int64_t added; /* its digest */
};

struct listing {
	struct listed_image *images; /* by id, once they are all read */
	size_t image_count, image_room;
	bool is_sorted;
	struct image_list list;
	struct item_link *links; /* as many as items */
	size_t room;
};

static void listing_release(struct listing *listing)
{
	free(listing->images);
	free(listing->links);
	image_list_release(&listing->list);
}

/* How many rows there are about, and memory for them. */
static int listing_prepare(struct listing *listing, struct store *store, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM tag)", "") < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	size_t images = row ? (size_t)sqlite3_column_int64(statement, 0) : 0;
	size_t tags = row ? (size_t)sqlite3_column_int64(statement, 1) : 0;
	memory_prepare(tags * (sizeof(struct image_tag) + sizeof(struct item_link) + ROW_BYTES) +
		       images * sizeof(struct listed_image));
	listing->image_room = images + 1;
	listing->images = reallocate_array(NULL, listing->image_room, sizeof *listing->images);
	listing->room = tags + 1;
	listing->list.items = reallocate_array(NULL, listing->room, sizeof *listing->list.items);
	listing->links = reallocate_array(NULL, listing->room, sizeof *listing->links);
	return 0;
}

static int add_image(struct listing *listing, sqlite3_stmt *row, struct error *err)
{
	if (listing->image_count == listing->image_room) {
		listing->image_room *= 2;
		listing->images = reallocate_array(listing->images, listing->image_room, sizeof *listing->images);
	}
	struct listed_image *image = &listing->images[listing->image_count];
	*image = (struct listed_image){.last_item = NO_ITEM};
	if (image_row_read(row, &image->image, err) < 0)
		return -1;
	listing->image_count++;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct listed_image *left = a, *right = b;
	return strcmp(left->image.id.text, right->image.id.text);
}

static int compare_id(const void *key, const void *image)
{
	return strcmp(key, ((const struct listed_image *)image)->image.id.text);
}

/* NULL: a name of an image that is not there, which foreign keys forbid. */
static struct listed_image *find_image(struct listing *listing, const char *id)
{
	if (!listing->is_sorted) {
		qsort(listing->images, listing->image_count, sizeof *listing->images, compare_ids);
		listing->is_sorted = true;
	}
	return bsearch(id, listing->images, listing->image_count, sizeof *listing->images, compare_id);
}

static struct image_tag *add_item(struct listing *listing, const struct listed_image *image, const char *name,
				  const char *tag)
{
	size_t index = listing->list.count;
	if (index == listing->room) {
		listing->room *= 2;
		listing->list.items = reallocate_array(listing->list.items, listing->room, sizeof *listing->list.items);
		listing->links = reallocate_array(listing->links, listing->room, sizeof *listing->links);
	}
	struct image_tag *item = &listing->list.items[index];
	item->name = duplicate_string(name);
	item->tag = duplicate_string(tag);
	item->repository_digest = (struct digest){0};
	item->image = image->image;
	listing->links[index] = (struct item_link){.previous = NO_ITEM};
	listing->list.count++;
	return item;
}

static void add_tag(struct listing *listing, struct listed_image *image, sqlite3_stmt *row)
{
	size_t index = listing->list.count;
	add_item(listing, image, database_text(row, COLUMN_NAME), database_text(row, COLUMN_TAG));
	listing->links[index].previous = image->last_item;
	image->last_item = index;
}

/* Tags of the repository have the digest that came last; where there is none the digest is an item of its own. */
static int add_digest(struct listing *listing, const struct listed_image *image, sqlite3_stmt *row, struct error *err)
{
	const char *name = database_text(row, COLUMN_NAME);
	int64_t added = sqlite3_column_int64(row, COLUMN_ADDED);
	struct digest digest;
	if (digest_parse(database_text(row, COLUMN_DIGEST), &digest, err) < 0)
		return -1;
	bool has_tag = false;
	for (size_t i = image->last_item; i != NO_ITEM; i = listing->links[i].previous) {
		struct image_tag *item = &listing->list.items[i];
		if (strcmp(item->name, name) != 0)
			continue;
		has_tag = true;
		if (!digest_is_set(&item->repository_digest) || added > listing->links[i].added) {
			item->repository_digest = digest;
			listing->links[i].added = added;
		}
	}
	if (!has_tag)
		add_item(listing, image, name, NULL)->repository_digest = digest;
	return 0;
}

static int add_row(struct listing *listing, sqlite3_stmt *row, struct error *err)
{
	enum row_kind kind = (enum row_kind)sqlite3_column_int(row, COLUMN_KIND);
	if (kind == ROW_IMAGE)
		return add_image(listing, row, err);
	struct listed_image *image = find_image(listing, database_text(row, 0));
	if (!image)
		return error_set(err, ERROR_CORRUPT, "%s names image %s, which is not there",
				 database_text(row, COLUMN_NAME), database_text(row, 0));
	image->is_named = true;
	if (kind == ROW_DIGEST)
		return add_digest(listing, image, row, err);
	add_tag(listing, image, row);
	return 0;
}

static void add_nameless(struct listing *listing)
{
	for (size_t i = 0; i < listing->image_count; i++)
		if (!listing->images[i].is_named)
			add_item(listing, &listing->images[i], NULL, NULL);
}

static int compare_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a != NULL) - (b != NULL);
}

/* The newest first. */
static int compare_items(const void *a, const void *b)
{
	const struct image_tag *left = a, *right = b;
	if (left->image.created != right->image.created)
		return left->image.created > right->image.created ? -1 : 1;
	if (left->image.stored != right->image.stored)
		return left->image.stored > right->image.stored ? -1 : 1;
	int order = strcmp(left->image.id.text, right->image.id.text);
	if (order == 0)
		order = compare_text(left->name, right->name);
	return order ? order : compare_text(left->tag, right->tag);
}

int image_list(struct store *store, const char *name, struct image_list *ret_list, struct error *err)
{
	CLEANUP(listing_release) struct listing listing = {0};
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (listing_prepare(&listing, store, err) < 0 ||
	    database_prepare(store->database, &statement, err, list_sql, "t", name) < 0)
		return -1;
	int row;
	while ((row = database_step(statement, err)) > 0)
		if (add_row(&listing, statement, err) < 0)
			return -1;
	if (row < 0)
		return -1;
	if (!name)
		add_nameless(&listing);
	qsort(listing.list.items, listing.list.count, sizeof *listing.list.items, compare_items);
	*ret_list = listing.list;
	listing.list = (struct image_list){0};
	return 0;
}
