#include "registry/metadata.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "registry/database_pool.h"

struct sqlite_metadata {
	struct metadata base;
	struct database_pool *pool;
};

static struct database_pool *pool_of(struct metadata *metadata)
{
	return ((struct sqlite_metadata *)metadata)->pool;
}

static int repository_ensure(struct write *write, const char *repository, struct error *err)
{
	return write_run(write, NULL, err,
			 "INSERT INTO repository (name, created) VALUES (?1, ?2) ON CONFLICT DO NOTHING", "ti",
			 repository, time_now());
}

static int sqlite_blob_link(struct metadata *metadata, const char *repository, const struct digest *digest,
			    uint64_t size, struct error *err)
{
	cleanup_write struct write write = {0};
	if (write_begin(&write, pool_of(metadata), TRANSACTION_DURABLE, err) < 0 ||
	    repository_ensure(&write, repository, err) < 0 ||
	    write_run(&write, NULL, err,
		      "INSERT INTO repository_blob (repository, digest, size) "
		      "SELECT id, ?2, ?3 FROM repository WHERE name = ?1 ON CONFLICT DO NOTHING",
		      "tti", repository, digest->text, (int64_t)size) < 0)
		return -1;
	return write_commit(&write, err);
}

static int sqlite_blob_find(struct metadata *metadata, const char *repository, const struct digest *digest,
			    uint64_t *ret_size, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT b.size FROM repository r JOIN repository_blob b ON b.repository = r.id "
			"WHERE r.name = ?1 AND b.digest = ?2",
			"tt", repository, digest->text) < 0)
		return -1;
	int row = database_step(query.statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has no blob %s", repository, digest->text);
	*ret_size = (uint64_t)sqlite3_column_int64(query.statement, 0);
	return 0;
}

static int sqlite_blob_unlink(struct metadata *metadata, const char *repository, const struct digest *digest,
			      struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool_of(metadata), TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "DELETE FROM repository_blob WHERE digest = ?2 AND "
		      "repository = (SELECT id FROM repository WHERE name = ?1)",
		      "tt", repository, digest->text) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has no blob %s", repository, digest->text);
	return write_commit(&write, err);
}

/* 1 and the size where the repository has it, 0 where not. */
static int reference_size(struct query *query, uint64_t *ret_size, struct error *err)
{
	int row = database_step(query->statement, err);
	if (row > 0)
		*ret_size = (uint64_t)sqlite3_column_int64(query->statement, 0);
	query_end(query);
	return row;
}

static int check_reference(struct metadata *metadata, struct write *write, const char *repository,
			   const struct metadata_reference *reference, struct error *err)
{
	static const char blob_sql[] = "SELECT size FROM repository_blob WHERE digest = ?2 AND "
				       "repository = (SELECT id FROM repository WHERE name = ?1)";
	static const char manifest_sql[] = "SELECT size FROM manifest WHERE digest = ?2 AND "
					   "repository = (SELECT id FROM repository WHERE name = ?1)";
	const char *sql = reference->is_manifest ? manifest_sql : blob_sql;
	cleanup_query struct query query = {0};
	int result = write ? write_query(write, &query, err, sql, "tt", repository, reference->digest.text)
			   : query_begin(&query, pool_of(metadata), err, sql, "tt", repository, reference->digest.text);
	uint64_t size = 0;
	int row = result < 0 ? -1 : reference_size(&query, &size, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s %s is not in %s",
				 reference->is_manifest ? "manifest" : "blob", reference->digest.text, repository);
	if (size != reference->size)
		return error_set(err, ERROR_INVALID, "%s has %" PRIu64 " bytes, but the manifest says %" PRIu64,
				 reference->digest.text, size, reference->size);
	return 0;
}

static int sqlite_references_check(struct metadata *metadata, const char *repository,
				   const struct metadata_reference *references, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++)
		if (check_reference(metadata, NULL, repository, &references[i], err) < 0)
			return -1;
	return 0;
}

static int put_rows(struct write *write, const char *repository, const struct metadata_manifest *manifest,
		    const struct metadata_reference *references, size_t count, const char *tag, struct error *err)
{
	const char *subject = digest_is_set(&manifest->subject) ? manifest->subject.text : NULL;
	/* Not REPLACE, which would take the tags along. A document without mediaType may come again as another type. */
	if (write_run(write, NULL, err,
		      "INSERT INTO manifest "
		      "(repository, digest, media_type, size, created, subject, artifact_type, referrer) "
		      "SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM repository WHERE name = ?1 "
		      "ON CONFLICT DO UPDATE SET media_type = excluded.media_type, referrer = excluded.referrer",
		      "tttiittt", repository, manifest->digest.text, manifest->media_type, (int64_t)manifest->size,
		      time_now(), subject, manifest->artifact_type, manifest->referrer) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (write_run(write, NULL, err,
			      "INSERT INTO manifest_reference (repository, manifest, digest) "
			      "SELECT id, ?2, ?3 FROM repository WHERE name = ?1 ON CONFLICT DO NOTHING",
			      "ttt", repository, manifest->digest.text, references[i].digest.text) < 0)
			return -1;
	if (!tag)
		return 0;
	return write_run(write, NULL, err,
			 "INSERT INTO tag (repository, name, digest, updated) "
			 "SELECT id, ?2, ?3, ?4 FROM repository WHERE name = ?1 "
			 "ON CONFLICT DO UPDATE SET digest = excluded.digest, updated = excluded.updated",
			 "ttti", repository, tag, manifest->digest.text, time_now());
}

static int sqlite_manifest_put(struct metadata *metadata, const char *repository,
			       const struct metadata_manifest *manifest, const struct metadata_reference *references,
			       size_t count, const char *tag, struct error *err)
{
	cleanup_write struct write write = {0};
	if (write_begin(&write, pool_of(metadata), TRANSACTION_DURABLE, err) < 0 ||
	    repository_ensure(&write, repository, err) < 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		if (check_reference(metadata, &write, repository, &references[i], err) < 0)
			return -1;
	if (put_rows(&write, repository, manifest, references, count, tag, err) < 0)
		return -1;
	return write_commit(&write, err);
}

static char *column_or_null(sqlite3_stmt *statement, int column)
{
	return duplicate_string((const char *)sqlite3_column_text(statement, column));
}

/* Columns: digest, media_type, size, subject, artifact_type, referrer. */
static int read_manifest(struct query *query, const char *repository, const char *what,
			 struct metadata_manifest *ret_manifest, struct error *err)
{
	int row = database_step(query->statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has no manifest %s", repository, what);
	struct metadata_manifest manifest = {.size = (uint64_t)sqlite3_column_int64(query->statement, 2)};
	const char *subject = database_text(query->statement, 3);
	if (digest_parse(database_text(query->statement, 0), &manifest.digest, err) < 0 ||
	    (*subject && digest_parse(subject, &manifest.subject, err) < 0))
		return -1;
	manifest.media_type = column_or_null(query->statement, 1);
	manifest.artifact_type = column_or_null(query->statement, 4);
	manifest.referrer = column_or_null(query->statement, 5);
	*ret_manifest = manifest;
	return 0;
}

static int sqlite_manifest_find(struct metadata *metadata, const char *repository, const struct digest *digest,
				struct metadata_manifest *ret_manifest, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT m.digest, m.media_type, m.size, m.subject, m.artifact_type, m.referrer "
			"FROM repository r JOIN manifest m ON m.repository = r.id WHERE r.name = ?1 AND m.digest = ?2",
			"tt", repository, digest->text) < 0)
		return -1;
	return read_manifest(&query, repository, digest->text, ret_manifest, err);
}

static int sqlite_manifest_remove(struct metadata *metadata, const char *repository, const struct digest *digest,
				  struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool_of(metadata), TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "DELETE FROM manifest WHERE digest = ?2 AND "
		      "repository = (SELECT id FROM repository WHERE name = ?1)",
		      "tt", repository, digest->text) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has no manifest %s", repository, digest->text);
	return write_commit(&write, err);
}

static int sqlite_tag_find(struct metadata *metadata, const char *repository, const char *tag,
			   struct metadata_manifest *ret_manifest, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT m.digest, m.media_type, m.size, m.subject, m.artifact_type, m.referrer "
			"FROM repository r JOIN tag t ON t.repository = r.id "
			"JOIN manifest m ON m.repository = t.repository AND m.digest = t.digest "
			"WHERE r.name = ?1 AND t.name = ?2",
			"tt", repository, tag) < 0)
		return -1;
	return read_manifest(&query, repository, tag, ret_manifest, err);
}

static int sqlite_tag_remove(struct metadata *metadata, const char *repository, const char *tag, struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool_of(metadata), TRANSACTION_DURABLE, err) < 0 ||
	    write_run(&write, &changes, err,
		      "DELETE FROM tag WHERE name = ?2 AND repository = (SELECT id FROM repository WHERE name = ?1)",
		      "tt", repository, tag) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_NOT_FOUND, "%s has no tag %s", repository, tag);
	return write_commit(&write, err);
}

static int collect_names(struct query *query, struct string_list *ret_names, struct error *err)
{
	cleanup_string_list struct string_list names = {0};
	int row;
	while ((row = database_step(query->statement, err)) > 0)
		string_list_add(&names, database_text(query->statement, 0));
	if (row < 0)
		return -1;
	*ret_names = names;
	names = (struct string_list){0};
	return 0;
}

static int repository_exists(struct metadata *metadata, const char *repository, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err, "SELECT 1 FROM repository WHERE name = ?1", "t", repository) <
	    0)
		return -1;
	int row = database_step(query.statement, err);
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "no such repository: %s", repository);
	return row < 0 ? -1 : 0;
}

static int sqlite_tag_list(struct metadata *metadata, const char *repository, const char *after, size_t limit,
			   struct string_list *ret_names, struct error *err)
{
	if (repository_exists(metadata, repository, err) < 0)
		return -1;
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT t.name FROM repository r JOIN tag t ON t.repository = r.id "
			"WHERE r.name = ?1 AND t.name > ?2 ORDER BY t.name LIMIT ?3",
			"tti", repository, after, (int64_t)limit) < 0)
		return -1;
	return collect_names(&query, ret_names, err);
}

static int sqlite_repository_list(struct metadata *metadata, const char *after, size_t limit,
				  struct string_list *ret_names, struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT name FROM repository WHERE name > ?1 ORDER BY name LIMIT ?2", "ti", after,
			(int64_t)limit) < 0)
		return -1;
	return collect_names(&query, ret_names, err);
}

static int sqlite_referrer_list(struct metadata *metadata, const char *repository, const struct digest *subject,
				const char *artifact_type, size_t limit, struct string_list *ret_descriptors,
				struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err,
			"SELECT m.referrer FROM repository r JOIN manifest m ON m.repository = r.id "
			"WHERE r.name = ?1 AND m.subject = ?2 AND (?3 IS NULL OR m.artifact_type = ?3) "
			"ORDER BY m.digest LIMIT ?4",
			"ttti", repository, subject->text, artifact_type, (int64_t)limit) < 0)
		return -1;
	return collect_names(&query, ret_descriptors, err);
}

static int sqlite_upload_add(struct metadata *metadata, const struct metadata_upload *upload, size_t limit,
			     struct error *err)
{
	cleanup_write struct write write = {0};
	int changes = 0;
	if (write_begin(&write, pool_of(metadata), TRANSACTION_ATOMIC, err) < 0 ||
	    write_run(&write, &changes, err,
		      "INSERT INTO upload (id, repository, owner, started) SELECT ?1, ?2, ?3, ?4 "
		      "WHERE (SELECT count(*) FROM upload WHERE owner = ?3) < ?5",
		      "tttii", upload->id, upload->repository, upload->owner, upload->started, (int64_t)limit) < 0)
		return -1;
	if (changes == 0)
		return error_set(err, ERROR_LIMIT, "there are %zu unfinished uploads already; finish or cancel some",
				 limit);
	return write_commit(&write, err);
}

static int sqlite_upload_find(struct metadata *metadata, const char *id, struct metadata_upload *ret_upload,
			      struct error *err)
{
	cleanup_query struct query query = {0};
	if (query_begin(&query, pool_of(metadata), err, "SELECT repository, owner, started FROM upload WHERE id = ?1",
			"t", id) < 0)
		return -1;
	int row = database_step(query.statement, err);
	if (row < 0)
		return -1;
	if (row == 0)
		return error_set(err, ERROR_NOT_FOUND, "no such upload: %s", id);
	struct metadata_upload upload = {.started = sqlite3_column_int64(query.statement, 2)};
	snprintf(upload.id, sizeof upload.id, "%s", id);
	upload.repository = duplicate_string(database_text(query.statement, 0));
	upload.owner = duplicate_string(database_text(query.statement, 1));
	*ret_upload = upload;
	return 0;
}

static int sqlite_upload_remove(struct metadata *metadata, const char *id, struct error *err)
{
	cleanup_write struct write write = {0};
	if (write_begin(&write, pool_of(metadata), TRANSACTION_ATOMIC, err) < 0 ||
	    write_run(&write, NULL, err, "DELETE FROM upload WHERE id = ?1", "t", id) < 0)
		return -1;
	return write_commit(&write, err);
}

static int sqlite_uploads_expire(struct metadata *metadata, nanoseconds before, struct error *err)
{
	cleanup_write struct write write = {0};
	if (write_begin(&write, pool_of(metadata), TRANSACTION_ATOMIC, err) < 0 ||
	    write_run(&write, NULL, err, "DELETE FROM upload WHERE started < ?1", "i", before) < 0)
		return -1;
	return write_commit(&write, err);
}

static void sqlite_free(struct metadata *metadata)
{
	free(metadata);
}

static const struct metadata_operations sqlite_operations = {
	.blob_link = sqlite_blob_link,
	.blob_find = sqlite_blob_find,
	.blob_unlink = sqlite_blob_unlink,
	.references_check = sqlite_references_check,
	.manifest_put = sqlite_manifest_put,
	.manifest_find = sqlite_manifest_find,
	.manifest_remove = sqlite_manifest_remove,
	.tag_find = sqlite_tag_find,
	.tag_remove = sqlite_tag_remove,
	.tag_list = sqlite_tag_list,
	.repository_list = sqlite_repository_list,
	.referrer_list = sqlite_referrer_list,
	.upload_add = sqlite_upload_add,
	.upload_find = sqlite_upload_find,
	.upload_remove = sqlite_upload_remove,
	.uploads_expire = sqlite_uploads_expire,
	.free = sqlite_free,
};

struct metadata *metadata_open_sqlite(struct database_pool *pool)
{
	struct sqlite_metadata *metadata = allocate(sizeof *metadata);
	metadata->base.operations = &sqlite_operations;
	metadata->pool = pool;
	return &metadata->base;
}
