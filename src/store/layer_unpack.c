/* A layer's blob becomes a folder in one pass; digest and record of the plain tar are taken on the way. */
#include "archive/compression.h"
#include "base/memory.h"
#include "store/layer_folder.h"
#include "store/layer_record.h"

/* A source that hashes what passes through it. */
struct hashing_source {
	struct source from;
	struct hasher *hasher;
	struct hasher *other; /* NULL: none */
};

static ssize_t hashing_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct hashing_source *hashing = context;
	ssize_t got = source_read(&hashing->from, bytes, size, err);
	if (got > 0)
		hasher_update(hashing->hasher, bytes, (size_t)got);
	if (got > 0 && hashing->other)
		hasher_update(hashing->other, bytes, (size_t)got);
	return got;
}

static void free_decompressor(struct decompressor **decompressor)
{
	if (*decompressor)
		decompressor_free(*decompressor);
}

static void free_record(struct layer_record **record)
{
	layer_record_free(*record);
}

int layer_staging_fill(struct layer_staging *staging, const struct source *tar, const struct layer_limits *limits,
		       struct layer_totals *ret_totals, struct error *err)
{
	CLEANUP(free_record) struct layer_record *record = NULL;
	struct layer_totals totals = {0};
	if (layer_record_begin(staging, tar, &record, err) < 0)
		return -1;
	struct source recorded = layer_record_source(record);
	if (layer_apply(&recorded, staging->folder_fd, limits, &totals, err) < 0 ||
	    layer_record_finish(record, totals.replaced == 0, err) < 0)
		return -1;
	*ret_totals = totals;
	return 0;
}

/* ret_other: by sha512; NULL: not wanted. */
static int unpack(int root_fd, const struct source *blob, const struct layer_limits *limits,
		  struct layer_staging *ret_staging, struct digest *ret_diff_id, struct digest *ret_other,
		  struct layer_totals *ret_totals, struct error *err)
{
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	if (layer_staging_begin(root_fd, &staging, err) < 0)
		return -1;
	CLEANUP(free_decompressor) struct decompressor *decompressor = NULL;
	if (decompressor_new(blob, &decompressor, err) < 0)
		return -1;
	cleanup_hasher struct hasher *hasher = hasher_new(DIGEST_SHA256);
	cleanup_hasher struct hasher *other = ret_other ? hasher_new(DIGEST_SHA512) : NULL;
	struct hashing_source hashing = {.from = decompressor_source(decompressor), .hasher = hasher, .other = other};
	struct source tar = {hashing_read, &hashing};
	struct layer_totals totals = {0};
	if (layer_staging_fill(&staging, &tar, limits, &totals, err) < 0)
		return -1;
	hasher_finish(hasher, ret_diff_id);
	if (ret_other)
		hasher_finish(other, ret_other);
	*ret_totals = totals;
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 0;
}

int layer_unpack(int root_fd, const struct source *blob, const struct layer_limits *limits,
		 struct layer_staging *ret_staging, struct digest *ret_diff_id, struct layer_totals *ret_totals,
		 struct error *err)
{
	return unpack(root_fd, blob, limits, ret_staging, ret_diff_id, NULL, ret_totals, err);
}

int layer_unpack_as_any(int root_fd, const struct source *blob, const struct layer_limits *limits,
			struct layer_staging *ret_staging, struct digest ret_diff_ids[DIGEST_ALGORITHM_COUNT],
			struct layer_totals *ret_totals, struct error *err)
{
	return unpack(root_fd, blob, limits, ret_staging, &ret_diff_ids[DIGEST_SHA256], &ret_diff_ids[DIGEST_SHA512],
		      ret_totals, err);
}
