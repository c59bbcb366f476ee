/*
 * A blob as a source of bytes: streamed from a registry, hashed on the way, resumed where a connection breaks.
 *
 * A break is tried again (retry.h) with a Range from where it stopped; a registry that ignores Range has the bytes
 * before that skipped. More bytes than the descriptor says, or a digest that differs, is ERROR_CORRUPT: what was read
 * is not to be trusted before download_finish() has succeeded. `urls` of a descriptor are never asked.
 *
 * With a partial (store/partial.h), what an earlier attempt left is read first, and what comes is added to it.
 */
#pragma once

#include <stdint.h>

#include "base/stream.h"
#include "oci/digest.h"
#include "oci/manifest.h"
#include "store/partial.h"
#include "transfer/http.h"
#include "transfer/registry.h"

struct download;

/* The parts stay the caller's and must outlive it. on_bytes (may be NULL) is called with what has
 * come so far. */
struct download *download_new(struct registry *registry, struct http *http, const char *path,
			      const struct descriptor *blob, void (*on_bytes)(void *context, uint64_t current),
			      void *context);
/* Before the first read: what `partial`, which stays the caller's, has is read first, and what comes is added to it. */
void download_keep(struct download *download, struct partial *partial);
struct source download_source(struct download *download);
/* Reads what is left, and verifies size and digest. */
int download_finish(struct download *download, struct error *err);
void download_free(struct download *download);
static inline void download_free_pointer(struct download **download)
{
	download_free(*download);
}
#define cleanup_download CLEANUP(download_free_pointer)

/* A small blob as a whole, verified. */
int download_document(struct registry *registry, struct http *http, const char *path, const struct descriptor *blob,
		      size_t limit, struct buffer *ret_bytes, struct error *err);
