/*
 * What fuzzers that touch files share: a folder of their own under $TMPDIR (best a tmpfs), removed at the end, and a
 * canary beside what they work on.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Makes the folder, once; its path is scene_path. Aborts where that fails. */
int scene_open(void);
extern char scene_path[256];
/* Aborts where anything has touched the canary. */
void scene_check_canary(void);
/* A tar archive with its checksums put right, so that a changed header is read all the same; owned by the caller. */
char *scene_mend_tar(const uint8_t *bytes, size_t size);
