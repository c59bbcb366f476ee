/*
 * `rmi`, with Docker's rules. A reference is taken away first; the image goes with its last one. What stands in the way
 * is either soft, which --force overrides (a stopped container, more than one repository), or hard (a running one). All
 * in one durable transaction, so that a conflict leaves everything as it was.
 */
#include <string.h>

#include "store/event.h"
#include "store/image.h"
#include "store/image_row.h"
#include "store/transaction.h"

#define SHORT_ID_LENGTH 12

struct image_reference {
	char *name; /* full */
	char *tag;  /* NULL: by digest */
	char *digest;
};

struct reference_list {
	struct image_reference *items;
	size_t count;
};

struct removal {
	struct store *store;
	struct image image;
	bool force;
	struct reference_list references; /* that are left */
	struct string_list lines;
};

static void removal_release(struct removal *removal)
{
	for (size_t i = 0; i < removal->references.count; i++) {
		free(removal->references.items[i].name);
		free(removal->references.items[i].tag);
		free(removal->references.items[i].digest);
	}
	free(removal->references.items);
	string_list_release(&removal->lines);
}

static int read_references(struct removal *removal, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(removal->store->database, &statement, err,
			     "SELECT name, tag, '' FROM tag WHERE image = ?1"
			     " UNION ALL SELECT name, NULL, digest FROM repository_digest WHERE image = ?1",
			     "t", removal->image.id.text) < 0)
		return -1;
	struct reference_list *list = &removal->references;
	int row;
	while ((row = database_step(statement, err)) > 0) {
		list->items = reallocate_array(list->items, list->count + 1, sizeof *list->items);
		bool is_tag = sqlite3_column_type(statement, 1) != SQLITE_NULL;
		list->items[list->count++] = (struct image_reference){
			.name = duplicate_string(database_text(statement, 0)),
			.tag = is_tag ? duplicate_string(database_text(statement, 1)) : NULL,
			.digest = is_tag ? NULL : duplicate_string(database_text(statement, 2)),
		};
	}
	return row;
}

/* At most one tag, and nothing outside of one repository. */
static bool is_single(const struct reference_list *list)
{
	size_t tags = 0;
	for (size_t i = 0; i < list->count; i++) {
		tags += list->items[i].tag != NULL;
		if (strcmp(list->items[i].name, list->items[0].name) != 0)
			return false;
	}
	return tags <= 1;
}

static int untag(struct removal *removal, size_t index, struct error *err)
{
	struct reference_list *list = &removal->references;
	struct image_reference reference = list->items[index];
	int result = reference.tag ? database_run(removal->store->database, err,
						  "DELETE FROM tag WHERE name = ?1 AND tag = ?2", "tt", reference.name,
						  reference.tag)
				   : database_run(removal->store->database, err,
						  "DELETE FROM repository_digest WHERE name = ?1 AND digest = ?2", "tt",
						  reference.name, reference.digest);
	if (result < 0)
		return -1;
	cleanup_free char *familiar = reference_familiarize(reference.name);
	string_list_add_format(&removal->lines, "Untagged: %s%c%s", familiar, reference.tag ? ':' : '@',
			       reference.tag ? reference.tag : reference.digest);
	memmove(&list->items[index], &list->items[index + 1], (list->count - index - 1) * sizeof *list->items);
	list->count--;
	free(reference.name);
	free(reference.tag);
	free(reference.digest);
	return 0;
}

/* A container that uses the image; 1: there is one, 0: none. */
static int find_user(struct removal *removal, bool running, char ret_short_id[SHORT_ID_LENGTH + 1], struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(removal->store->database, &statement, err,
			     "SELECT substr(id, 1, 12) FROM container WHERE image = ?1"
			     " AND (started != 0 AND finished = 0) = ?2 ORDER BY created LIMIT 1",
			     "ti", removal->image.id.text, (int64_t)running) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row > 0)
		snprintf(ret_short_id, SHORT_ID_LENGTH + 1, "%s", database_text(statement, 0));
	return row;
}

enum conflict { CONFLICT_NONE, CONFLICT_UNUSED, CONFLICT_USED, CONFLICT_ERROR = -1 };

/* What keeps the image from being deleted; anything but CONFLICT_NONE fills *err. */
static enum conflict check_conflict(struct removal *removal, bool soft, bool references, struct error *err)
{
	char user[SHORT_ID_LENGTH + 1];
	const char *id = digest_hex(&removal->image.id);
	int found = find_user(removal, true, user, err);
	if (found < 0)
		return CONFLICT_ERROR;
	if (found) {
		error_set(err, ERROR_CONFLICT,
			  "conflict: unable to delete %.12s (cannot be forced) - image is being used by running "
			  "container %s",
			  id, user);
		return CONFLICT_USED;
	}
	if (soft && references && removal->references.count > 0) {
		error_set(err, ERROR_CONFLICT,
			  "conflict: unable to delete %.12s (must be forced) - image is referenced in multiple "
			  "repositories",
			  id);
		return CONFLICT_UNUSED;
	}
	found = soft ? find_user(removal, false, user, err) : 0;
	if (found < 0)
		return CONFLICT_ERROR;
	if (found) {
		error_set(err, ERROR_CONFLICT,
			  "conflict: unable to delete %.12s (must be forced) - image is being used by stopped "
			  "container %s",
			  id, user);
		return CONFLICT_USED;
	}
	return CONFLICT_NONE;
}

static int delete_image(struct removal *removal, struct error *err)
{
	while (removal->references.count > 0)
		if (untag(removal, 0, err) < 0)
			return -1;
	string_list_add_format(&removal->lines, "Deleted: %s", removal->image.id.text);
	{
		/* Layers are told by their chain ids, the topmost first, as far as no other image has them. */
		cleanup_statement sqlite3_stmt *statement = NULL;
		if (database_prepare(
			    removal->store->database, &statement, err,
			    "SELECT chain FROM image_layer AS mine WHERE image = ?1 AND NOT EXISTS"
			    " (SELECT 1 FROM image_layer AS other WHERE other.chain = mine.chain AND other.image != ?1)"
			    " ORDER BY position DESC",
			    "t", removal->image.id.text) < 0)
			return -1;
		int row;
		while ((row = database_step(statement, err)) > 0)
			string_list_add_format(&removal->lines, "Deleted: %s", database_text(statement, 0));
		if (row < 0)
			return -1;
	}
	return database_run(removal->store->database, err, "DELETE FROM image WHERE id = ?1", "t",
			    removal->image.id.text);
}

/* The index of what the user named, among the image's references. */
static int find_named(struct removal *removal, const struct reference *reference, size_t *ret_index, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	bool by_digest = digest_is_set(&reference->digest);
	for (size_t i = 0; i < removal->references.count; i++) {
		const struct image_reference *item = &removal->references.items[i];
		const char *have = by_digest ? item->digest : item->tag;
		const char *want = by_digest ? reference->digest.text : reference->tag;
		if (have && want && strcmp(item->name, name) == 0 && strcmp(have, want) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	cleanup_free char *familiar = reference_familiar_text(reference);
	return error_set(err, ERROR_NOT_FOUND, "No such image: %s", familiar);
}

/* A repository without a tag of the image needs no digest of it either. */
static int untag_digests(struct removal *removal, const char *name, struct error *err)
{
	const struct reference_list *list = &removal->references;
	for (size_t i = 0; i < list->count; i++)
		if (list->items[i].tag && strcmp(list->items[i].name, name) == 0)
			return 0;
	for (size_t i = 0; i < list->count;) {
		if (strcmp(list->items[i].name, name) != 0)
			i++;
		else if (untag(removal, i, err) < 0)
			return -1;
	}
	return 0;
}

static int remove_by_name(struct removal *removal, const char *text, struct error *err)
{
	cleanup_reference struct reference reference = {0};
	size_t index = 0;
	if (reference_parse(text, &reference, err) < 0 || find_named(removal, &reference, &index, err) < 0)
		return -1;
	if (!removal->force && is_single(&removal->references)) {
		char user[SHORT_ID_LENGTH + 1];
		int used = find_user(removal, true, user, err);
		if (used == 0)
			used = find_user(removal, false, user, err);
		if (used < 0)
			return -1;
		if (used)
			return error_set(
				err, ERROR_CONFLICT,
				"conflict: unable to remove repository reference \"%s\" (must force) - container %s is "
				"using its referenced image %.12s",
				text, user, digest_hex(&removal->image.id));
	}
	cleanup_free char *name = reference_name(&reference);
	bool was_tag = removal->references.items[index].tag != NULL;
	if (untag(removal, index, err) < 0 || (was_tag && untag_digests(removal, name, err) < 0))
		return -1;
	if (removal->references.count > 0)
		return 0;
	/* The name is gone, which is what was asked; an image that a container still uses stays without one. */
	switch (check_conflict(removal, !removal->force, true, err)) {
	case CONFLICT_NONE:
		return delete_image(removal, err);
	case CONFLICT_USED:
		error_clear(err);
		return 0;
	default:
		return -1;
	}
}

static int remove_by_id(struct removal *removal, struct error *err)
{
	bool one_repository = is_single(&removal->references);
	if (check_conflict(removal, !removal->force, !one_repository, err) != CONFLICT_NONE)
		return -1;
	return delete_image(removal, err);
}

/* What the lines tell of the image itself; its layers are nobody's event. */
static void tell(const struct removal *removal)
{
	const char *id = removal->image.id.text;
	for (size_t i = 0; i < removal->lines.count; i++) {
		const char *line = removal->lines.items[i];
		bool is_untag = strncmp(line, "Untagged: ", 10) == 0;
		if (is_untag || (strncmp(line, "Deleted: ", 9) == 0 && strcmp(line + 9, id) == 0))
			event_add(removal->store, "image", is_untag ? "untag" : "delete", id,
				  json_pack("{s:s}", "name", is_untag ? line + 10 : id));
	}
}

int image_remove(struct store *store, const char *text, bool force, struct string_list *ret_lines, struct error *err)
{
	CLEANUP(removal_release) struct removal removal = {.store = store, .force = force};
	cleanup_transaction struct transaction transaction = {0};
	if (transaction_begin(&transaction, store->database, TRANSACTION_DURABLE, err) < 0 ||
	    image_find(store, text, &removal.image, err) < 0 || read_references(&removal, err) < 0)
		return -1;
	int result = image_text_is_id(text, &removal.image.id) ? remove_by_id(&removal, err)
							       : remove_by_name(&removal, text, err);
	if (result < 0 || transaction_commit(&transaction, err) < 0)
		return -1;
	tell(&removal);
	*ret_lines = removal.lines;
	removal.lines = (struct string_list){0};
	return 0;
}
