/*
 * The record of a layer's archive (archive/tar_split.h) as a file beside the layer's folder:
 *     layers/staging/<name>.record          while the layer is unpacked
 *     layers/records/<algorithm>/<hex>      once it is there, by diff id
 * "coracle layer 1\n", the archive's size as eight bytes (little-endian), and the record, compressed with zstd.
 *
 * layer_unpack() writes it on the way. A layer whose archive cannot be recorded has none; neither have those that were
 * made by a build here, whose compressed blob is kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/stream.h"
#include "oci/digest.h"
#include "store/layer_folder.h"

struct layer_record;

/* Begins the record of a staged layer. `tar` is the plain archive; layer_record_source() hands it on. */
int layer_record_begin(struct layer_staging *staging, const struct source *tar, struct layer_record **ret_record,
		       struct error *err);
struct source layer_record_source(struct layer_record *record);
/* After the whole archive was read: sets staging->has_record, unless the archive cannot be recorded or `is_usable` is
 * false, for a folder that is not what the archive says; then the file is dropped. */
int layer_record_finish(struct layer_record *record, bool is_usable, struct error *err);
/* Drops what is not finished. */
void layer_record_free(struct layer_record *record);

/* For layer_folder.c. */
int layer_record_commit(int layers_fd, const char *staging_name, const struct digest *diff_id, struct error *err);
void layer_record_abort(int layers_fd, const char *staging_name);
int layer_record_remove(int layers_fd, const struct digest *diff_id, struct error *err); /* absent is success */

/*
 * The plain archive of a layer, made again from record and folder: a source that ends with ERROR_CORRUPT where what it
 * gave has not the digest `diff_id`. layer_archive_open: ERROR_NOT_FOUND where there is no folder or no record.
 */
struct layer_archive;
int layer_archive_open(int root_fd, const struct digest *diff_id, struct layer_archive **ret_archive,
		       struct error *err);
uint64_t layer_archive_size(const struct layer_archive *archive); /* bytes of the archive */
struct source layer_archive_source(struct layer_archive *archive);
void layer_archive_free(struct layer_archive *archive);
static inline void layer_archive_free_pointer(struct layer_archive **archive)
{
	layer_archive_free(*archive);
}
#define cleanup_layer_archive CLEANUP(layer_archive_free_pointer)
