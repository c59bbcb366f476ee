#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sched.h>
#include <string.h>

#include "archive/compression.h"
#include "base/buffer.h"

#define CAP ((size_t)64 * 1024 * 1024)

/* Gives its bytes in small pieces, so that every state of a decoder meets the end of its input. */
struct dribble {
	const char *bytes;
	size_t size;
	size_t piece;
};

static ssize_t dribble_read(void *context, void *bytes, size_t size, struct error *err)
{
	(void)err;
	struct dribble *dribble = context;
	if (size > dribble->piece)
		size = dribble->piece;
	if (size > dribble->size)
		size = dribble->size;
	memcpy(bytes, dribble->bytes, size);
	dribble->bytes += size;
	dribble->size -= size;
	return (ssize_t)size;
}

static void deflate_at(enum compression kind, int level, const void *bytes, size_t size, struct buffer *packed)
{
	const struct compressor_options options = {.kind = kind, .level = level};
	struct error err = {0};
	struct sink to = sink_to_buffer(packed);
	struct compressor *compressor = NULL;
	assert_int_equal(compressor_new_with(&options, &to, &compressor, &err), 0);
	struct sink sink = compressor_sink(compressor);
	size_t half = size / 2;
	assert_int_equal(sink_write(&sink, bytes, half, &err), 0);
	assert_int_equal(sink_write(&sink, (const char *)bytes + half, size - half, &err), 0);
	assert_int_equal(compressor_finish(compressor, &err), 0);
	assert_int_equal(compressor_finish(compressor, &err), 0);
	compressor_free(compressor);
}

static void deflate_to(enum compression kind, const void *bytes, size_t size, struct buffer *packed)
{
	deflate_at(kind, 0, bytes, size, packed);
}

static int inflate_from(const struct buffer *packed, size_t size, size_t piece, struct buffer *plain,
			enum compression *ret_kind, struct error *err)
{
	struct dribble dribble = {packed->bytes, size, piece};
	struct source from = {dribble_read, &dribble};
	struct decompressor *decompressor = NULL;
	struct sink to = sink_to_buffer(plain);
	if (decompressor_new(&from, &decompressor, err) < 0)
		return -1;
	struct source source = decompressor_source(decompressor);
	int result = stream_copy(&source, &to, CAP, NULL, err);
	*ret_kind = decompressor_kind(decompressor);
	decompressor_free(decompressor);
	return result;
}

static void fill(char *bytes, size_t size)
{
	uint32_t state = 1;
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (char)(i % 3 ? 'a' : state >> 28);
	}
}

/* A level that works harder gives fewer bytes, of the same content, and the same ones each time. */
static void levels(void **state)
{
	static char bytes[1500000];
	static const struct {
		enum compression kind;
		int low, high;
	} cases[] = {{COMPRESSION_GZIP, 1, 12}, {COMPRESSION_ZSTD, 1, 19}};
	(void)state;
	fill(bytes, sizeof bytes);
	for (size_t i = 0; i < 2; i++) {
		size_t sizes[2];
		for (int j = 0; j < 2; j++) {
			struct buffer packed = BUFFER_INIT(CAP), again = BUFFER_INIT(CAP), plain = BUFFER_INIT(CAP);
			enum compression kind;
			struct error err = {0};
			int level = j ? cases[i].high : cases[i].low;
			deflate_at(cases[i].kind, level, bytes, sizeof bytes, &packed);
			deflate_at(cases[i].kind, level, bytes, sizeof bytes, &again);
			assert_int_equal(packed.size, again.size);
			assert_memory_equal(packed.bytes, again.bytes, packed.size);
			assert_int_equal(inflate_from(&packed, packed.size, 100000, &plain, &kind, &err), 0);
			assert_int_equal(kind, cases[i].kind);
			assert_int_equal(plain.size, sizeof bytes);
			assert_memory_equal(plain.bytes, bytes, sizeof bytes);
			sizes[j] = packed.size;
			buffer_release(&packed);
			buffer_release(&again);
			buffer_release(&plain);
		}
		assert_true(sizes[1] < sizes[0]);
	}
}

static void round_trips(void **state)
{
	(void)state;
	static char bytes[3000000];
	static const size_t sizes[] = {0, 1, 5, 1000, sizeof bytes};
	static const size_t pieces[] = {1, 7, 4096, CAP};
	fill(bytes, sizeof bytes);
	for (enum compression kind = COMPRESSION_NONE; kind <= COMPRESSION_ZSTD; kind++) {
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct buffer packed = BUFFER_INIT(CAP), again = BUFFER_INIT(CAP);
			deflate_to(kind, bytes, sizes[i], &packed);
			deflate_to(kind, bytes, sizes[i], &again);
			assert_int_equal(packed.size, again.size);
			if (packed.size)
				assert_memory_equal(packed.bytes, again.bytes, packed.size);
			for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
				struct buffer plain = BUFFER_INIT(CAP);
				struct error err = {0};
				enum compression found;
				if (inflate_from(&packed, packed.size, pieces[k], &plain, &found, &err) < 0)
					fail_msg("%s", err.message);
				assert_int_equal(found, kind);
				assert_int_equal(plain.size, sizes[i]);
				if (plain.size)
					assert_memory_equal(plain.bytes, bytes, plain.size);
				buffer_release(&plain);
			}
			buffer_release(&packed);
			buffer_release(&again);
		}
	}
}

/* A blob's digest must not tell how many processors there were. */
static void any_number_of_processors(void **state)
{
	(void)state;
	static char bytes[7 * 1024 * 1024 + 12345];
	cpu_set_t before, one;
	fill(bytes, sizeof bytes);
	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	for (enum compression kind = COMPRESSION_GZIP; kind <= COMPRESSION_ZSTD; kind++) {
		struct buffer many = BUFFER_INIT(CAP), single = BUFFER_INIT(CAP), chunks = BUFFER_INIT(CAP);
		deflate_to(kind, bytes, sizeof bytes, &many);
		assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
		deflate_to(kind, bytes, sizeof bytes, &single);
		assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
		/* The same as each chunk for itself: the place of a cut is part of the format. */
		for (size_t at = 0; at < sizeof bytes; at += COMPRESSION_CHUNK)
			deflate_to(kind, bytes + at,
				   sizeof bytes - at < COMPRESSION_CHUNK ? sizeof bytes - at : COMPRESSION_CHUNK,
				   &chunks);
		assert_int_equal(many.size, single.size);
		assert_memory_equal(many.bytes, single.bytes, many.size);
		assert_int_equal(many.size, chunks.size);
		assert_memory_equal(many.bytes, chunks.bytes, many.size);
		buffer_release(&many);
		buffer_release(&single);
		buffer_release(&chunks);
	}
}

static int fail_write(void *context, const void *bytes, size_t size, struct error *err)
{
	(void)context, (void)bytes, (void)size;
	return error_set(err, ERROR_SYSTEM, "full");
}

/* Threads that still work when the caller gives up are ended and leave nothing. */
static void a_sink_that_fails(void **state)
{
	(void)state;
	static char bytes[20 * 1024 * 1024];
	struct error err = {0};
	struct sink to = {fail_write, NULL};
	struct compressor *compressor = NULL;
	assert_int_equal(compressor_new(COMPRESSION_GZIP, &to, &compressor, &err), 0);
	struct sink sink = compressor_sink(compressor);
	assert_int_equal(sink_write(&sink, bytes, sizeof bytes, &err), -1);
	assert_string_equal(err.message, "full");
	compressor_free(compressor);
}

static void several_members(void **state)
{
	(void)state;
	for (enum compression kind = COMPRESSION_GZIP; kind <= COMPRESSION_ZSTD; kind++) {
		struct buffer packed = BUFFER_INIT(CAP);
		deflate_to(kind, "one ", 4, &packed);
		deflate_to(kind, "", 0, &packed);
		deflate_to(kind, "two", 3, &packed);
		for (size_t piece = 1; piece < 64; piece++) {
			struct buffer plain = BUFFER_INIT(CAP);
			struct error err = {0};
			enum compression found;
			if (inflate_from(&packed, packed.size, piece, &plain, &found, &err) < 0)
				fail_msg("%s", err.message);
			assert_string_equal(buffer_text(&plain), "one two");
			buffer_release(&plain);
		}
		buffer_release(&packed);
	}
}

static void padding_and_garbage(void **state)
{
	(void)state;
	struct buffer packed = BUFFER_INIT(CAP), plain = BUFFER_INIT(CAP);
	struct error err = {0};
	enum compression found;
	deflate_to(COMPRESSION_GZIP, "text", 4, &packed);
	buffer_append(&packed, "\0\0\0\0\0\0\0\0", 8, &err);
	assert_int_equal(inflate_from(&packed, packed.size, 5, &plain, &found, &err), 0);
	assert_string_equal(buffer_text(&plain), "text");
	buffer_append(&packed, "garbage", 7, &err);
	assert_int_equal(inflate_from(&packed, packed.size, 5, &plain, &found, &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
	buffer_release(&packed);
	buffer_release(&plain);
}

static void every_cut_is_noticed(void **state)
{
	(void)state;
	static char bytes[2000];
	fill(bytes, sizeof bytes);
	for (enum compression kind = COMPRESSION_GZIP; kind <= COMPRESSION_ZSTD; kind++) {
		struct buffer packed = BUFFER_INIT(CAP);
		deflate_to(kind, bytes, sizeof bytes, &packed);
		for (size_t size = 6; size < packed.size; size++) {
			struct buffer plain = BUFFER_INIT(CAP);
			struct error err = {0};
			enum compression found;
			assert_int_equal(inflate_from(&packed, size, CAP, &plain, &found, &err), -1);
			assert_int_equal(err.kind, ERROR_CORRUPT);
			buffer_release(&plain);
		}
		/* And a changed checksum. */
		struct buffer plain = BUFFER_INIT(CAP);
		struct error err = {0};
		enum compression found;
		packed.bytes[packed.size - (kind == COMPRESSION_GZIP ? 6 : 1)] ^= 1;
		assert_int_equal(inflate_from(&packed, packed.size, CAP, &plain, &found, &err), -1);
		assert_int_equal(err.kind, ERROR_CORRUPT);
		buffer_release(&plain);
		buffer_release(&packed);
	}
}

/* CVE-2014-9357, CVE-2026-41567: no program is looked for. */
static void other_formats_are_refused(void **state)
{
	(void)state;
	struct buffer packed = BUFFER_INIT(CAP), plain = BUFFER_INIT(CAP);
	struct error err = {0};
	enum compression found;
	buffer_append(&packed,
		      "\xfd"
		      "7zXZ\0\0\4",
		      8, &err);
	assert_int_equal(inflate_from(&packed, packed.size, CAP, &plain, &found, &err), -1);
	assert_int_equal(err.kind, ERROR_UNSUPPORTED);
	assert_non_null(strstr(err.message, "xz"));
	buffer_release(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(levels),
		cmocka_unit_test(any_number_of_processors),
		cmocka_unit_test(a_sink_that_fails),
		cmocka_unit_test(several_members),
		cmocka_unit_test(padding_and_garbage),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(other_formats_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
