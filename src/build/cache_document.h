/*
 * A build cache as a document: what --cache-to writes and --cache-from reads. It says which layer a step with a given
 * key (build/cache.h) made, as BuildKit's application/vnd.buildkit.cacheconfig.v0 does for keys of its own:
 *
 *     {"version":1,
 *      "layers":[{"digest":"sha256:…","size":N,"diffID":"sha256:…","unpacked":N,"created":"2026-…Z"}],
 *      "records":[{"digest":"sha256:…","layer":0},{"digest":"sha256:…"}]}
 *
 * digest and size of a layer are those of its compressed blob, "unpacked" the bytes of its files, "created" when it was
 * made, which is part of an image. A record without a layer is of a step that made none. One cache gives one document.
 *
 * As an artifact it is the configuration of an OCI image manifest (CACHE_CONFIG_TYPE) that names the blobs as layers;
 * in an image (inline) the annotation CACHE_ANNOTATION of its manifest.
 */
#pragma once

#include "base/error.h"
#include "base/time.h"
#include "oci/digest.h"
#include "oci/manifest.h"

#define CACHE_CONFIG_TYPE	  "application/vnd.coracle.buildcache.v1+json"
#define CACHE_ANNOTATION	  "dev.coracle.buildcache.v1"
#define CACHE_DOCUMENT_SIZE_LIMIT ((size_t)16 * 1024 * 1024)
#define CACHE_RECORD_LIMIT	  100000

struct cache_layer {
	struct digest diff_id;
	struct digest blob;
	uint64_t blob_size;
	uint64_t size; /* bytes of files */
	nanoseconds created;
};

struct cache_record {
	struct digest key;
	ptrdiff_t layer; /* -1: the step made none */
};

struct cache_document {
	struct cache_layer *layers;
	size_t layer_count;
	struct cache_record *records; /* sorted by key once it was parsed */
	size_t record_count;
};
void cache_document_release(struct cache_document *document);
#define cleanup_cache_document CLEANUP(cache_document_release)

/* Adds a record, and its layer unless it is there; layer NULL: none. */
void cache_document_add(struct cache_document *document, const struct digest *key, const struct cache_layer *layer);
/* Owned by the caller; records sorted by key. */
char *cache_document_serialize(struct cache_document *document);
int cache_document_parse(const void *bytes, size_t size, struct cache_document *ret_document, struct error *err);
/* NULL: there is none. */
const struct cache_record *cache_document_find(const struct cache_document *document, const struct digest *key);
