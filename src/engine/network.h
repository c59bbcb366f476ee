/* Containers on the default bridge network of this store. */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "network/endpoint.h"
#include "store/address.h"

/* What a container's start needs: filled before the fork, used by the child. */
struct network_plan {
	bool is_bridged;
	struct network_record record;
	struct bridge bridge; /* borrows from record */
	struct endpoint endpoint;
};
void network_plan_release(struct network_plan *plan);
#define cleanup_network_plan CLEANUP(network_plan_release)

/*
 * Makes bridge and table where they are missing, gives out an address, and reserves the published ports: those with
 * host_port 0 get a free one, which is written into config. On failure everything is given back.
 */
int network_plan_container(struct engine *engine, const char *id, struct container_config *config,
			   struct network_plan *ret_plan, struct error *err);

/* In the child, once the namespace exists: the veth pair and the published ports. */
int network_connect(const struct network_plan *plan, const struct container_config *config, pid_t pid,
		    struct error *err);

/* Takes back everything, also after a crash. Absent is success. */
int network_disconnect(struct engine *engine, const char *id, const struct container_config *config, struct error *err);

/* Addresses of build steps whose process has been killed ("build-<pid>"). Best effort. */
void network_release_dead_builds(struct engine *engine);
