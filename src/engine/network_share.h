/* Containers that see others: --network container:ID, and --link. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "engine/network.h"

/* What a container that shares another's network gets of it. Owned descriptors and text. */
struct network_shared {
	int namespace_fd, hostname_fd, hosts_fd, resolv_conf_fd;
	char *hostname;
};
#define NETWORK_SHARED_INIT ((struct network_shared){-1, -1, -1, -1, NULL})
/* ERROR_CONFLICT "cannot join network of a non running container: ID". */
/* That it is shared is noted in the other's run folder, and forgotten at its next start. */
#define NETWORK_SHARED_FILE "shared"
int network_share(struct engine *engine, const char *id, struct network_shared *ret_shared, struct error *err);

/* Whether somebody has shared it since it was started. */
bool network_is_shared(struct engine *engine, const char *id);

/* Adds ALIAS:ADDRESS for each --link. ERROR_CONFLICT "Cannot link to a non running container: …". */
int network_links_resolve(struct engine *engine, const struct container_config *config,
			  const struct network_plan *network, struct string_list *hosts, struct error *err);
