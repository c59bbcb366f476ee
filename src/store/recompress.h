/*
 * A layer in another form than it is kept in: one that was loaded plain, one whose compressed form is not here any more
 * (pulled layers are kept unpacked), or one that is asked for as zstd. Its plain archive is made again from the blob or
 * from folder and record (store/layer_record.h), verified against the diff id, compressed on all processors, and
 * stored as a blob.
 *
 * That happens once: what came out is remembered in ROOT/cache/compressed, by diff id, kind and level, and the same
 * bytes come out each time (archive/compression.h). So a later push knows the digest without compressing, and where
 * the blob has been collected meanwhile, compresses again only if the registry lacks it.
 */
#pragma once

#include "archive/compression.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "store/blob.h"

struct recompress {
	int root_fd;
	struct blob_store *blobs;
	struct digest diff_id;
	const struct descriptor *kept; /* the blob to make it from, where that is here */
	enum compression kind;
	int level;			 /* 0: the kind's own */
	int (*check)(struct error *err); /* NULL, or asked again and again: its failure ends the work */
};

/* "gzip" or "zstd" and a level that it has; ERROR_USAGE. */
int recompress_parse(const char *name, int64_t level, enum compression *ret_kind, struct error *err);
/* What a media type says; false for one that is not of a layer that is unpacked here. */
bool recompress_kind_of(const char *media_type, enum compression *ret_kind);
/* What the layer becomes, where that is known already. */
bool recompress_recall(const struct recompress *recompress, struct descriptor *ret_blob);
/* Makes it, and puts it into the blob store. ERROR_NOT_FOUND where there is nothing to make it from. */
int recompress_layer(const struct recompress *recompress, struct descriptor *ret_blob, struct error *err);
