/* The files of an archive that is loaded, read once: documents as bytes, layers staged. For load.c. */
#pragma once

#include "base/buffer.h"
#include "engine/registry_request.h"
#include "store/image.h"
#include "store/layer_folder.h"

#define LOAD_FILES_LIMIT     ((size_t)100000)
#define LOAD_DOCUMENT_LIMIT  ((size_t)4 * 1024 * 1024)
#define LOAD_DOCUMENTS_LIMIT ((size_t)64 * 1024 * 1024) /* together */

enum load_kind {
	LOAD_DOCUMENT, /* small, and begins as JSON does */
	LOAD_LAYER,    /* was unpacked */
	LOAD_LINK,     /* to another file of the archive */
	LOAD_OTHER,    /* neither; `failure` says why it is no layer */
};

struct load_file {
	enum load_kind kind;
	char *path;
	char *target;	      /* of a link, from the archive's root */
	struct digest digest; /* of its bytes, by the algorithm that its path names, else sha256 */
	uint64_t size;
	struct buffer bytes; /* of a document */
	/* of a layer */
	struct digest diff_ids[DIGEST_ALGORITHM_COUNT];
	uint64_t layer_size;
	const char *media_type;
	struct layer_staging staging;
	struct blob_upload *upload; /* NULL: plain, so not kept as a blob */
	struct error failure;
};

struct load_archive {
	struct store *store;
	struct load_file *files;
	size_t count;
	size_t document_bytes;
};

int load_archive_read(struct load_archive *archive, const struct source *tar, const struct transfer_progress *progress,
		      struct error *err);
/* Links are followed inside the archive. NULL where there is none. */
struct load_file *load_archive_find(struct load_archive *archive, const char *path);
struct load_file *load_archive_find_digest(struct load_archive *archive, const struct digest *digest);
/* Drops all that was not put in place. */
void load_archive_release(struct load_archive *archive);
#define cleanup_load_archive CLEANUP(load_archive_release)
