#include "transfer/unpack.h"

#include "archive/compression.h"
#include "base/memory.h"
#include "transfer/stage.h"

static void free_decompressor(struct decompressor **decompressor)
{
	decompressor_free(*decompressor);
}

/* Its end is waited for on every way out, since the thread of a stage reads what is behind it. */
struct pipeline {
	struct stage *received;
	struct stage *inflated;
};

static void pipeline_stop(struct pipeline *pipeline)
{
	if (pipeline->received)
		stage_interrupt(pipeline->received);
	if (pipeline->inflated)
		stage_interrupt(pipeline->inflated);
	stage_free(pipeline->inflated);
	stage_free(pipeline->received);
	*pipeline = (struct pipeline){0};
}

int unpack_layer(int root_fd, const struct source *blob, uint64_t blob_size, const struct digest *expected,
		 struct layer_staging *ret_staging, struct digest *ret_diff_id, struct layer_totals *ret_totals,
		 struct error *err)
{
	bool threaded = blob_size >= UNPACK_THREADS_FROM;
	cleanup_layer_staging struct layer_staging staging = LAYER_STAGING_INIT;
	cleanup_hasher struct hasher *hasher = hasher_new(digest_algorithm_of(expected));
	CLEANUP(free_decompressor) struct decompressor *decompressor = NULL;
	CLEANUP(pipeline_stop) struct pipeline pipeline = {0};
	struct layer_totals totals = {0};
	if (layer_staging_begin(root_fd, &staging, err) < 0)
		return -1;
	pipeline.received = stage_new(blob, NULL, threaded);
	struct source compressed = stage_source(pipeline.received);
	if (decompressor_new(&compressed, &decompressor, err) < 0)
		return -1;
	struct source plain = decompressor_source(decompressor);
	pipeline.inflated = stage_new(&plain, hasher, threaded);
	struct source tar = stage_source(pipeline.inflated);
	if (layer_staging_fill(&staging, &tar, NULL, &totals, err) < 0)
		return -1;
	pipeline_stop(&pipeline);
	hasher_finish(hasher, ret_diff_id);
	*ret_totals = totals;
	*ret_staging = staging;
	staging = LAYER_STAGING_INIT;
	return 0;
}
