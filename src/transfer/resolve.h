/*
 * From a tag or digest to the manifest of one platform: every document is bounded, verified against the digest that
 * named it (or that the registry gives it), and read as the kind that it was served as.
 */
#pragma once

#include "base/buffer.h"
#include "base/error.h"
#include "oci/manifest.h"
#include "transfer/http.h"
#include "transfer/registry.h"
#include "transfer/request.h"

struct resolved {
	struct digest repository_digest; /* of what the tag names: an index, or the manifest itself */
	struct buffer index;		 /* of that name; empty where it is the manifest itself */
	struct digest digest;		 /* of the manifest */
	struct buffer bytes;		 /* of the manifest */
	struct manifest manifest;
};

/*
 * One document, a manifest or an index, by a tag or digest: bounded, and verified against `expected`, or where that is
 * unset against what the registry says. ret_type is the Content-Type alone, or NULL; both outputs are the caller's.
 */
int resolve_fetch(struct registry *registry, struct http *http, const struct request *request, const char *reference,
		  const struct digest *expected, struct digest *ret_digest, struct buffer *ret_bytes, char **ret_type,
		  struct error *err);
int resolve(struct registry *registry, struct http *http, const struct request *request, struct resolved *ret_resolved,
	    struct error *err);
/* HEAD; where the registry gives no digest, GET. ret_size in bytes. */
int resolve_digest(struct registry *registry, struct http *http, const struct request *request,
		   struct digest *ret_digest, uint64_t *ret_size, struct error *err);
void resolved_release(struct resolved *resolved);
#define cleanup_resolved CLEANUP(resolved_release)
