/* The sources of a container's mounts, opened before the fork. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"

/* *ret_mounts, owned by the caller with the descriptors of its first *ret_count entries, is set on failure too. */
int launch_mounts_open(struct engine *engine, const struct container_config *config, struct spec_mount **ret_mounts,
		       size_t *ret_count, struct error *err);
void launch_mounts_close(struct spec_mount *mounts, size_t count);
