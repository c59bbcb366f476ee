/*
 * Compression by push. gzip at level 6 and zstd at level 3 are what Docker and containerd use; the gzip header holds no
 * time and no name, so that the same bytes give the same blob.
 */
#include "archive/compression.h"

#include <zlib.h>
#include <zstd.h>

#include "base/memory.h"

#define OUTPUT_SIZE	 ((size_t)256 * 1024)
#define GZIP_LEVEL	 6
#define GZIP_WINDOW_BITS (15 + 16)
#define GZIP_MEMORY	 8
#define ZSTD_LEVEL	 3

struct compressor {
	struct sink to;
	enum compression kind;
	z_stream gzip;
	ZSTD_CCtx *zstd;
	bool is_finished;
	unsigned char output[OUTPUT_SIZE];
};

int compressor_new(enum compression kind, const struct sink *to, struct compressor **ret_compressor, struct error *err)
{
	struct compressor *compressor = allocate(sizeof *compressor);
	compressor->to = *to;
	compressor->kind = kind;
	if (kind == COMPRESSION_GZIP && deflateInit2(&compressor->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW_BITS,
						     GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	if (kind == COMPRESSION_ZSTD) {
		compressor->zstd = ZSTD_createCCtx();
		if (!compressor->zstd)
			abort();
		ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
		ZSTD_CCtx_setParameter(compressor->zstd, ZSTD_c_checksumFlag, 1);
	}
	*ret_compressor = compressor;
	return 0;
}

void compressor_free(struct compressor *compressor)
{
	if (!compressor)
		return;
	if (compressor->kind == COMPRESSION_GZIP)
		deflateEnd(&compressor->gzip);
	ZSTD_freeCCtx(compressor->zstd);
	free(compressor);
}

static int run_gzip(struct compressor *compressor, const void *bytes, size_t size, int flush, struct error *err)
{
	z_stream *stream = &compressor->gzip;
	stream->next_in = (unsigned char *)bytes;
	stream->avail_in = (uInt)size;
	do {
		stream->next_out = compressor->output;
		stream->avail_out = OUTPUT_SIZE;
		if (deflate(stream, flush) == Z_STREAM_ERROR)
			return error_set(err, ERROR_SYSTEM, "compress: zlib refused");
		size_t made = OUTPUT_SIZE - stream->avail_out;
		if (made > 0 && sink_write(&compressor->to, compressor->output, made, err) < 0)
			return -1;
	} while (stream->avail_out == 0);
	return 0;
}

static int run_zstd(struct compressor *compressor, const void *bytes, size_t size, ZSTD_EndDirective end,
		    struct error *err)
{
	ZSTD_inBuffer input = {bytes, size, 0};
	for (;;) {
		ZSTD_outBuffer output = {compressor->output, OUTPUT_SIZE, 0};
		size_t left = ZSTD_compressStream2(compressor->zstd, &output, &input, end);
		if (ZSTD_isError(left))
			return error_set(err, ERROR_SYSTEM, "compress: %s", ZSTD_getErrorName(left));
		if (output.pos > 0 && sink_write(&compressor->to, compressor->output, output.pos, err) < 0)
			return -1;
		if (end == ZSTD_e_end ? left == 0 : input.pos == input.size)
			return 0;
	}
}

static int compressor_write(void *context, const void *bytes, size_t size, struct error *err)
{
	struct compressor *compressor = context;
	if (compressor->kind == COMPRESSION_NONE)
		return sink_write(&compressor->to, bytes, size, err);
	if (compressor->kind == COMPRESSION_ZSTD)
		return run_zstd(compressor, bytes, size, ZSTD_e_continue, err);
	/* zlib counts in 32 bits. */
	const char *from = bytes;
	while (size > 0) {
		size_t part = size > (size_t)1 << 30 ? (size_t)1 << 30 : size;
		if (run_gzip(compressor, from, part, Z_NO_FLUSH, err) < 0)
			return -1;
		from += part;
		size -= part;
	}
	return 0;
}

struct sink compressor_sink(struct compressor *compressor)
{
	return (struct sink){compressor_write, compressor};
}

int compressor_finish(struct compressor *compressor, struct error *err)
{
	if (compressor->is_finished)
		return 0;
	int result = 0;
	if (compressor->kind == COMPRESSION_GZIP)
		result = run_gzip(compressor, NULL, 0, Z_FINISH, err);
	else if (compressor->kind == COMPRESSION_ZSTD)
		result = run_zstd(compressor, NULL, 0, ZSTD_e_end, err);
	compressor->is_finished = result == 0;
	return result;
}
