/* Finding an image by what a user typed. */
#include <stdlib.h>
#include <string.h>

#include "store/image.h"
#include "store/image_row.h"
#include "store/transaction.h"

/* Both have one length. */
#define ID_PREFIX      "sha256:"
#define ID_PREFIX_LONG "sha512:"

int image_row_read(sqlite3_stmt *row, struct image *ret_image, struct error *err)
{
	struct image image = {0};
	if (digest_parse(database_text(row, 0), &image.id, err) < 0 ||
	    digest_parse(database_text(row, 1), &image.manifest, err) < 0)
		return error_wrap(err, "record of an image");
	image.created = sqlite3_column_int64(row, 2);
	image.stored = sqlite3_column_int64(row, 3);
	image.size = (uint64_t)sqlite3_column_int64(row, 4);
	*ret_image = image;
	return 0;
}

static int no_such_image(const char *text, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "No such image: %s", text);
}

int image_row_by_id(struct store *store, const struct digest *id, struct image *ret_image, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err, "SELECT " IMAGE_COLUMNS " FROM image WHERE id = ?1", "t",
			     id->text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	return row ? image_row_read(statement, ret_image, err) : no_such_image(id->text, err);
}

static bool is_hexadecimal(const char *text)
{
	return text[0] && text[strspn(text, "0123456789abcdef")] == '\0';
}

static bool has_prefix(const char *text)
{
	return strncmp(text, ID_PREFIX, strlen(ID_PREFIX)) == 0 ||
	       strncmp(text, ID_PREFIX_LONG, strlen(ID_PREFIX_LONG)) == 0;
}

bool image_text_is_id(const char *text, const struct digest *id)
{
	const char *digits = has_prefix(text) ? text + strlen(ID_PREFIX) : text;
	if (digits != text && strncmp(text, id->text, strlen(ID_PREFIX)) != 0)
		return false;
	return is_hexadecimal(digits) && strncmp(digits, digest_hex(id), strlen(digits)) == 0;
}

/* 1: found, 0: none. */
static int find_prefix(struct store *store, const char *text, struct image *ret_image, struct error *err)
{
	const char *digits = has_prefix(text) ? text + strlen(ID_PREFIX) : text;
	if (!is_hexadecimal(digits) || strlen(digits) > 128)
		return 0;
	cleanup_free char *prefix = digits == text ? format_string("%s%s", ID_PREFIX, digits) : duplicate_string(text);
	cleanup_free char *other =
		digits == text ? format_string("%s%s", ID_PREFIX_LONG, digits) : duplicate_string(text);
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT " IMAGE_COLUMNS
			     " FROM image WHERE (id >= ?1 AND id < ?1 || 'g') OR (id >= ?2 AND id < ?2 || 'g')"
			     " ORDER BY id LIMIT 2",
			     "tt", prefix, other) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row <= 0)
		return row;
	struct image image;
	if (image_row_read(statement, &image, err) < 0)
		return -1;
	row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row > 0)
		return error_set(err, ERROR_INVALID, "Multiple IDs found with provided prefix: %s", text);
	*ret_image = image;
	return 1;
}

int image_find_reference(struct store *store, const struct reference *reference, struct image *ret_image,
			 struct digest *ret_repository_digest, struct error *err)
{
	cleanup_free char *name = reference_name(reference);
	bool by_digest = digest_is_set(&reference->digest);
	cleanup_statement sqlite3_stmt *statement = NULL;
	const char *sql =
		by_digest
			? "SELECT " IMAGE_COLUMNS ", r.digest FROM repository_digest r JOIN image ON image.id = r.image"
			  " WHERE r.name = ?1 AND r.digest = ?2"
			: "SELECT " IMAGE_COLUMNS ", (SELECT r.digest FROM repository_digest r WHERE r.name = tag.name"
			  " AND r.image = tag.image ORDER BY r.added DESC LIMIT 1)"
			  " FROM tag JOIN image ON image.id = tag.image WHERE tag.name = ?1 AND tag.tag = ?2";
	const char *key = by_digest ? reference->digest.text : reference->tag ? reference->tag : REFERENCE_DEFAULT_TAG;
	if (database_prepare(store->database, &statement, err, sql, "tt", name, key) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	if (row == 0) {
		cleanup_free char *familiar = reference_familiar_text(reference);
		return no_such_image(familiar, err);
	}
	struct image image;
	struct digest digest = {0};
	if (image_row_read(statement, &image, err) < 0)
		return -1;
	const char *text = database_text(statement, IMAGE_COLUMN_COUNT);
	if (text[0] && digest_parse(text, &digest, err) < 0)
		return -1;
	*ret_image = image;
	if (ret_repository_digest)
		*ret_repository_digest = digest;
	return 0;
}

int image_find_manifest(struct store *store, const struct digest *manifest, struct image *ret_image, struct error *err)
{
	cleanup_statement sqlite3_stmt *statement = NULL;
	if (database_prepare(store->database, &statement, err,
			     "SELECT " IMAGE_COLUMNS " FROM image WHERE manifest = ?1", "t", manifest->text) < 0)
		return -1;
	int row = database_step(statement, err);
	if (row < 0)
		return -1;
	return row == 0 ? no_such_image(manifest->text, err) : image_row_read(statement, ret_image, err);
}

/* Docker's order: what is written as a digest is an id; else a name; else the beginning of an id. */
int image_find(struct store *store, const char *text, struct image *ret_image, struct error *err)
{
	if (has_prefix(text)) {
		int found = find_prefix(store, text, ret_image, err);
		if (found < 0)
			return -1;
		return found ? 0 : no_such_image(text, err);
	}
	struct error reason = {0};
	cleanup_reference struct reference reference = {0};
	bool is_reference = reference_parse(text, &reference, &reason) == 0;
	if (is_reference) {
		if (image_find_reference(store, &reference, ret_image, NULL, &reason) == 0)
			return 0;
		if (reason.kind != ERROR_NOT_FOUND)
			return error_set(err, reason.kind, "%s", reason.message);
	}
	int found = find_prefix(store, text, ret_image, err);
	if (found < 0)
		return -1;
	return found ? 0 : error_set(err, reason.kind, "%s", reason.message);
}
