/*
 * Content-addressed blobs behind a small table of operations (after git's odb/source.h), shared by the engine's store
 * and the registry. One implementation keeps files, one keeps memory for tests.
 *
 * A blob is written through an upload: begun, appended to (from the offset that it has, so that it can be resumed by
 * its id after a kill), and committed under a digest that is verified over what was written. Committed means durable:
 * written, synced, renamed, folder synced. A blob is never changed after.
 *
 * File layout below the folder given to blob_store_open_files():
 *     sha256/<hex>           a blob, 0600
 *     sha512/<hex>           one that is named by its sha512 digest
 *     uploads/<id>           an upload that goes on; its length is its offset
 *     boot-<id>/             blobs that are not durable yet (boot_folder.h)
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/stream.h"
#include "base/time.h"
#include "oci/digest.h"

#define BLOB_UPLOAD_ID_SIZE 33 /* 32 hexadecimal digits and a NUL */

struct blob_store;
struct blob_upload;

struct blob_info {
	uint64_t size;	      /* bytes */
	nanoseconds modified; /* when it was committed */
};

struct blob_store_operations {
	int (*stat)(struct blob_store *store, const struct digest *digest, struct blob_info *ret_info,
		    struct error *err);
	/* A descriptor to read and seek, owned by the caller (a memfd where blobs are not files). */
	int (*open)(struct blob_store *store, const struct digest *digest, int *ret_fd, struct error *err);
	/* ERROR_NOT_FOUND where there is none, as with stat and open. */
	int (*remove)(struct blob_store *store, const struct digest *digest, struct error *err);
	/* Calls visit for each blob; a visit that fails ends it. */
	int (*list)(struct blob_store *store,
		    int (*visit)(void *context, const struct digest *digest, const struct blob_info *info,
				 struct error *err),
		    void *context, struct error *err);
	/* id NULL: a fresh upload; else one that was begun before (ERROR_NOT_FOUND where there is none, or where the id
	 * is not one; ERROR_CONFLICT while another writer has it open). Resuming reads what is there once, to hash it.
	 */
	int (*upload_open)(struct blob_store *store, const char *id, struct blob_upload **ret_upload,
			   struct error *err);
	int (*upload_append)(struct blob_upload *upload, const void *bytes, size_t size, struct error *err);
	/* Verifies (ERROR_CORRUPT), syncs, puts in place; a blob that is there already is success. Frees the upload on
	 * success; on failure it stays to be aborted. */
	int (*upload_commit)(struct blob_upload *upload, const struct digest *digest, struct error *err);
	/* The same for as long as the machine is up, without waiting for a disk (boot_folder.h): store_settle() makes
	 * it durable. One that is there already stays as it is. */
	int (*upload_keep)(struct blob_upload *upload, const struct digest *digest, struct error *err);
	/* Removes what was written, frees. */
	void (*upload_abort)(struct blob_upload *upload);
	/* Frees the handle and keeps what was written, to be opened again by its id. */
	void (*upload_suspend)(struct blob_upload *upload);
	void (*free)(struct blob_store *store);
	/* Makes a blob as new as one just committed, for a collector that goes by age, and sees to it that it is
	 * durable. */
	int (*refresh)(struct blob_store *store, const struct digest *digest, struct error *err);
	/* Removes uploads that nobody has open and nobody has written to since `before`. */
	int (*uploads_expire)(struct blob_store *store, nanoseconds before, uint64_t *ret_count, struct error *err);
};

struct blob_store {
	const struct blob_store_operations *operations;
};

struct blob_upload {
	struct blob_store *store;
	char id[BLOB_UPLOAD_ID_SIZE];
	uint64_t offset; /* bytes written so far */
};

/* `folder_fd` is duplicated. */
int blob_store_open_files(int folder_fd, struct blob_store **ret_store, struct error *err);
struct blob_store *blob_store_open_memory(void);
void blob_store_free(struct blob_store *store);
static inline void blob_store_free_pointer(struct blob_store **store)
{
	blob_store_free(*store);
}
#define cleanup_blob_store CLEANUP(blob_store_free_pointer)

/* Small documents: the whole blob, verified against its digest, at most `limit` bytes. */
int blob_read(struct blob_store *store, const struct digest *digest, size_t limit, struct buffer *ret_bytes,
	      struct error *err);
/* 32 lower-case hexadecimal digits. */
bool blob_upload_id_is_valid(const char *id);
/* Stores bytes under their sha256 digest. One that is there, and whole, is refreshed and not written again. */
int blob_write(struct blob_store *store, const void *bytes, size_t size, struct digest *ret_digest, struct error *err);
/* The same, with upload_keep(). */
int blob_keep(struct blob_store *store, const void *bytes, size_t size, struct digest *ret_digest, struct error *err);
/* The same under a digest that they must have, of whatever algorithm; ERROR_CORRUPT where they do not. */
int blob_write_as(struct blob_store *store, const void *bytes, size_t size, const struct digest *digest,
		  struct error *err);
