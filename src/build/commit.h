/*
 * An upper folder becomes a layer: what only overlayfs understands is taken out, the folder is read once as a tar
 * archive, hashed, compressed and hashed again on the way into the blob store, and the folder itself is renamed into
 * place. Nothing is copied, and a push later sends the very bytes that were compressed here.
 */
#pragma once

#include <stdint.h>

#include "store/image.h"
#include "store/layer_folder.h"
#include "store/store.h"

/* `time_limit` as in struct layer_diff_options. `staging` is released on success. */
int layer_commit(struct store *store, struct layer_staging *staging, int64_t time_limit, struct image_layer *ret_layer,
		 struct error *err);
