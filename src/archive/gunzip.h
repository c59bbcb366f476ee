/*
 * One gzip member (RFC 1952) after the other, inflated. Two libraries can do it: gunzip_zlib.c is for static programs,
 * gunzip_isal.c is three times as fast. Private to src/archive; compressed streams are read through compression.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct gunzip;

struct gunzip *gunzip_new(void);
void gunzip_free(struct gunzip *gunzip);
/* Makes ready for another member. */
void gunzip_reset(struct gunzip *gunzip);
/*
 * Goes on until the input is used, the output is full, or the member has ended and its checksum and length were found
 * right. Sizes are at most 1 GiB. ERROR_CORRUPT where the bytes are no gzip.
 */
struct gunzip_step {
	const unsigned char *input; /* moved on by what was used */
	size_t input_size;
	unsigned char *output; /* moved on by what was made */
	size_t output_size;
	bool member_ended;
};
int gunzip_run(struct gunzip *gunzip, struct gunzip_step *step, struct error *err);
