/* Blobs in memory, for tests of what is built on a blob store. Nothing is durable, all else behaves as with files. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/random.h"
#include "store/blob.h"

#define MEMORY_UPLOAD_LIMIT ((size_t)1 << 30)

struct memory_blob {
	struct memory_blob *next;
	struct digest digest;
	struct blob_info info;
	char *bytes;
};

struct memory_upload {
	struct blob_upload base;
	struct memory_upload *next;
	struct buffer bytes;
	nanoseconds modified;
	bool is_open;
};

struct memory_store {
	struct blob_store base;
	pthread_mutex_t mutex;
	struct memory_blob *blobs;
	struct memory_upload *uploads;
};

static struct memory_store *lock_store(struct blob_store *store)
{
	struct memory_store *memory = (struct memory_store *)store;
	pthread_mutex_lock(&memory->mutex);
	return memory;
}

static void unlock_store(struct memory_store **memory)
{
	pthread_mutex_unlock(&(*memory)->mutex);
}
#define LOCKED CLEANUP(unlock_store)

/* Where the pointer to the blob is; *result is NULL where there is none. */
static struct memory_blob **find_blob(struct memory_store *memory, const struct digest *digest)
{
	struct memory_blob **at = &memory->blobs;
	while (*at && !digest_equal(&(*at)->digest, digest))
		at = &(*at)->next;
	return at;
}

static struct memory_blob **need_blob(struct memory_store *memory, const struct digest *digest, struct error *err)
{
	struct memory_blob **at = find_blob(memory, digest);
	if (*at)
		return at;
	error_set(err, ERROR_NOT_FOUND, "no such blob: %s", digest->text);
	return NULL;
}

static void drop_blob(struct memory_blob **at)
{
	struct memory_blob *blob = *at;
	*at = blob->next;
	free(blob->bytes);
	free(blob);
}

static int memory_stat(struct blob_store *store, const struct digest *digest, struct blob_info *ret_info,
		       struct error *err)
{
	LOCKED struct memory_store *memory = lock_store(store);
	struct memory_blob **at = need_blob(memory, digest, err);
	if (!at)
		return -1;
	*ret_info = (*at)->info;
	return 0;
}

static int memory_open(struct blob_store *store, const struct digest *digest, int *ret_fd, struct error *err)
{
	LOCKED struct memory_store *memory = lock_store(store);
	struct memory_blob **at = need_blob(memory, digest, err);
	if (!at)
		return -1;
	cleanup_close int fd = memfd_create("blob", MFD_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno, "make a memory file");
	if (write_full(fd, (*at)->bytes, (*at)->info.size, err) < 0)
		return -1;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set_errno(err, errno, "seek");
	*ret_fd = steal_fd(&fd);
	return 0;
}

static int memory_refresh(struct blob_store *store, const struct digest *digest, struct error *err)
{
	LOCKED struct memory_store *memory = lock_store(store);
	struct memory_blob **at = need_blob(memory, digest, err);
	if (!at)
		return -1;
	(*at)->info.modified = time_now();
	return 0;
}

static int memory_remove(struct blob_store *store, const struct digest *digest, struct error *err)
{
	LOCKED struct memory_store *memory = lock_store(store);
	struct memory_blob **at = need_blob(memory, digest, err);
	if (!at)
		return -1;
	drop_blob(at);
	return 0;
}

/* Works on a copy of the names, so that a visit may remove what it is shown. */
static int memory_list(struct blob_store *store,
		       int (*visit)(void *context, const struct digest *digest, const struct blob_info *info,
				    struct error *err),
		       void *context, struct error *err)
{
	struct memory_store *memory = lock_store(store);
	size_t count = 0;
	for (struct memory_blob *blob = memory->blobs; blob; blob = blob->next)
		count++;
	cleanup_free struct digest *digests = allocate_array(count + 1, sizeof *digests);
	cleanup_free struct blob_info *infos = allocate_array(count + 1, sizeof *infos);
	size_t i = 0;
	for (struct memory_blob *blob = memory->blobs; blob; blob = blob->next, i++) {
		digests[i] = blob->digest;
		infos[i] = blob->info;
	}
	unlock_store(&memory);
	for (i = 0; i < count; i++)
		if (visit(context, &digests[i], &infos[i], err) < 0)
			return -1;
	return 0;
}

static struct memory_upload *resume(struct memory_store *memory, const char *id, struct error *err)
{
	struct memory_upload *upload = memory->uploads;
	while (upload && strcmp(upload->base.id, id) != 0)
		upload = upload->next;
	if (!upload) {
		error_set(err, ERROR_NOT_FOUND, "no such upload: %s", blob_upload_id_is_valid(id) ? id : "not an id");
		return NULL;
	}
	if (upload->is_open) {
		error_set(err, ERROR_CONFLICT, "upload %s is in use by another writer", id);
		return NULL;
	}
	return upload;
}

static int memory_upload_open(struct blob_store *store, const char *id, struct blob_upload **ret_upload,
			      struct error *err)
{
	LOCKED struct memory_store *memory = lock_store(store);
	struct memory_upload *upload;
	if (id) {
		upload = resume(memory, id, err);
		if (!upload)
			return -1;
	} else {
		upload = allocate(sizeof *upload);
		upload->base.store = store;
		upload->bytes = BUFFER_INIT(MEMORY_UPLOAD_LIMIT);
		random_hex(upload->base.id, BLOB_UPLOAD_ID_SIZE - 1);
		upload->next = memory->uploads;
		memory->uploads = upload;
	}
	upload->is_open = true;
	upload->modified = time_now();
	*ret_upload = &upload->base;
	return 0;
}

static int memory_upload_append(struct blob_upload *base, const void *bytes, size_t size, struct error *err)
{
	struct memory_upload *upload = (struct memory_upload *)base;
	if (buffer_append(&upload->bytes, bytes, size, err) < 0)
		return error_wrap(err, "upload %s", base->id);
	base->offset += size;
	upload->modified = time_now();
	return 0;
}

static void drop_upload(struct memory_store *memory, struct memory_upload *upload)
{
	struct memory_upload **at = &memory->uploads;
	while (*at != upload)
		at = &(*at)->next;
	*at = upload->next;
	buffer_release(&upload->bytes);
	free(upload);
}

static int memory_upload_commit(struct blob_upload *base, const struct digest *digest, struct error *err)
{
	struct memory_upload *upload = (struct memory_upload *)base;
	struct digest checked;
	if (digest_parse(digest->text, &checked, err) < 0)
		return -1;
	if (digest_verify_bytes(&checked, buffer_text(&upload->bytes), upload->bytes.size, err) < 0)
		return error_wrap(err, "digest mismatch");
	LOCKED struct memory_store *memory = lock_store(base->store);
	struct memory_blob **there = find_blob(memory, &checked);
	if (*there)
		drop_blob(there);
	struct memory_blob *blob = allocate(sizeof *blob);
	blob->digest = checked;
	blob->info = (struct blob_info){.size = upload->bytes.size, .modified = time_now()};
	blob->bytes = buffer_steal(&upload->bytes);
	blob->next = memory->blobs;
	memory->blobs = blob;
	drop_upload(memory, upload);
	return 0;
}

static void memory_upload_abort(struct blob_upload *base)
{
	LOCKED struct memory_store *memory = lock_store(base->store);
	drop_upload(memory, (struct memory_upload *)base);
}

static void memory_upload_suspend(struct blob_upload *base)
{
	LOCKED struct memory_store *memory = lock_store(base->store);
	(void)memory; /* held for its lock */
	((struct memory_upload *)base)->is_open = false;
}

static int memory_uploads_expire(struct blob_store *store, nanoseconds before, uint64_t *ret_count, struct error *err)
{
	(void)err;
	LOCKED struct memory_store *memory = lock_store(store);
	uint64_t count = 0;
	for (struct memory_upload *upload = memory->uploads, *next; upload; upload = next) {
		next = upload->next;
		if (upload->is_open || upload->modified >= before)
			continue;
		drop_upload(memory, upload);
		count++;
	}
	*ret_count = count;
	return 0;
}

static void memory_free(struct blob_store *store)
{
	struct memory_store *memory = (struct memory_store *)store;
	while (memory->blobs)
		drop_blob(&memory->blobs);
	while (memory->uploads)
		drop_upload(memory, memory->uploads);
	pthread_mutex_destroy(&memory->mutex);
	free(memory);
}

static const struct blob_store_operations memory_operations = {
	.stat = memory_stat,
	.open = memory_open,
	.remove = memory_remove,
	.list = memory_list,
	.upload_open = memory_upload_open,
	.upload_append = memory_upload_append,
	.upload_commit = memory_upload_commit,
	.upload_keep = memory_upload_commit,
	.upload_abort = memory_upload_abort,
	.upload_suspend = memory_upload_suspend,
	.free = memory_free,
	.refresh = memory_refresh,
	.uploads_expire = memory_uploads_expire,
};

struct blob_store *blob_store_open_memory(void)
{
	struct memory_store *memory = allocate(sizeof *memory);
	memory->base.operations = &memory_operations;
	pthread_mutex_init(&memory->mutex, NULL);
	return &memory->base;
}
