/*
 * The record of a layer's archive. First byte even: the rest is an archive, which is split while it is unpacked; where
 * the record says that it is complete, record and folder give the archive again, or say that they cannot. Odd: the rest
 * is a record, joined with a folder of three files. Works under $TMPDIR, best a tmpfs.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/tar_split.h"
#include "base/buffer.h"
#include "base/fd.h"
#include "scene.h"

#define TAR_LIMIT ((size_t)4 << 20)

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;
static int files_fd;

static void make_file(const char *name, size_t size)
{
	cleanup_close int fd = openat(files_fd, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		abort();
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	struct error err = {0};
	(void)count, (void)arguments;
	scene_fd = scene_open();
	files_fd = open_folder_at(scene_fd, "files", true, 0755, &err);
	if (files_fd < 0 || symlinkat("../canary", files_fd, "link") < 0)
		abort();
	make_file("a", 1);
	make_file("b", 512);
	make_file("c", 70000);
	return 0;
}

/* 0: joined to the end. */
static int join(const struct buffer *record, int folder_fd, struct buffer *tar, struct error *err)
{
	struct memory_source memory = {record->bytes, record->size, 0};
	struct source from = source_from_memory(&memory);
	struct sink sink = sink_to_buffer(tar);
	struct tar_joiner *joiner = NULL;
	if (tar_joiner_new(&from, folder_fd, &joiner, err) < 0)
		abort();
	struct source joined = tar_joiner_source(joiner);
	int outcome = stream_copy(&joined, &sink, TAR_LIMIT, NULL, err);
	tar_joiner_free(joiner);
	return outcome;
}

static void split(const char *tar, size_t size)
{
	const struct layer_limits limits = {.bytes = 1 << 20, .entries = 200};
	cleanup_buffer struct buffer record = BUFFER_INIT(TAR_LIMIT), again = BUFFER_INIT(TAR_LIMIT);
	struct error err = {0};
	struct memory_source memory = {tar, size, 0};
	struct source from = source_from_memory(&memory);
	struct sink sink = sink_to_buffer(&record);
	struct tar_splitter *splitter = NULL;
	struct layer_totals totals = {0};
	uint64_t recorded = 0;
	bool is_complete = false;
	cleanup_close int folder_fd = open_folder_at(scene_fd, "layer", true, 0755, &err);
	if (folder_fd < 0 || tar_splitter_new(&from, &sink, &splitter, &err) < 0)
		abort();
	struct source passed = tar_splitter_source(splitter);
	int outcome = layer_apply(&passed, folder_fd, &limits, &totals, &err);
	if (outcome == 0)
		outcome = tar_splitter_finish(splitter, &recorded, &is_complete, &err);
	tar_splitter_free(splitter);
	scene_check_canary();
	if (outcome == 0 && is_complete && totals.replaced == 0 && join(&record, folder_fd, &again, &err) == 0 &&
	    again.size != recorded)
		abort();
	if (remove_tree_at(scene_fd, "layer", &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	if (size == 0)
		return 0;
	if (bytes[0] & 1) {
		cleanup_buffer struct buffer record = BUFFER_INIT(TAR_LIMIT), tar = BUFFER_INIT(TAR_LIMIT);
		struct error err = {0};
		if (buffer_append(&record, bytes + 1, size - 1, &err) < 0)
			abort();
		if (join(&record, files_fd, &tar, &err) < 0 && !err.message[0])
			abort();
		return 0;
	}
	cleanup_free char *tar = scene_mend_tar(bytes + 1, size - 1);
	split(tar, size - 1);
	return 0;
}
