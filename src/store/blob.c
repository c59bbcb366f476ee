#include "store/blob.h"

#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

void blob_store_free(struct blob_store *store)
{
	if (store)
		store->operations->free(store);
}

int blob_read(struct blob_store *store, const struct digest *digest, size_t limit, struct buffer *ret_bytes,
	      struct error *err)
{
	cleanup_close int fd = -1;
	if (store->operations->open(store, digest, &fd, err) < 0)
		return -1;
	struct stat status;
	if (fstat(fd, &status) < 0)
		return error_set_errno(err, errno, "stat blob %s", digest->text);
	if ((uint64_t)status.st_size > limit)
		return error_set(err, ERROR_LIMIT,
				 "blob %s has %jd bytes, more than the %zu that such a document may have", digest->text,
				 (intmax_t)status.st_size, limit);
	cleanup_buffer struct buffer bytes = BUFFER_INIT(limit);
	if (read_fd(fd, limit, &bytes, err) < 0)
		return error_wrap(err, "blob %s", digest->text);
	if (digest_verify_bytes(digest, buffer_text(&bytes), bytes.size, err) < 0)
		return error_wrap(err, "blob %s", digest->text);
	*ret_bytes = bytes;
	bytes = BUFFER_INIT(0);
	return 0;
}

/* Whether it is there and has its digest; read again, since a document is small and a damaged one gets mended so. */
static bool blob_is_whole(struct blob_store *store, const struct digest *digest, size_t size)
{
	struct blob_info info;
	cleanup_buffer struct buffer there = BUFFER_INIT(size);
	return store->operations->stat(store, digest, &info, NULL) == 0 && info.size == size &&
	       blob_read(store, digest, size, &there, NULL) == 0;
}

static int write_new(struct blob_store *store, const void *bytes, size_t size, const struct digest *digest,
		     int (*end)(struct blob_upload *upload, const struct digest *digest, struct error *err),
		     struct error *err)
{
	struct blob_upload *upload = NULL;
	if (store->operations->upload_open(store, NULL, &upload, err) < 0)
		return -1;
	if (store->operations->upload_append(upload, bytes, size, err) < 0 || end(upload, digest, err) < 0) {
		store->operations->upload_abort(upload);
		return -1;
	}
	return 0;
}

int blob_write_as(struct blob_store *store, const void *bytes, size_t size, const struct digest *digest,
		  struct error *err)
{
	if (blob_is_whole(store, digest, size) && store->operations->refresh(store, digest, NULL) == 0)
		return 0;
	return write_new(store, bytes, size, digest, store->operations->upload_commit, err);
}

int blob_keep(struct blob_store *store, const void *bytes, size_t size, struct digest *ret_digest, struct error *err)
{
	struct digest digest;
	digest_of_bytes(bytes, size, &digest);
	if (!blob_is_whole(store, &digest, size) &&
	    write_new(store, bytes, size, &digest, store->operations->upload_keep, err) < 0)
		return -1;
	*ret_digest = digest;
	return 0;
}

int blob_write(struct blob_store *store, const void *bytes, size_t size, struct digest *ret_digest, struct error *err)
{
	struct digest digest;
	digest_of_bytes(bytes, size, &digest);
	if (blob_write_as(store, bytes, size, &digest, err) < 0)
		return -1;
	*ret_digest = digest;
	return 0;
}

bool blob_upload_id_is_valid(const char *id)
{
	size_t length = 0;
	for (; id[length]; length++) {
		bool digit = (id[length] >= '0' && id[length] <= '9') || (id[length] >= 'a' && id[length] <= 'f');
		if (!digit || length >= BLOB_UPLOAD_ID_SIZE - 1)
			return false;
	}
	return length == BLOB_UPLOAD_ID_SIZE - 1;
}
