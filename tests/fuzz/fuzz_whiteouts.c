/*
 * Whiteouts, opaque folders, links and files that meet under few names. The bytes are a script, three an entry; what
 * layer_apply() accepts of the archive that it makes is packed, unpacked and packed again, and the two archives are the
 * same. Nothing outside of the folder is touched. Needs root, as layer does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/layer.h"
#include "base/buffer.h"
#include "base/fd.h"
#include "scene.h"

#define TAR_LIMIT   ((size_t)1 << 20)
#define ENTRY_LIMIT 40
#define BLOCK_SIZE  512

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;

static const char *const names[] = {"a",
				    "b",
				    "a/b",
				    "a/a",
				    "a/b/a",
				    ".wh.a",
				    ".wh.b",
				    "a/.wh.b",
				    "a/.wh..wh..opq",
				    ".wh..wh..opq",
				    "a/b/.wh.a",
				    "b/../a/.wh.a",
				    "../canary",
				    "/canary",
				    "../.wh.canary",
				    ".wh.",
				    ".wh...",
				    "./a/",
				    "c",
				    "c/a",
				    "c/.wh.a",
				    ".wh..wh.plnk",
				    "a/.wh.",
				    ".wh..wh.a"};
static const char types[] = "0125346";

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	scene_fd = scene_open();
	return 0;
}

static void add_entry(struct buffer *tar, const uint8_t *script)
{
	unsigned char block[BLOCK_SIZE] = {0};
	char type = types[script[1] % (sizeof types - 1)];
	const char *target = names[script[2] % ARRAY_SIZE(names)];
	bool has_text = type == '0' && script[2] > 128;
	snprintf((char *)block, 100, "%s", names[script[0] % ARRAY_SIZE(names)]);
	snprintf((char *)block + 100, 8, "%07o", script[1] & 0x80 ? 04755 : 0644);
	snprintf((char *)block + 108, 8, "%07o", script[1] >> 4);
	snprintf((char *)block + 116, 8, "%07o", script[1] >> 5);
	snprintf((char *)block + 124, 12, "%011o", has_text ? 5 : 0);
	snprintf((char *)block + 136, 12, "%011o", 1000000000u + script[2]);
	block[156] = (unsigned char)type;
	if (type == '1' || type == '2')
		snprintf((char *)block + 157, 100, "%s%s", script[2] & 0x80 && type == '2' ? "/" : "", target);
	memcpy(block + 257,
	       "ustar\0"
	       "00",
	       8);
	snprintf((char *)block + 329, 8, "%07o", script[2] % 3);
	snprintf((char *)block + 337, 8, "%07o", script[2] % 4);
	buffer_append(tar, block, BLOCK_SIZE, NULL);
	if (has_text) {
		memset(block, 0, sizeof block);
		memcpy(block, "text\n", 5);
		buffer_append(tar, block, BLOCK_SIZE, NULL);
	}
}

static int unpack(const char *name, const void *tar, size_t size, int *ret_fd, struct error *err)
{
	struct memory_source memory = {tar, size, 0};
	struct source from = source_from_memory(&memory);
	*ret_fd = open_folder_at(scene_fd, name, true, 0755, err);
	if (*ret_fd < 0)
		abort();
	int outcome = layer_apply(&from, *ret_fd, NULL, NULL, err);
	scene_check_canary();
	return outcome;
}

static void pack(int folder_fd, struct buffer *tar)
{
	const struct layer_diff_options options = {.form = LAYER_FORM_DIFF};
	struct sink sink = sink_to_buffer(tar);
	struct error err = {0};
	if (layer_diff(folder_fd, &options, &sink, NULL, &err) < 0) {
		fprintf(stderr, "what was unpacked is not packed: %s\n", err.message);
		abort();
	}
}

static void check(const struct buffer *script)
{
	cleanup_buffer struct buffer first = BUFFER_INIT(TAR_LIMIT), second = BUFFER_INIT(TAR_LIMIT);
	cleanup_close int one_fd = -1, two_fd = -1;
	struct error err = {0};
	if (unpack("one", script->bytes, script->size, &one_fd, &err) < 0)
		return;
	pack(one_fd, &first);
	if (unpack("two", first.bytes, first.size, &two_fd, &err) < 0) {
		fprintf(stderr, "what was packed is not unpacked: %s\n", err.message);
		abort();
	}
	pack(two_fd, &second);
	if (first.size != second.size || memcmp(first.bytes, second.bytes, first.size) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char zeros[2 * BLOCK_SIZE];
	cleanup_buffer struct buffer tar = BUFFER_INIT(TAR_LIMIT);
	struct error err = {0};
	for (size_t at = 0; at + 3 <= size && at < (size_t)3 * ENTRY_LIMIT; at += 3)
		add_entry(&tar, bytes + at);
	buffer_append(&tar, zeros, sizeof zeros, NULL);
	check(&tar);
	if (remove_tree_at(scene_fd, "one", &err) < 0 ||
	    (remove_tree_at(scene_fd, "two", &err) < 0 && err.kind != ERROR_NOT_FOUND))
		abort();
	return 0;
}
