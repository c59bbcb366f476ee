/*
 * `diff`: what a container has changed of its image's files, from the overlay's upper folder. Volumes and what the
 * kernel makes up are no part of it; neither are the empty files that a start puts into the image for /etc/hosts,
 * /etc/hostname and /etc/resolv.conf to be mounted on.
 */
#pragma once

#include "base/string_list.h"
#include "engine/engine.h"

/*
 * Lines "A /path" (added), "C /path" (changed), "D /path" (deleted), in Docker's order: each folder's names sorted, a
 * folder before what is in it. A folder is changed where its mode, owner or time is, or where something was added to it
 * or deleted from it. It may be running; then what it does meanwhile may be missing.
 */
int container_diff(struct engine *engine, const char *name, struct string_list *ret_lines, struct error *err);

/* Whether `name` in the open folder `folder` (its path in the container: "etc") is one of those empty files. */
bool container_is_stub(int folder_fd, const char *folder, const char *name);
/* What the container wrote; owned, -1 where it was never started. */
int container_open_written(struct engine *engine, const char *id);
