/* What a container is to have of others: --volumes-from, and the ids behind `container:NAME`. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"

/*
 * Before the image's defaults: the volumes and folders of each "CONTAINER[:ro|rw|z|Z]" where the user has put nothing
 * of her own, and each named container by its id. ERROR_NOT_FOUND "No such container: X".
 */
int container_config_borrow(struct engine *engine, struct container_config *config, struct error *err);
