/*
 * Decoders of formats that only decompressor_new_any() knows. Private to src/archive. They stand in files of their own,
 * and only decompression_any.c names them, so that a program that never reads such archives has none of it linked in:
 * coracle-transfer, whose bytes are other people's.
 */
#pragma once

#include "archive/compression.h"
#include "archive/gunzip.h"

#define MAGIC_SIZE ((size_t)6)

struct decoder {
	unsigned char magic[MAGIC_SIZE];
	size_t magic_size;
	enum compression kind;
	void *(*begin)(void);
	/* As gunzip_run(). `has_ended`: nothing follows the input; member_ended: the end of all was found, and right.
	 */
	int (*run)(void *state, struct gunzip_step *step, bool has_ended, struct error *err);
	void (*end)(void *state);
};

extern const struct decoder decoder_xz, decoder_bzip2;

/* As decompressor_new(), which knows none. */
int decompressor_new_with(const struct source *from, const struct decoder *const *decoders, size_t count,
			  struct decompressor **ret_decompressor, struct error *err);
