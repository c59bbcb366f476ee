/*
 * `load`: images from a tar archive, in one pass and in whatever order its parts come. Known are docker-archives (with
 * a manifest.json, before and since Docker 25) and OCI image layouts; the archive, and each layer in it, may be plain
 * or compressed with gzip or zstd; the archive with xz or bzip2, too.
 *
 * A layer is unpacked as it comes; one that is compressed is kept as a blob besides. Nothing becomes part of the store
 * before the whole archive was read and each image's layers were found to have the diff ids of its configuration.
 */
#pragma once

#include "base/stream.h"
#include "engine/registry_request.h"
#include "oci/platform.h"

/* Docker's lines go to progress: "Loaded image: …", "Loaded image ID: …". platform NULL: this machine's, of several. */
int images_load(struct engine *engine, const struct source *archive, const struct platform *platform,
		const struct transfer_progress *progress, struct error *err);
