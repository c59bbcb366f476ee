/*
 * What cp takes from standard input, compressed or not, is unpacked beside a canary and packed again. Needs root; works
 * in a folder of its own under $TMPDIR, best a tmpfs.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "archive/compression.h"
#include "archive/tree.h"
#include "base/fd.h"
#include "scene.h"

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	scene_fd = scene_open();
	return 0;
}

static int drop(void *context, const void *bytes, size_t size, struct error *err)
{
	(void)context, (void)bytes, (void)size, (void)err;
	return 0;
}

static void unpack(const struct source *from, int folder_fd, bool is_untrusted, struct error *err)
{
	const struct tree_unpack_options options = {.is_untrusted = is_untrusted};
	struct decompressor *decompressor = NULL;
	if (decompressor_new(from, &decompressor, err) < 0)
		return;
	struct source source = decompressor_source(decompressor);
	if (tree_unpack(&source, folder_fd, &options, err) == 0) {
		struct sink sink = {drop, NULL};
		/* A chain of links can make a path that is too long to be packed. */
		if (tree_pack(folder_fd, "x", &sink, err) < 0 && err->kind != ERROR_LIMIT)
			abort();
	}
	decompressor_free(decompressor);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct error err = {0};
	cleanup_free char *tar = scene_mend_tar(bytes, size);
	struct memory_source memory = {tar, size, 0};
	struct source from = source_from_memory(&memory);
	cleanup_close int layer_fd = open_folder_at(scene_fd, "layer", true, 0755, &err);
	if (layer_fd < 0)
		abort();
	unpack(&from, layer_fd, size % 2, &err);
	scene_check_canary();
	struct stat status;
	if (fstatat(scene_fd, "layer", &status, AT_SYMLINK_NOFOLLOW) < 0 || remove_tree_at(scene_fd, "layer", &err) < 0)
		abort();
	return 0;
}
