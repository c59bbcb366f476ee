/* `export`: the files of a container as a plain tar archive. */
#pragma once

#include "base/stream.h"
#include "engine/engine.h"

/*
 * The container's root file system, one tree of its image's layers and what it wrote: no whiteouts, and nothing of its
 * volumes and other mounts, which are empty folders and files in it. It may be running; then files are of the instants
 * at which they are read, and one that is cut short meanwhile is an error. ERROR_NOT_FOUND "No such container: x".
 */
int container_export(struct engine *engine, const char *name, const struct sink *archive, struct error *err);
