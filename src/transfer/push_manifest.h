/* The manifest of a push whose layers are sent in another form than they have here. */
#pragma once

#include "base/buffer.h"
#include "oci/manifest.h"

/*
 * `document` with `layers` (as many as it has) in place of its own, and as OCI's, since Docker's types know no zstd;
 * annotations stay. Deterministic.
 */
int push_manifest_rewrite(const struct buffer *document, const struct descriptor *const *layers, size_t count,
			  struct buffer *ret_bytes, struct error *err);
