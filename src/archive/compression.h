/*
 * Compressed streams: gzip (RFC 1952, several members allowed) and zstd (RFC 8878), recognised by their first bytes and
 * not by a media type. Nothing is ever executed to decompress. Bounded: the caller limits what comes out.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/stream.h"

/* The last two are read by decompressor_new_any() and never written. */
enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_XZ, COMPRESSION_BZIP2 };

/* Reads `from` and inflates. The source is valid until decompressor_free. Plain bytes pass through. */
struct decompressor;
int decompressor_new(const struct source *from, struct decompressor **ret_decompressor, struct error *err);
/*
 * Also xz and bzip2, in which people's own archives come (ADD, contexts, load), while layers never do. A reader of
 * xz takes at most 96 MB of memory, which is what `xz -9` needs and half as much again.
 */
int decompressor_new_any(const struct source *from, struct decompressor **ret_decompressor, struct error *err);
struct source decompressor_source(struct decompressor *decompressor);
enum compression decompressor_kind(const struct decompressor *decompressor);
void decompressor_free(struct decompressor *decompressor);

/*
 * Deflates into `to`, deterministically: no time, no name, a fixed level. Finish before free, or the end is missing.
 *
 * What comes is cut at every COMPRESSION_CHUNK bytes, and each chunk becomes a gzip member or a zstd frame of its own
 * (both formats define a file as one or more of them). So all processors work on one layer, and yet the same bytes give
 * the same blob everywhere: with one processor or sixty, whatever instructions they have. That is why gzip is made by
 * libdeflate and not by ISA-L, whose output follows the processor's vector width. A layer that is rebuilt elsewhere has
 * the digest that a registry knows. Changing the chunk, a level or a library's version changes digests of layers that
 * are compressed afterwards, and of none that exists.
 *
 * `to` is called by the caller's thread alone. Up to eight threads of our own end with compressor_finish() or _free().
 */
#define COMPRESSION_CHUNK ((size_t)1024 * 1024)

struct compressor;
int compressor_new(enum compression kind, const struct sink *to, struct compressor **ret_compressor, struct error *err);
struct compressor_options {
	enum compression kind;
	int level;	     /* gzip 1 to 12, zstd 1 to 22; 0 is what compressor_new() takes */
	bool has_no_threads; /* the caller has threads enough */
};
int compressor_new_with(const struct compressor_options *options, const struct sink *to,
			struct compressor **ret_compressor, struct error *err);
struct sink compressor_sink(struct compressor *compressor);
int compressor_finish(struct compressor *compressor, struct error *err);
void compressor_free(struct compressor *compressor);
