/* bzip2, by libbz2: streams one after the other, as bzip2 and pbzip2 write them. A decoder takes at most 4 MB. */
#include <bzlib.h>
#include <stdlib.h>

#include "archive/decoder.h"
#include "base/memory.h"

struct bunzip {
	bz_stream stream;
	bool is_between; /* a stream has ended, and another one may begin */
};

static void start(struct bunzip *bunzip)
{
	if (BZ2_bzDecompressInit(&bunzip->stream, 0, 0) != BZ_OK)
		abort();
}

static void *bunzip_begin(void)
{
	struct bunzip *bunzip = allocate(sizeof *bunzip);
	start(bunzip);
	return bunzip;
}

static void bunzip_end(void *state)
{
	struct bunzip *bunzip = state;
	BZ2_bzDecompressEnd(&bunzip->stream);
	free(bunzip);
}

static int bunzip_failed(int answer, struct error *err)
{
	if (answer == BZ_MEM_ERROR)
		abort();
	return error_set(err, ERROR_CORRUPT, "damaged bzip2 data%s",
			 answer == BZ_DATA_ERROR_MAGIC ? ": something else follows it" : "");
}

static int bunzip_run(void *state, struct gunzip_step *step, bool has_ended, struct error *err)
{
	struct bunzip *bunzip = state;
	if (bunzip->is_between && step->input_size == 0) {
		step->member_ended = has_ended;
		return 0;
	}
	if (bunzip->is_between) {
		BZ2_bzDecompressEnd(&bunzip->stream);
		bunzip->stream = (bz_stream){0};
		start(bunzip);
		bunzip->is_between = false;
	}
	bunzip->stream.next_in = (char *)step->input;
	bunzip->stream.avail_in = (unsigned)step->input_size;
	bunzip->stream.next_out = (char *)step->output;
	bunzip->stream.avail_out = (unsigned)step->output_size;
	int answer = BZ2_bzDecompress(&bunzip->stream);
	if (answer != BZ_OK && answer != BZ_STREAM_END)
		return bunzip_failed(answer, err);
	if (answer == BZ_OK && has_ended && step->output_size && bunzip->stream.avail_in == step->input_size &&
	    bunzip->stream.avail_out == step->output_size)
		return error_set(err, ERROR_CORRUPT, "the compressed data ends early");
	bunzip->is_between = answer == BZ_STREAM_END;
	step->input = (const unsigned char *)bunzip->stream.next_in;
	step->input_size = bunzip->stream.avail_in;
	step->output = (unsigned char *)bunzip->stream.next_out;
	step->output_size = bunzip->stream.avail_out;
	return 0;
}

const struct decoder decoder_bzip2 = {{'B', 'Z', 'h'}, 3, COMPRESSION_BZIP2, bunzip_begin, bunzip_run, bunzip_end};
