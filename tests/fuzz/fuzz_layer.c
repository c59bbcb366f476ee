/*
 * Layers, compressed or not, are unpacked beside a canary and packed again. Needs root; works in a folder of its own
 * under $TMPDIR, best a tmpfs.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;
static struct stat canary;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	const char *parent = getenv("TMPDIR");
	char path[256];
	struct error err = {0};
	snprintf(path, sizeof path, "%.200s/coracle-fuzz-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(path) || (scene_fd = open_folder(path, false, 0, &err)) < 0 ||
	    mkdirat(scene_fd, "canary", 0711) < 0 || fstatat(scene_fd, "canary", &canary, 0) < 0)
		abort();
	return 0;
}

static void check_canary(void)
{
	struct stat now;
	if (fstatat(scene_fd, "canary", &now, 0) < 0 ||
	    memcmp(&now.st_mode, &canary.st_mode, sizeof now.st_mode) != 0 || now.st_uid != canary.st_uid ||
	    now.st_ctim.tv_sec != canary.st_ctim.tv_sec || now.st_ctim.tv_nsec != canary.st_ctim.tv_nsec)
		abort();
}

static int drop(void *context, const void *bytes, size_t size, struct error *err)
{
	(void)context, (void)bytes, (void)size, (void)err;
	return 0;
}

static void unpack(const struct source *from, int layer_fd, struct error *err)
{
	const struct layer_limits limits = {.bytes = 1 << 20, .entries = 200};
	struct decompressor *decompressor = NULL;
	if (decompressor_new(from, &decompressor, err) < 0)
		return;
	struct source source = decompressor_source(decompressor);
	if (layer_apply(&source, layer_fd, &limits, NULL, err) == 0) {
		const struct layer_diff_options options = {.form = LAYER_FORM_DIFF};
		struct sink sink = {drop, NULL};
		/* A chain of links can make a path that is too long to be packed. */
		if (layer_diff(layer_fd, &options, &sink, NULL, err) < 0 && err->kind != ERROR_LIMIT)
			abort();
	}
	decompressor_free(decompressor);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct error err = {0};
	struct memory_source memory = {bytes, size, 0};
	struct source from = source_from_memory(&memory);
	cleanup_close int layer_fd = open_folder_at(scene_fd, "layer", true, 0755, &err);
	if (layer_fd < 0)
		abort();
	unpack(&from, layer_fd, &err);
	check_canary();
	struct stat status;
	if (fstatat(scene_fd, "layer", &status, AT_SYMLINK_NOFOLLOW) < 0 || remove_tree_at(scene_fd, "layer", &err) < 0)
		abort();
	return 0;
}
