#include "scene.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"

#define BLOCK_SIZE    512
#define CHECKSUM_AT   148
#define CHECKSUM_SIZE 8
#define MAGIC_AT      257

char scene_path[256];
static int scene_fd = -1;
static struct stat canary;

static void scene_remove(void)
{
	struct error err = {0};
	remove_tree_at(AT_FDCWD, scene_path, &err);
}

int scene_open(void)
{
	const char *parent = getenv("TMPDIR");
	struct error err = {0};
	snprintf(scene_path, sizeof scene_path, "%.200s/coracle-fuzz-XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(scene_path) || (scene_fd = open_folder(scene_path, false, 0, &err)) < 0 ||
	    mkdirat(scene_fd, "canary", 0711) < 0 || fstatat(scene_fd, "canary", &canary, 0) < 0)
		abort();
	atexit(scene_remove);
	return scene_fd;
}

void scene_check_canary(void)
{
	struct stat now;
	if (fstatat(scene_fd, "canary", &now, 0) < 0 || now.st_mode != canary.st_mode || now.st_uid != canary.st_uid ||
	    now.st_ino != canary.st_ino || now.st_ctim.tv_sec != canary.st_ctim.tv_sec ||
	    now.st_ctim.tv_nsec != canary.st_ctim.tv_nsec)
		abort();
}

char *scene_mend_tar(const uint8_t *bytes, size_t size)
{
	char *tar = duplicate_bytes(bytes, size);
	for (size_t at = 0; at + BLOCK_SIZE <= size; at += BLOCK_SIZE) {
		unsigned char *block = (unsigned char *)tar + at;
		unsigned sum = 0;
		if (memcmp(block + MAGIC_AT, "ustar", 5) != 0)
			continue;
		memset(block + CHECKSUM_AT, ' ', CHECKSUM_SIZE);
		for (size_t i = 0; i < BLOCK_SIZE; i++)
			sum += block[i];
		snprintf((char *)block + CHECKSUM_AT, CHECKSUM_SIZE, "%06o", sum);
	}
	return tar;
}
