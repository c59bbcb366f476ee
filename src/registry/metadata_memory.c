/* Metadata in memory, for tests: lists that are searched from the start, behind one mutex. */
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"
#include "registry/metadata.h"

enum row_kind { ROW_BLOB, ROW_MANIFEST, ROW_TAG };

struct row {
	enum row_kind kind;
	char *repository;
	char *key;	      /* digest or tag */
	struct digest digest; /* of a tag */
	uint64_t size;
	struct metadata_manifest manifest;
};

struct memory_metadata {
	struct metadata base;
	pthread_mutex_t lock;
	struct row *rows;
	size_t count;
	struct string_list repositories; /* in order */
	struct metadata_upload *uploads;
	size_t upload_count;
};

static void unlock(struct memory_metadata **memory)
{
	pthread_mutex_unlock(&(*memory)->lock);
}

/* Locked until the end of the block. */
#define LOCKED(name, metadata)                                                                                         \
	CLEANUP(unlock) struct memory_metadata *name = (struct memory_metadata *)(metadata);                           \
	pthread_mutex_lock(&name->lock)

static void row_release(struct row *row)
{
	free(row->repository);
	free(row->key);
	metadata_manifest_release(&row->manifest);
}

static struct row *find(struct memory_metadata *memory, enum row_kind kind, const char *repository, const char *key)
{
	for (size_t i = 0; i < memory->count; i++)
		if (memory->rows[i].kind == kind && strcmp(memory->rows[i].repository, repository) == 0 &&
		    strcmp(memory->rows[i].key, key) == 0)
			return &memory->rows[i];
	return NULL;
}

static int not_found(const char *repository, const char *key, struct error *err)
{
	return error_set(err, ERROR_NOT_FOUND, "%s has no %s", repository, key);
}

static struct row *ensure(struct memory_metadata *memory, enum row_kind kind, const char *repository, const char *key)
{
	string_list_add_once(&memory->repositories, repository);
	struct row *row = find(memory, kind, repository, key);
	if (row)
		return row;
	memory->rows = reallocate_array(memory->rows, memory->count + 1, sizeof *memory->rows);
	row = &memory->rows[memory->count++];
	*row = (struct row){kind, duplicate_string(repository), duplicate_string(key)};
	return row;
}

static void drop(struct memory_metadata *memory, struct row *row)
{
	row_release(row);
	*row = memory->rows[--memory->count];
}

static int drop_key(struct memory_metadata *memory, enum row_kind kind, const char *repository, const char *key,
		    struct error *err)
{
	struct row *row = find(memory, kind, repository, key);
	if (!row)
		return not_found(repository, key, err);
	drop(memory, row);
	return 0;
}

static void copy_manifest(struct metadata_manifest *to, const struct metadata_manifest *from)
{
	metadata_manifest_release(to);
	*to = *from;
	to->media_type = duplicate_string(from->media_type);
	to->artifact_type = duplicate_string(from->artifact_type);
	to->referrer = duplicate_string(from->referrer);
}

static int memory_blob_link(struct metadata *metadata, const char *repository, const struct digest *digest,
			    uint64_t size, struct error *err)
{
	LOCKED(memory, metadata);
	ensure(memory, ROW_BLOB, repository, digest->text)->size = size;
	return 0;
}

static int memory_blob_find(struct metadata *metadata, const char *repository, const struct digest *digest,
			    uint64_t *ret_size, struct error *err)
{
	LOCKED(memory, metadata);
	const struct row *row = find(memory, ROW_BLOB, repository, digest->text);
	if (!row)
		return not_found(repository, digest->text, err);
	*ret_size = row->size;
	return 0;
}

static int memory_blob_unlink(struct metadata *metadata, const char *repository, const struct digest *digest,
			      struct error *err)
{
	LOCKED(memory, metadata);
	return drop_key(memory, ROW_BLOB, repository, digest->text, err);
}

static int check(struct memory_metadata *memory, const char *repository, const struct metadata_reference *references,
		 size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = find(memory, references[i].is_manifest ? ROW_MANIFEST : ROW_BLOB, repository,
					     references[i].digest.text);
		if (!row)
			return not_found(repository, references[i].digest.text, err);
		if (row->size != references[i].size)
			return error_set(err, ERROR_INVALID, "%s has %" PRIu64 " bytes, but the manifest says %" PRIu64,
					 row->key, row->size, references[i].size);
	}
	return 0;
}

static int memory_references_check(struct metadata *metadata, const char *repository,
				   const struct metadata_reference *references, size_t count, struct error *err)
{
	LOCKED(memory, metadata);
	return check(memory, repository, references, count, err);
}

static int memory_manifest_put(struct metadata *metadata, const char *repository,
			       const struct metadata_manifest *manifest, const struct metadata_reference *references,
			       size_t count, const char *tag, struct error *err)
{
	LOCKED(memory, metadata);
	if (check(memory, repository, references, count, err) < 0)
		return -1;
	struct row *row = ensure(memory, ROW_MANIFEST, repository, manifest->digest.text);
	row->size = manifest->size;
	copy_manifest(&row->manifest, manifest);
	if (tag)
		ensure(memory, ROW_TAG, repository, tag)->digest = manifest->digest;
	return 0;
}

static int memory_manifest_find(struct metadata *metadata, const char *repository, const struct digest *digest,
				struct metadata_manifest *ret_manifest, struct error *err)
{
	LOCKED(memory, metadata);
	const struct row *row = find(memory, ROW_MANIFEST, repository, digest->text);
	if (!row)
		return not_found(repository, digest->text, err);
	*ret_manifest = (struct metadata_manifest){0};
	copy_manifest(ret_manifest, &row->manifest);
	return 0;
}

static int memory_manifest_remove(struct metadata *metadata, const char *repository, const struct digest *digest,
				  struct error *err)
{
	LOCKED(memory, metadata);
	if (drop_key(memory, ROW_MANIFEST, repository, digest->text, err) < 0)
		return -1;
	for (size_t i = memory->count; i-- > 0;) {
		struct row *row = &memory->rows[i];
		if (row->kind == ROW_TAG && strcmp(row->repository, repository) == 0 &&
		    digest_equal(&row->digest, digest))
			drop(memory, row);
	}
	return 0;
}

static int memory_tag_find(struct metadata *metadata, const char *repository, const char *tag,
			   struct metadata_manifest *ret_manifest, struct error *err)
{
	struct digest digest;
	{
		LOCKED(memory, metadata);
		const struct row *row = find(memory, ROW_TAG, repository, tag);
		if (!row)
			return not_found(repository, tag, err);
		digest = row->digest;
	}
	return memory_manifest_find(metadata, repository, &digest, ret_manifest, err);
}

static int memory_tag_remove(struct metadata *metadata, const char *repository, const char *tag, struct error *err)
{
	LOCKED(memory, metadata);
	return drop_key(memory, ROW_TAG, repository, tag, err);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts, then keeps `limit` names behind `after`. */
static void cut(struct string_list *names, const char *after, size_t limit, struct string_list *ret_names)
{
	*ret_names = (struct string_list){0};
	if (names->count > 0)
		qsort(names->items, names->count, sizeof(char *), compare);
	for (size_t i = 0; i < names->count && ret_names->count < limit; i++)
		if (strcmp(names->items[i], after) > 0)
			string_list_add(ret_names, names->items[i]);
}

static int memory_tag_list(struct metadata *metadata, const char *repository, const char *after, size_t limit,
			   struct string_list *ret_names, struct error *err)
{
	LOCKED(memory, metadata);
	cleanup_string_list struct string_list names = {0};
	if (!string_list_contains(&memory->repositories, repository))
		return error_set(err, ERROR_NOT_FOUND, "no such repository: %s", repository);
	for (size_t i = 0; i < memory->count; i++)
		if (memory->rows[i].kind == ROW_TAG && strcmp(memory->rows[i].repository, repository) == 0)
			string_list_add(&names, memory->rows[i].key);
	cut(&names, after, limit, ret_names);
	return 0;
}

static int memory_repository_list(struct metadata *metadata, const char *after, size_t limit,
				  struct string_list *ret_names, struct error *err)
{
	LOCKED(memory, metadata);
	cut(&memory->repositories, after, limit, ret_names);
	return 0;
}

static int memory_referrer_list(struct metadata *metadata, const char *repository, const struct digest *subject,
				const char *artifact_type, size_t limit, struct string_list *ret_descriptors,
				struct error *err)
{
	LOCKED(memory, metadata);
	*ret_descriptors = (struct string_list){0};
	for (size_t i = 0; i < memory->count && ret_descriptors->count < limit; i++) {
		const struct row *row = &memory->rows[i];
		if (row->kind == ROW_MANIFEST && strcmp(row->repository, repository) == 0 &&
		    digest_equal(&row->manifest.subject, subject) &&
		    (!artifact_type ||
		     (row->manifest.artifact_type && strcmp(row->manifest.artifact_type, artifact_type) == 0)))
			string_list_add(ret_descriptors, row->manifest.referrer);
	}
	return 0;
}

static int memory_upload_add(struct metadata *metadata, const struct metadata_upload *upload, size_t limit,
			     struct error *err)
{
	LOCKED(memory, metadata);
	size_t count = 0;
	for (size_t i = 0; i < memory->upload_count; i++)
		count += strcmp(memory->uploads[i].owner, upload->owner) == 0;
	if (count >= limit)
		return error_set(err, ERROR_LIMIT, "there are %zu unfinished uploads already; finish or cancel some",
				 limit);
	memory->uploads = reallocate_array(memory->uploads, memory->upload_count + 1, sizeof *memory->uploads);
	struct metadata_upload *added = &memory->uploads[memory->upload_count++];
	*added = *upload;
	added->repository = duplicate_string(upload->repository);
	added->owner = duplicate_string(upload->owner);
	return 0;
}

static int memory_upload_find(struct metadata *metadata, const char *id, struct metadata_upload *ret_upload,
			      struct error *err)
{
	LOCKED(memory, metadata);
	for (size_t i = 0; i < memory->upload_count; i++) {
		const struct metadata_upload *upload = &memory->uploads[i];
		if (strcmp(upload->id, id) != 0)
			continue;
		*ret_upload = *upload;
		ret_upload->repository = duplicate_string(upload->repository);
		ret_upload->owner = duplicate_string(upload->owner);
		return 0;
	}
	return error_set(err, ERROR_NOT_FOUND, "no such upload: %s", id);
}

static void upload_drop(struct memory_metadata *memory, size_t index)
{
	metadata_upload_release(&memory->uploads[index]);
	memory->uploads[index] = memory->uploads[--memory->upload_count];
}

static int memory_upload_remove(struct metadata *metadata, const char *id, struct error *err)
{
	LOCKED(memory, metadata);
	for (size_t i = memory->upload_count; i-- > 0;)
		if (strcmp(memory->uploads[i].id, id) == 0)
			upload_drop(memory, i);
	return 0;
}

static int memory_uploads_expire(struct metadata *metadata, nanoseconds before, struct error *err)
{
	LOCKED(memory, metadata);
	for (size_t i = memory->upload_count; i-- > 0;)
		if (memory->uploads[i].started < before)
			upload_drop(memory, i);
	return 0;
}

static void memory_free(struct metadata *metadata)
{
	struct memory_metadata *memory = (struct memory_metadata *)metadata;
	for (size_t i = 0; i < memory->count; i++)
		row_release(&memory->rows[i]);
	while (memory->upload_count > 0)
		upload_drop(memory, 0);
	free(memory->rows);
	free(memory->uploads);
	string_list_release(&memory->repositories);
	pthread_mutex_destroy(&memory->lock);
	free(memory);
}

static const struct metadata_operations memory_operations = {
	.blob_link = memory_blob_link,
	.blob_find = memory_blob_find,
	.blob_unlink = memory_blob_unlink,
	.references_check = memory_references_check,
	.manifest_put = memory_manifest_put,
	.manifest_find = memory_manifest_find,
	.manifest_remove = memory_manifest_remove,
	.tag_find = memory_tag_find,
	.tag_remove = memory_tag_remove,
	.tag_list = memory_tag_list,
	.repository_list = memory_repository_list,
	.referrer_list = memory_referrer_list,
	.upload_add = memory_upload_add,
	.upload_find = memory_upload_find,
	.upload_remove = memory_upload_remove,
	.uploads_expire = memory_uploads_expire,
	.free = memory_free,
};

struct metadata *metadata_open_memory(void)
{
	struct memory_metadata *memory = allocate(sizeof *memory);
	memory->base.operations = &memory_operations;
	pthread_mutex_init(&memory->lock, NULL);
	return &memory->base;
}
