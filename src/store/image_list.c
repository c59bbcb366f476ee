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
#define ROW_BYTES 448 /* of what is made of a row to print it */
/* Pages that SQLite keeps: each is read once, and a page of memory that nobody has touched yet is dear. */
#define CACHE_PAGES "40"

/* Beside each item of the list. */
struct item_link {
	size_t next;   /* item of the same image */
	int64_t added; /* its digest */
};

/* The first items are the images, by id, each with its first name; further names of theirs come behind them. */
struct listing {
	struct image_list list;
	struct item_link *links; /* as many as items */
	size_t room;
	size_t image_count;
	bool is_unsorted;
};

static void listing_release(struct listing *listing)
{
	free(listing->links);
	image_list_release(&listing->list);
}

/* How many rows there are about, and memory for them. */
static int listing_prepare(struct listing *listing, struct store *store, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_run(store->database, err, "PRAGMA cache_size = " CACHE_PAGES, "") < 0 ||
	    database_prepare(store->database, &statement, err, "SELECT count(*) FROM image", "") < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	size_t images = row ? (size_t)sqlite3_column_int64(statement, 0) : 0;
	memory_prepare(images * (sizeof(struct image_tag) + sizeof(struct item_link) + ROW_BYTES));
	listing->room = images + images / 8 + 8;
	listing->list.items = reallocate_array(NULL, listing->room, sizeof *listing->list.items);
	listing->links = reallocate_array(NULL, listing->room, sizeof *listing->links);
	return 0;
}

/* Its image is left to the caller. */
static struct image_tag *add_item(struct listing *listing)
{
	size_t index = listing->list.count;
	if (index == listing->room) {
		listing->room *= 2;
		listing->list.items = reallocate_array(listing->list.items, listing->room, sizeof *listing->list.items);
		listing->links = reallocate_array(listing->links, listing->room, sizeof *listing->links);
	}
	struct image_tag *item = &listing->list.items[index];
	item->name = item->tag = NULL;
	item->repository_digest = (struct digest){0};
	listing->links[index] = (struct item_link){.next = NO_ITEM};
	listing->list.count++;
	return item;
}

static int add_image(struct listing *listing, sqlite3_stmt *row, struct error *err)
{
	struct image image;
	if (image_row_read(row, &image, err) < 0)
		return -1;
	struct image_tag *item = add_item(listing);
	item->image = image;
	if (listing->image_count && strcmp(item[-1].image.id.text, image.id.text) > 0)
		listing->is_unsorted = true;
	listing->image_count++;
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	return strcmp(((const struct image_tag *)a)->image.id.text, ((const struct image_tag *)b)->image.id.text);
}

static int compare_id(const void *key, const void *item)
{
	return strcmp(key, ((const struct image_tag *)item)->image.id.text);
}

/* NO_ITEM: a name of an image that is not there, which foreign keys forbid. */
static size_t find_image(struct listing *listing, const char *id)
{
	struct image_tag *items = listing->list.items;
	if (listing->is_unsorted)
		qsort(items, listing->image_count, sizeof *items, compare_ids);
	listing->is_unsorted = false;
	const struct image_tag *found = bsearch(id, items, listing->image_count, sizeof *items, compare_id);
	return found ? (size_t)(found - items) : NO_ITEM;
}

/* The image's own item where that has no name yet, else one more. */
static size_t add_name(struct listing *listing, size_t image, const char *name, const char *tag)
{
	size_t index = image;
	if (listing->list.items[image].name) {
		index = listing->list.count;
		struct image_tag *item = add_item(listing);
		item->image = listing->list.items[image].image;
		listing->links[index].next = listing->links[image].next;
		listing->links[image].next = index;
	}
	listing->list.items[index].name = duplicate_string(name);
	listing->list.items[index].tag = duplicate_string(tag);
	return index;
}

/* Tags of the repository have the digest that came last; where there is none the digest is an item of its own. */
static int add_digest(struct listing *listing, size_t image, sqlite3_stmt *row, struct error *err)
{
	const char *name = database_text(row, COLUMN_NAME);
	int64_t added = sqlite3_column_int64(row, COLUMN_ADDED);
	struct digest digest;
	if (digest_parse(database_text(row, COLUMN_DIGEST), &digest, err) < 0)
		return -1;
	bool has_tag = false;
	for (size_t i = image; i != NO_ITEM; i = listing->links[i].next) {
		struct image_tag *item = &listing->list.items[i];
		if (!item->tag || strcmp(item->name, name) != 0)
			continue;
		has_tag = true;
		if (!digest_is_set(&item->repository_digest) || added > listing->links[i].added) {
			item->repository_digest = digest;
			listing->links[i].added = added;
		}
	}
	if (!has_tag) {
		size_t index = add_name(listing, image, name, NULL);
		listing->list.items[index].repository_digest = digest;
	}
	return 0;
}

static int add_row(struct listing *listing, sqlite3_stmt *row, struct error *err)
{
	enum row_kind kind = (enum row_kind)sqlite3_column_int(row, COLUMN_KIND);
	if (kind == ROW_IMAGE)
		return add_image(listing, row, err);
	size_t image = find_image(listing, database_text(row, 0));
	if (image == NO_ITEM)
		return error_set(err, ERROR_CORRUPT, "%s names image %s, which is not there",
				 database_text(row, COLUMN_NAME), database_text(row, 0));
	if (kind == ROW_DIGEST)
		return add_digest(listing, image, row, err);
	add_name(listing, image, database_text(row, COLUMN_NAME), database_text(row, COLUMN_TAG));
	return 0;
}

/* Where one repository was asked for, images without a name of it are not in the list. */
static void drop_nameless(struct image_list *list)
{
	size_t kept = 0;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].name)
			list->items[kept++] = list->items[i];
	list->count = kept;
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
	if (name)
		drop_nameless(&listing.list);
	qsort(listing.list.items, listing.list.count, sizeof *listing.list.items, compare_items);
	*ret_list = listing.list;
	listing.list = (struct image_list){0};
	return 0;
}
