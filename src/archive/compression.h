/*
 * Compressed streams: gzip (RFC 1952, several members allowed) and zstd (RFC 8878), recognised by their first bytes and
 * not by a media type. Nothing is ever executed to decompress. Bounded: the caller limits what comes out.
 */
#pragma once

#include "base/error.h"
#include "base/stream.h"

enum compression { COMPRESSION_NONE, COMPRESSION_GZIP, COMPRESSION_ZSTD };

/* Reads `from` and inflates. The source is valid until decompressor_free. Plain bytes pass through. */
struct decompressor;
int decompressor_new(const struct source *from, struct decompressor **ret_decompressor, struct error *err);
struct source decompressor_source(struct decompressor *decompressor);
enum compression decompressor_kind(const struct decompressor *decompressor);
void decompressor_free(struct decompressor *decompressor);

/* Deflates into `to`, deterministically: no time, no name, a fixed level. Finish before free, or the end is missing. */
struct compressor;
int compressor_new(enum compression kind, const struct sink *to, struct compressor **ret_compressor, struct error *err);
struct sink compressor_sink(struct compressor *compressor);
int compressor_finish(struct compressor *compressor, struct error *err);
void compressor_free(struct compressor *compressor);
