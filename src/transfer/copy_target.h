/*
 * Where an image is copied to. Blobs come first, in any order, then manifests, those of an index before it; finish()
 * makes the image known, at once or not at all:
 *
 *     a registry    by the manifest under its tag
 *     a layout      by index.json, which is replaced; blobs are put in place whole, so a copy that was killed goes on
 *                   where it stopped. A copy that failed takes away what it added
 *     an archive    by linking the file, which has no name before
 */
#pragma once

#include <pthread.h>

#include "archive/tar_writer.h"
#include "base/atomic_file.h"
#include "transfer/copy_source.h"
#include "transfer/progress.h"

/* What a blob on its way is told with. */
struct copy_tell {
	struct progress *progress;
	uint64_t size;
};

struct copy_target {
	const struct copy_address *address; /* borrowed */
	const char *familiar;		    /* the source's name, for an archive that is given none; borrowed or NULL */
	/* A registry's; borrowed. */
	struct registry *registry;
	/* A layout's. */
	int folder_fd;
	int blobs_fd;
	bool is_new; /* the folder was made here */
	struct string_list added;
	pthread_mutex_t lock;
	/* An archive's. */
	struct atomic_output archive;
	struct tar_writer *writer;
	struct string_list written;
	/* What is made known. */
	struct descriptor root;
	bool is_finished;
};

/* registry NULL: for all but a registry. */
int copy_target_open(const struct copy_address *address, struct registry *registry, struct copy_target *ret_target,
		     struct error *err);
void copy_target_release(struct copy_target *target);
#define cleanup_copy_target CLEANUP(copy_target_release)

/* Whether several threads may put blobs. */
bool copy_target_is_parallel(const struct copy_target *target);
int copy_target_blob(struct copy_target *target, struct copy_source *source, const struct descriptor *blob,
		     struct progress *progress, struct http *http, struct error *err);
int copy_target_document(struct copy_target *target, const struct copy_document *document, struct http *http,
			 struct error *err);
/* `root` was put before, unless the target is a registry. */
int copy_target_finish(struct copy_target *target, const struct copy_document *root, struct http *http,
		       struct error *err);
