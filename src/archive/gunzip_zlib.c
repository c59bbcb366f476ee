#include <zlib.h>

#include "archive/gunzip.h"
#include "base/memory.h"

#define GZIP_WINDOW_BITS (15 + 16) /* zlib's way to ask for a gzip header */

struct gunzip {
	z_stream stream;
};

struct gunzip *gunzip_new(void)
{
	struct gunzip *gunzip = allocate(sizeof *gunzip);
	if (inflateInit2(&gunzip->stream, GZIP_WINDOW_BITS) != Z_OK)
		abort();
	return gunzip;
}

void gunzip_free(struct gunzip *gunzip)
{
	if (!gunzip)
		return;
	inflateEnd(&gunzip->stream);
	free(gunzip);
}

void gunzip_reset(struct gunzip *gunzip)
{
	inflateReset(&gunzip->stream);
}

int gunzip_run(struct gunzip *gunzip, struct gunzip_step *step, struct error *err)
{
	z_stream *stream = &gunzip->stream;
	stream->next_in = (unsigned char *)step->input;
	stream->avail_in = (uInt)step->input_size;
	stream->next_out = step->output;
	stream->avail_out = (uInt)step->output_size;
	int answer = inflate(stream, Z_NO_FLUSH);
	/* Z_BUF_ERROR only says that there was nothing to do yet. */
	if (answer == Z_MEM_ERROR)
		abort();
	if (answer != Z_OK && answer != Z_STREAM_END && answer != Z_BUF_ERROR)
		return error_set(err, ERROR_CORRUPT, "damaged gzip data: %s",
				 stream->msg ? stream->msg : "it makes no sense");
	step->member_ended = answer == Z_STREAM_END;
	step->input = stream->next_in;
	step->input_size = stream->avail_in;
	step->output = stream->next_out;
	step->output_size = stream->avail_out;
	return 0;
}
