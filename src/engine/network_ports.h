/* Which ports of this host a container gets. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "store/address.h"

/* Those of config, on the network that they are published on; host_port 0 becomes a free one. On failure some may be
 * reserved: address_release(). */
int network_reserve_ports(struct engine *engine, const char *id, const struct network_record *network,
			  struct container_config *config, struct error *err);
/* Whether a running container publishes its ports on this one of its networks. */
int network_publishes(struct engine *engine, const char *id, const char *network, bool *ret_publishes,
		      struct error *err);
