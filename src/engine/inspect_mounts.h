/* Mounts as `inspect` tells them: what was asked for, and what is there. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"

json_t *inspect_binds(const struct container_config *config);			      /* HostConfig.Binds: of -v */
void inspect_add_mounts(json_t *host, const struct container_config *config);	      /* HostConfig.Mounts and Tmpfs */
json_t *inspect_mounts(struct engine *engine, const struct container_config *config); /* Mounts */
