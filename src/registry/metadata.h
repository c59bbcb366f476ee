/*
 * What the registry knows about its content, behind a small table of operations (after git's odb/source.h): which
 * repository holds which blobs and manifests, what its tags name, which uploads go on. The bytes are in a blob_store
 * and are durable there before a row names them. metadata_sqlite.c is for one machine, metadata_memory.c for tests.
 *
 * A repository comes to be with the first blob or manifest in it. Names, tags and digests were validated by the caller.
 * All operations may be called by several threads. Each that changes something is one transaction; durable once it
 * returns, but for those of uploads, which a power loss may forget (the client then begins again).
 * "No such thing" is ERROR_NOT_FOUND throughout.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/string_list.h"
#include "base/time.h"
#include "oci/digest.h"
#include "store/blob.h"

struct metadata;
struct database_pool;

struct metadata_manifest {
	struct digest digest;
	char *media_type;
	uint64_t size;	       /* bytes */
	struct digest subject; /* unset where it has none */
	char *artifact_type;   /* NULL where it has no subject */
	char *referrer;	       /* its descriptor as JSON for the referrers list; NULL where it has no subject */
};
void metadata_manifest_release(struct metadata_manifest *manifest);
#define cleanup_metadata_manifest CLEANUP(metadata_manifest_release)

/* What a manifest refers to, and needs in its own repository. */
struct metadata_reference {
	struct digest digest;
	uint64_t size;
	bool is_manifest;
};

struct metadata_upload {
	char id[BLOB_UPLOAD_ID_SIZE];
	char *repository;
	char *owner;
	nanoseconds started;
};
void metadata_upload_release(struct metadata_upload *upload);
#define cleanup_metadata_upload CLEANUP(metadata_upload_release)

struct metadata_operations {
	/* Linked already is success. */
	int (*blob_link)(struct metadata *metadata, const char *repository, const struct digest *digest, uint64_t size,
			 struct error *err);
	int (*blob_find)(struct metadata *metadata, const char *repository, const struct digest *digest,
			 uint64_t *ret_size, struct error *err);
	int (*blob_unlink)(struct metadata *metadata, const char *repository, const struct digest *digest,
			   struct error *err);
	/* ERROR_NOT_FOUND names the first reference that is not in the repository, ERROR_INVALID one of another size.
	 */
	int (*references_check)(struct metadata *metadata, const char *repository,
				const struct metadata_reference *references, size_t count, struct error *err);
	/* Checks the references once more, adds the manifest, and with `tag` (may be NULL) lets the tag name it. */
	int (*manifest_put)(struct metadata *metadata, const char *repository, const struct metadata_manifest *manifest,
			    const struct metadata_reference *references, size_t count, const char *tag,
			    struct error *err);
	int (*manifest_find)(struct metadata *metadata, const char *repository, const struct digest *digest,
			     struct metadata_manifest *ret_manifest, struct error *err);
	/* With all tags that name it. */
	int (*manifest_remove)(struct metadata *metadata, const char *repository, const struct digest *digest,
			       struct error *err);
	/* The manifest that the tag names. */
	int (*tag_find)(struct metadata *metadata, const char *repository, const char *tag,
			struct metadata_manifest *ret_manifest, struct error *err);
	int (*tag_remove)(struct metadata *metadata, const char *repository, const char *tag, struct error *err);
	/* At most `limit` names behind `after` ("" is the start), in the order of their bytes. */
	int (*tag_list)(struct metadata *metadata, const char *repository, const char *after, size_t limit,
			struct string_list *ret_names, struct error *err);
	int (*repository_list)(struct metadata *metadata, const char *after, size_t limit,
			       struct string_list *ret_names, struct error *err);
	/* Descriptors of what has the digest for a subject; artifact_type NULL is any. No subject is no error. */
	int (*referrer_list)(struct metadata *metadata, const char *repository, const struct digest *subject,
			     const char *artifact_type, size_t limit, struct string_list *ret_descriptors,
			     struct error *err);
	/* ERROR_LIMIT where the owner has `limit` uploads or more. */
	int (*upload_add)(struct metadata *metadata, const struct metadata_upload *upload, size_t limit,
			  struct error *err);
	int (*upload_find)(struct metadata *metadata, const char *id, struct metadata_upload *ret_upload,
			   struct error *err);
	/* Absent is success. */
	int (*upload_remove)(struct metadata *metadata, const char *id, struct error *err);
	int (*uploads_expire)(struct metadata *metadata, nanoseconds before, struct error *err);
	void (*free)(struct metadata *metadata);
};

struct metadata {
	const struct metadata_operations *operations;
};

/* The pool stays the caller's and must outlive it. */
struct metadata *metadata_open_sqlite(struct database_pool *pool);
struct metadata *metadata_open_memory(void);
void metadata_free(struct metadata *metadata);
