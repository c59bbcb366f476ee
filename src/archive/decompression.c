/*
 * Decompression by pull: the consumer asks for bytes, the input buffer is filled from the source when it is empty. The
 * kind is decided by the first bytes, before anything is handed on. The end counts only where the format says that it
 * is the end: a source that stops in the middle of a member or frame is damaged.
 */
#include <string.h>
#include <zstd_errors.h>

#include "archive/compression.h"
#include "archive/decoder.h"
#include "archive/window.h"
#include "base/memory.h"

#define INPUT_SIZE	  ((size_t)256 * 1024)
#define ZSTD_WINDOW_LIMIT 27 /* 128 MiB: what the zstd program itself reads without being told to */

struct decompressor {
	struct source from;
	enum compression kind;
	struct gunzip *gunzip;
	ZSTD_DCtx *zstd;
	struct window window;	       /* of zstd */
	const struct decoder *decoder; /* of another format; NULL: none */
	void *decoder_state;
	bool in_frame;	/* inside a gzip member or zstd frame, or before the end of all of another format */
	bool has_ended; /* the source gave its last byte */
	bool is_padded; /* zeros behind the last gzip member were seen */
	size_t start;	/* unused input is from here to `end` */
	size_t end;
	unsigned char input[INPUT_SIZE];
};

/* Reads more behind what is there. */
static int fill(struct decompressor *decompressor, struct error *err)
{
	if (decompressor->start == decompressor->end)
		decompressor->start = decompressor->end = 0;
	ssize_t got = source_read(&decompressor->from, decompressor->input + decompressor->end,
				  INPUT_SIZE - decompressor->end, err);
	if (got < 0)
		return -1;
	decompressor->end += (size_t)got;
	decompressor->has_ended = got == 0;
	return 0;
}

static const struct {
	const char *name;
	unsigned char bytes[MAGIC_SIZE];
	size_t size;
	enum compression kind;
	bool is_supported;
} magics[] = {
	{"gzip", {0x1f, 0x8b}, 2, COMPRESSION_GZIP, true},
	{"zstd", {0x28, 0xb5, 0x2f, 0xfd}, 4, COMPRESSION_ZSTD, true},
	{"xz", {0xfd, '7', 'z', 'X', 'Z', 0}, 6, COMPRESSION_XZ, false},
	{"bzip2", {'B', 'Z', 'h'}, 3, COMPRESSION_BZIP2, false},
};

static bool begins_with(const struct decompressor *decompressor, const unsigned char *magic, size_t size)
{
	return decompressor->end >= size && memcmp(decompressor->input, magic, size) == 0;
}

static int recognize(struct decompressor *decompressor, const struct decoder *const *decoders, size_t count,
		     struct error *err)
{
	while (decompressor->end < MAGIC_SIZE && !decompressor->has_ended)
		if (fill(decompressor, err) < 0)
			return -1;
	for (size_t i = 0; i < count; i++)
		if (begins_with(decompressor, decoders[i]->magic, decoders[i]->magic_size)) {
			decompressor->kind = decoders[i]->kind;
			decompressor->decoder = decoders[i];
			return 0;
		}
	for (size_t i = 0; i < ARRAY_SIZE(magics); i++) {
		if (!begins_with(decompressor, magics[i].bytes, magics[i].size))
			continue;
		if (!magics[i].is_supported)
			return error_set(err, ERROR_UNSUPPORTED,
					 "it is compressed with %s; only gzip, zstd and plain archives can be read, "
					 "so compress it anew",
					 magics[i].name);
		decompressor->kind = magics[i].kind;
	}
	return 0;
}

int decompressor_new_with(const struct source *from, const struct decoder *const *decoders, size_t count,
			  struct decompressor **ret_decompressor, struct error *err)
{
	struct decompressor *decompressor = allocate(sizeof *decompressor);
	decompressor->from = *from;
	if (recognize(decompressor, decoders, count, err) < 0) {
		decompressor_free(decompressor);
		return -1;
	}
	decompressor->in_frame = decompressor->kind != COMPRESSION_NONE;
	if (decompressor->decoder) {
		decompressor->decoder_state = decompressor->decoder->begin();
	} else if (decompressor->kind == COMPRESSION_GZIP) {
		decompressor->gunzip = gunzip_new();
	} else if (decompressor->kind == COMPRESSION_ZSTD) {
		decompressor->zstd = window_decoder_new(&decompressor->window);
		ZSTD_DCtx_setParameter(decompressor->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LIMIT);
	}
	*ret_decompressor = decompressor;
	return 0;
}

int decompressor_new(const struct source *from, struct decompressor **ret_decompressor, struct error *err)
{
	return decompressor_new_with(from, NULL, 0, ret_decompressor, err);
}

void decompressor_free(struct decompressor *decompressor)
{
	if (!decompressor)
		return;
	gunzip_free(decompressor->gunzip);
	ZSTD_freeDCtx(decompressor->zstd);
	if (decompressor->decoder_state)
		decompressor->decoder->end(decompressor->decoder_state);
	free(decompressor);
}

enum compression decompressor_kind(const struct decompressor *decompressor)
{
	return decompressor->kind;
}

static int ends_early(struct error *err)
{
	return error_set(err, ERROR_CORRUPT, "the compressed data ends early");
}

static ssize_t read_plain(struct decompressor *decompressor, void *bytes, size_t size, struct error *err)
{
	size_t left = decompressor->end - decompressor->start;
	if (left == 0)
		return decompressor->has_ended ? 0 : source_read(&decompressor->from, bytes, size, err);
	if (size > left)
		size = left;
	memcpy(bytes, decompressor->input + decompressor->start, size);
	decompressor->start += size;
	return (ssize_t)size;
}

/* Between members: zeros are padding and are skipped, anything but another member is damage. 1: another begins. */
static int next_member(struct decompressor *decompressor, struct error *err)
{
	for (;;) {
		while (decompressor->start < decompressor->end && decompressor->input[decompressor->start] == 0) {
			decompressor->start++;
			decompressor->is_padded = true;
		}
		if (decompressor->start < decompressor->end) {
			if (decompressor->is_padded || decompressor->input[decompressor->start] != magics[0].bytes[0])
				return error_set(err, ERROR_CORRUPT, "damaged gzip data: something else follows it");
			gunzip_reset(decompressor->gunzip);
			decompressor->in_frame = true;
			return 1;
		}
		if (decompressor->has_ended)
			return 0;
		if (fill(decompressor, err) < 0)
			return -1;
	}
}

static ssize_t read_gzip(struct decompressor *decompressor, void *bytes, size_t size, struct error *err)
{
	for (;;) {
		if (!decompressor->in_frame) {
			int more = next_member(decompressor, err);
			if (more <= 0)
				return more;
		}
		struct gunzip_step step = {
			.input = decompressor->input + decompressor->start,
			.input_size = decompressor->end - decompressor->start,
			.output = bytes,
			.output_size = size,
		};
		if (gunzip_run(decompressor->gunzip, &step, err) < 0)
			return -1;
		decompressor->start = (size_t)(step.input - decompressor->input);
		decompressor->in_frame = !step.member_ended;
		size_t made = size - step.output_size;
		if (made > 0)
			return (ssize_t)made;
		if (step.member_ended)
			continue;
		if (decompressor->has_ended)
			return ends_early(err);
		if (decompressor->start == decompressor->end && fill(decompressor, err) < 0)
			return -1;
	}
}

static int zstd_failed(struct decompressor *decompressor, ZSTD_ErrorCode code, struct error *err)
{
	if (code == ZSTD_error_frameParameter_windowTooLarge)
		return error_set(
			err, ERROR_LIMIT,
			"it is compressed with a window of more than %d MB (zstd --long=%d or more), which takes "
			"as much memory to read: compress it anew, with --long=%d or less",
			1 << (ZSTD_WINDOW_LIMIT - 20), ZSTD_WINDOW_LIMIT + 1, ZSTD_WINDOW_LIMIT);
	if (code == ZSTD_error_memory_allocation && decompressor->window.why.kind) {
		if (err)
			*err = decompressor->window.why;
		return error_wrap(err, "decompress zstd");
	}
	return error_set(err, ERROR_CORRUPT, "damaged zstd data: %s", ZSTD_getErrorString(code));
}

static ssize_t read_zstd(struct decompressor *decompressor, void *bytes, size_t size, struct error *err)
{
	for (;;) {
		ZSTD_inBuffer input = {decompressor->input, decompressor->end, decompressor->start};
		ZSTD_outBuffer output = {bytes, size, 0};
		size_t hint = ZSTD_decompressStream(decompressor->zstd, &output, &input);
		if (ZSTD_isError(hint))
			return zstd_failed(decompressor, ZSTD_getErrorCode(hint), err);
		window_let_go(&decompressor->window, output.pos);
		/* The hint says "frame done" only once; a call without input asks for a new frame's header. */
		if (input.pos != decompressor->start || output.pos > 0)
			decompressor->in_frame = hint != 0;
		decompressor->start = input.pos;
		if (output.pos > 0)
			return (ssize_t)output.pos;
		if (decompressor->start < decompressor->end)
			continue;
		if (!decompressor->has_ended && fill(decompressor, err) < 0)
			return -1;
		if (decompressor->has_ended && decompressor->start == decompressor->end)
			return decompressor->in_frame ? ends_early(err) : 0;
	}
}

static ssize_t read_other(struct decompressor *decompressor, void *bytes, size_t size, struct error *err)
{
	while (decompressor->in_frame) {
		struct gunzip_step step = {
			.input = decompressor->input + decompressor->start,
			.input_size = decompressor->end - decompressor->start,
			.output = bytes,
			.output_size = size,
		};
		if (decompressor->decoder->run(decompressor->decoder_state, &step, decompressor->has_ended, err) < 0)
			return -1;
		decompressor->start = (size_t)(step.input - decompressor->input);
		decompressor->in_frame = !step.member_ended;
		if (size > step.output_size)
			return (ssize_t)(size - step.output_size);
		if (decompressor->in_frame && !decompressor->has_ended && decompressor->start == decompressor->end &&
		    fill(decompressor, err) < 0)
			return -1;
	}
	return 0;
}

static ssize_t decompressor_read(void *context, void *bytes, size_t size, struct error *err)
{
	struct decompressor *decompressor = context;
	/* Both libraries count in 32 bits somewhere. */
	if (size > (size_t)1 << 30)
		size = (size_t)1 << 30;
	if (size == 0)
		return 0;
	if (decompressor->decoder)
		return read_other(decompressor, bytes, size, err);
	if (decompressor->kind == COMPRESSION_GZIP)
		return read_gzip(decompressor, bytes, size, err);
	if (decompressor->kind == COMPRESSION_ZSTD)
		return read_zstd(decompressor, bytes, size, err);
	return read_plain(decompressor, bytes, size, err);
}

struct source decompressor_source(struct decompressor *decompressor)
{
	return (struct source){decompressor_read, decompressor};
}
