/* A manifest or an index goes to a registry (OCI distribution specification v1.1, "Pushing Manifests"). */
#pragma once

#include "base/buffer.h"
#include "oci/digest.h"
#include "transfer/http.h"
#include "transfer/registry.h"

struct manifest_put {
	struct registry *registry;
	const char *path;
	const char *reference; /* a tag, or the digest */
	const char *media_type;
	const struct digest *digest; /* of the bytes */
	const struct buffer *bytes;
};

/* ERROR_CORRUPT where the registry says that it stored something else. */
int manifest_put(const struct manifest_put *put, struct http *http, struct error *err);
/*
 * Whether the reference means this very document there. A registry takes a manifest only when it has all that it names,
 * so then there is nothing to do. Anything but a clear yes is a no.
 */
int manifest_is_there(const struct manifest_put *put, struct http *http, bool *ret_is_there, struct error *err);
