/*
 * The bytes of manifests that were asked for lately, by digest, up to a number of bytes. They never change; whether a
 * repository has a manifest is asked of the metadata each time, so a deleted one is gone at once.
 */
#pragma once

#include <stddef.h>

#include "oci/digest.h"

struct manifest_cache;
struct cached_manifest {
	const char *bytes;
	size_t size;
};

struct manifest_cache *manifest_cache_new(size_t byte_limit);
void manifest_cache_free(struct manifest_cache *cache);
/* NULL where it is not there. Given back with cached_manifest_free(), which any thread may call. */
struct cached_manifest *manifest_cache_get(struct manifest_cache *cache, const struct digest *digest);
/* Takes `bytes`, which may be too many to be kept, but can be used until given back. Never NULL. */
struct cached_manifest *manifest_cache_put(struct manifest_cache *cache, const struct digest *digest, char *bytes,
					   size_t size);
void cached_manifest_free(struct cached_manifest *manifest);
