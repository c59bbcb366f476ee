/*
 * A layer's blob becomes a folder under layers/staging while it comes: receiving, inflating, hashing and writing side
 * by side (stage.h). Memory is bounded by the stages' rings. What is staged is to be committed by the caller, once the
 * blob's own digest was found right.
 */
#pragma once

#include "archive/layer.h"
#include "base/stream.h"
#include "oci/digest.h"
#include "store/layer_folder.h"

#define UNPACK_THREADS_FROM ((uint64_t)1024 * 1024) /* bytes of a blob; below, threads cost more than they save */

/* `blob_size` decides about threads. ret_diff_id is of the algorithm of `expected`. */
int unpack_layer(int root_fd, const struct source *blob, uint64_t blob_size, const struct digest *expected,
		 struct layer_staging *ret_staging, struct digest *ret_diff_id, struct layer_totals *ret_totals,
		 struct error *err);
