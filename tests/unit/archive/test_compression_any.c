/* xz and bzip2, which decompressor_new_any() reads. What they are packed with here is the libraries' own other half. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <bzlib.h>
#include <lzma.h>
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

static int unpack(const void *packed, size_t size, size_t piece, struct buffer *plain, struct error *err)
{
	struct dribble dribble = {packed, size, piece};
	struct source from = {dribble_read, &dribble};
	struct decompressor *decompressor = NULL;
	struct sink to = sink_to_buffer(plain);
	*err = (struct error){0};
	if (decompressor_new_any(&from, &decompressor, err) < 0)
		return -1;
	struct source source = decompressor_source(decompressor);
	int result = stream_copy(&source, &to, CAP, NULL, err);
	decompressor_free(decompressor);
	return result;
}

static void pack(enum compression kind, const void *bytes, size_t size, struct buffer *packed)
{
	size_t room = size + size / 50 + 1000, used = 0;
	cleanup_free char *space = allocate(room);
	if (kind == COMPRESSION_XZ) {
		assert_int_equal(
			lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, bytes, size, (uint8_t *)space, &used, room),
			LZMA_OK);
	} else {
		unsigned made = (unsigned)room;
		assert_int_equal(BZ2_bzBuffToBuffCompress(space, &made, (char *)bytes, (unsigned)size, 1, 0, 0), BZ_OK);
		used = made;
	}
	assert_int_equal(buffer_append(packed, space, used, NULL), 0);
}

static void fill(char *bytes, size_t size)
{
	uint32_t state = 1;
	for (size_t i = 0; i < size; i++) {
		state = state * 1664525 + 1013904223;
		bytes[i] = (char)(i % 3 ? 'a' : state >> 28);
	}
}

static const enum compression kinds[] = {COMPRESSION_XZ, COMPRESSION_BZIP2};

static void assert_unpacks(const struct buffer *packed, size_t piece, const void *bytes, size_t size)
{
	struct buffer plain = BUFFER_INIT(CAP);
	struct error err;
	if (unpack(packed->bytes, packed->size, piece, &plain, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(plain.size, size);
	if (size)
		assert_memory_equal(plain.bytes, bytes, size);
	buffer_release(&plain);
}

static void assert_damaged(const void *packed, size_t size, size_t piece)
{
	struct buffer plain = BUFFER_INIT(CAP);
	struct error err;
	assert_int_equal(unpack(packed, size, piece, &plain, &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
	buffer_release(&plain);
}

static void round_trips(void **state)
{
	(void)state;
	static char bytes[1000000];
	static const size_t sizes[] = {0, 1, 1000, sizeof bytes}, pieces[] = {1, 7, 4096, CAP};
	fill(bytes, sizeof bytes);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
			struct buffer packed = BUFFER_INIT(CAP);
			pack(kinds[k], bytes, sizes[i], &packed);
			for (size_t j = 0; j < ARRAY_SIZE(pieces); j++)
				assert_unpacks(&packed, pieces[j], bytes, sizes[i]);
			buffer_release(&packed);
		}
}

/* As pbzip2, `xz -T` on parts, and cat make them. */
static void several_streams(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct buffer packed = BUFFER_INIT(CAP);
		pack(kinds[k], "one ", 4, &packed);
		pack(kinds[k], "", 0, &packed);
		pack(kinds[k], "two", 3, &packed);
		for (size_t piece = 1; piece < 64; piece++)
			assert_unpacks(&packed, piece, "one two", 7);
		buffer_append(&packed, "garbage!", 8, NULL);
		assert_damaged(packed.bytes, packed.size, 5);
		buffer_release(&packed);
	}
	struct buffer padded = BUFFER_INIT(CAP);
	pack(COMPRESSION_XZ, "text", 4, &padded);
	buffer_append(&padded, "\0\0\0\0\0\0\0\0", 8, NULL);
	assert_unpacks(&padded, 3, "text", 4);
	buffer_release(&padded);
}

static void every_cut_is_noticed(void **state)
{
	(void)state;
	static char bytes[2000];
	fill(bytes, sizeof bytes);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct buffer packed = BUFFER_INIT(CAP);
		pack(kinds[k], bytes, sizeof bytes, &packed);
		for (size_t size = 6; size < packed.size; size++) {
			assert_damaged(packed.bytes, size, CAP);
			assert_damaged(packed.bytes, size, 1);
		}
		/* A bit of the contents, which their checksum tells. */
		packed.bytes[packed.size / 2] ^= 1;
		assert_damaged(packed.bytes, packed.size, CAP);
		buffer_release(&packed);
	}
}

/* A file of a hundred bytes cannot ask for 4 GiB of memory. */
static void memory_is_bounded(void **state)
{
	(void)state;
	struct buffer packed = BUFFER_INIT(CAP), plain = BUFFER_INIT(CAP);
	struct error err;
	pack(COMPRESSION_XZ, "text", 4, &packed);
	unsigned char *header = (unsigned char *)packed.bytes + 12;
	size_t size = ((size_t)header[0] + 1) * 4;
	size_t at =
		2; /* of LZMA2's number, the length of its settings, and the dictionary's size, which is all of them */
	while (at + 2 < size && (header[at] != 0x21 || header[at + 1] != 1))
		at++;
	assert_true(at + 2 < size);
	static const struct {
		unsigned char dictionary; /* as the format encodes it */
		int result;
	} cases[] = {{28, 0}, {30, -1}, {40, -1}}; /* 64 MiB, 128 MiB, 4 GiB */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		header[at + 2] = cases[i].dictionary;
		uint32_t sum = lzma_crc32(header, size - 4, 0);
		memcpy(header + size - 4, &sum, 4);
		assert_int_equal(unpack(packed.bytes, packed.size, CAP, &plain, &err), cases[i].result);
		if (cases[i].result < 0)
			assert_int_equal(err.kind, ERROR_LIMIT);
	}
	assert_non_null(strstr(err.message, "xz -9"));
	buffer_release(&packed);
	buffer_release(&plain);
}

/* What a registry sends is read by decompressor_new(). */
static void layers_come_in_neither(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct buffer packed = BUFFER_INIT(CAP);
		struct error err = {0};
		pack(kinds[k], "text", 4, &packed);
		struct dribble dribble = {packed.bytes, packed.size, CAP};
		struct source from = {dribble_read, &dribble};
		struct decompressor *decompressor = NULL;
		assert_int_equal(decompressor_new(&from, &decompressor, &err), -1);
		assert_int_equal(err.kind, ERROR_UNSUPPORTED);
		buffer_release(&packed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trips),
		cmocka_unit_test(several_streams),
		cmocka_unit_test(every_cut_is_noticed),
		cmocka_unit_test(memory_is_bounded),
		cmocka_unit_test(layers_come_in_neither),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
