/* `network connect` and `network disconnect`, of containers that run and of ones that do not. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"

/* `attachment` has the network's name or id, and what is wished for there. */
int network_connect_container(struct engine *engine, const char *container, struct container_attachment *attachment,
			      struct error *err);
/* force: the container may be gone. */
int network_disconnect_container(struct engine *engine, const char *network, const char *container, bool force,
				 struct error *err);
