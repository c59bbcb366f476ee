/* xz, by liblzma: streams one after the other, with padding between and behind them, as the xz program reads them. */
#include <lzma.h>
#include <stdlib.h>

#include "archive/decoder.h"
#include "base/memory.h"

/* `xz -9` looks back by 64 MiB; a header may ask for 4 GiB. */
#define UNXZ_MEMORY_LIMIT ((uint64_t)96 * 1024 * 1024)

static void *unxz_begin(void)
{
	lzma_stream *stream = allocate(sizeof *stream);
	*stream = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_stream_decoder(stream, UNXZ_MEMORY_LIMIT, LZMA_CONCATENATED | LZMA_TELL_UNSUPPORTED_CHECK) != LZMA_OK)
		abort();
	return stream;
}

static void unxz_end(void *state)
{
	lzma_end(state);
	free(state);
}

static int unxz_failed(const lzma_stream *stream, lzma_ret answer, struct error *err)
{
	if (answer == LZMA_MEM_ERROR)
		abort();
	if (answer == LZMA_MEMLIMIT_ERROR)
		return error_set(err, ERROR_LIMIT,
				 "it is compressed with a dictionary that takes %llu MB of memory to read, more than "
				 "the %llu MB that are allowed: compress it anew, with xz -9 or less",
				 (unsigned long long)(lzma_memusage(stream) >> 20),
				 (unsigned long long)(UNXZ_MEMORY_LIMIT >> 20));
	if (answer == LZMA_UNSUPPORTED_CHECK || answer == LZMA_OPTIONS_ERROR)
		return error_set(err, ERROR_UNSUPPORTED,
				 "it is compressed by xz in a way that is not known here: compress it anew, with the "
				 "xz program's own settings");
	/* LZMA_BUF_ERROR: it wants more, and there is no more. */
	return error_set(err, ERROR_CORRUPT, "%s",
			 answer == LZMA_BUF_ERROR      ? "the compressed data ends early"
			 : answer == LZMA_FORMAT_ERROR ? "damaged xz data: something else follows it"
						       : "damaged xz data");
}

static int unxz_run(void *state, struct gunzip_step *step, bool has_ended, struct error *err)
{
	lzma_stream *stream = state;
	stream->next_in = step->input;
	stream->avail_in = step->input_size;
	stream->next_out = step->output;
	stream->avail_out = step->output_size;
	lzma_ret answer = lzma_code(stream, has_ended ? LZMA_FINISH : LZMA_RUN);
	/* Without input, before the end, a "no progress" says only that there was nothing to do yet. */
	if (answer == LZMA_BUF_ERROR && !has_ended)
		answer = LZMA_OK;
	if (answer != LZMA_OK && answer != LZMA_STREAM_END)
		return unxz_failed(stream, answer, err);
	step->member_ended = answer == LZMA_STREAM_END;
	step->input = stream->next_in;
	step->input_size = stream->avail_in;
	step->output = stream->next_out;
	step->output_size = stream->avail_out;
	return 0;
}

const struct decoder decoder_xz = {{0xfd, '7', 'z', 'X', 'Z', 0}, 6, COMPRESSION_XZ, unxz_begin, unxz_run, unxz_end};
