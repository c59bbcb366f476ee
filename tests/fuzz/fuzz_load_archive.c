/*
 * Archives that are loaded: docker-archives and OCI layouts. The whole of `load`, into a store of its own under $TMPDIR
 * (best a tmpfs), which is made anew now and then. Whatever comes, nothing beside the store is touched, and each image
 * that is there has all its layers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "engine/engine.h"
#include "engine/load.h"
#include "scene.h"
#include "store/image.h"
#include "store/layer_folder.h"

#define RUNS_OF_A_STORE 200

int LLVMFuzzerInitialize(int *count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static int scene_fd;
static struct engine *engine;
static unsigned runs;

static void renew_store(void)
{
	struct error err = {0};
	cleanup_free char *root = format_string("%s/root", scene_path);
	cleanup_free char *run_root = format_string("%s/run", scene_path);
	if (engine) {
		engine_free(engine);
		if (remove_tree_at(scene_fd, "root", &err) < 0 || remove_tree_at(scene_fd, "run", &err) < 0)
			abort();
	}
	if (engine_open(root, run_root, &engine, &err) < 0) {
		fprintf(stderr, "%s\n", err.message);
		abort();
	}
}

int LLVMFuzzerInitialize(int *count, char ***arguments)
{
	(void)count, (void)arguments;
	scene_fd = scene_open();
	renew_store();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct error err = {0};
	cleanup_free char *tar = scene_mend_tar(bytes, size);
	struct memory_source memory = {tar, size, 0};
	struct source from = source_from_memory(&memory);
	struct transfer_progress progress = {0};
	if (++runs % RUNS_OF_A_STORE == 0)
		renew_store();
	if (images_load(engine, &from, NULL, &progress, &err) < 0 && !err.message[0])
		abort();
	scene_check_canary();
	return 0;
}
