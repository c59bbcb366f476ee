/* What the tests of layers share: a folder for each test with a layer inside and a canary beside it. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/layer.h"
#include "base/buffer.h"
#include "base/fd.h"
#include "tar_builder.h"

struct scene {
	char path[32];	/* /tmp/coracle-layer-XXXXXX */
	int folder_fd;	/* the whole */
	int layer_fd;	/* "layer" inside, where archives are unpacked */
	int outside_fd; /* "outside" beside it, with the file "canary" */
	struct buffer tar;
};

int scene_setup(void **state);
int scene_teardown(void **state);
/* The canary and the folder around it are as they were. */
void assert_canary_untouched(const struct scene *scene);

/* Ends the archive and unpacks it; the error's text is checked where `expected` is given. */
void apply_ok(struct scene *scene);
void apply_fails(struct scene *scene, const char *expected);
void assert_file(const struct scene *scene, const char *path, const char *text);
void assert_absent(const struct scene *scene, const char *path);
struct stat status_of(const struct scene *scene, const char *path);
void assert_whiteout(const struct scene *scene, const char *path);
bool is_opaque(const struct scene *scene, const char *path);
