/*
 * Containers on networks of this store: what a start needs and an end gives back.
 *
 * Every network that a container is on is a link: a row in the store that holds its address, a veth pair, an interface
 * eth0, eth1, … in its namespace. The first one that is not internal is its gateway: default route, published ports.
 */
#pragma once

#include "engine/container_config.h"
#include "engine/engine.h"
#include "network/endpoint.h"
#include "store/address.h"

struct network_link {
	struct network_record record;
	struct bridge bridge; /* borrows from record */
	struct address_record address;
};
void network_link_release(struct network_link *link);
#define cleanup_network_link CLEANUP(network_link_release)

/* What a container's start needs: filled before the fork, used by the child. */
struct network_plan {
	struct network_link *links;
	size_t count; /* 0: no network of ours */
	struct endpoint *items;
	struct endpoints endpoints; /* items, for endpoint_configure_inside() */
	ptrdiff_t gateway;	    /* index of a link, -1: none */
};
void network_plan_release(struct network_plan *plan);
#define cleanup_network_plan CLEANUP(network_plan_release)

/* Of network "bridge", which is made where it is not there yet. */
int network_default(struct engine *engine, struct network_record *ret_record, struct error *err);
/* "cor-1a2b3c4d": an interface's name for a network of this store. */
char *network_bridge_name(const char *network_id);
void network_fill_bridge(const struct network_record *record, struct bridge *ret_bridge);
void network_fill_endpoint(const struct network_link *link, bool is_gateway, struct endpoint *ret_endpoint);
bool network_is_default(const struct network_record *record);

/*
 * Gives out addresses, makes bridges and tables where they are missing, and reserves the published ports: those with
 * host_port 0 get a free one, which is written into config. On failure everything is given back.
 */
int network_plan_container(struct engine *engine, const char *id, struct container_config *config,
			   struct network_plan *ret_plan, struct error *err);
/* One link of it, with its bridge in the kernel. */
int network_plan_link(struct engine *engine, const char *id, const struct container_config *config,
		      const struct container_attachment *attachment, int position, struct network_link *ret_link,
		      struct error *err);

/* Its addresses as texts, IPv4 and IPv6. */
void network_plan_addresses(const struct network_plan *plan, struct string_list *addresses);
/* Whether names are resolved by a resolver of ours: it is on a network that a user made. */
bool network_plan_has_resolver(const struct network_plan *plan);

/* In the child, once the namespace exists: the veth pairs and the published ports. On failure nothing is left. */
int network_connect(const struct network_plan *plan, const struct container_config *config, pid_t pid,
		    struct error *err);
/* After a start that failed later than that. */
void network_take_back(const struct network_plan *plan, const struct container_config *config);

/* Takes back everything, also after a crash. Absent is success. */
int network_disconnect(struct engine *engine, const char *id, const struct container_config *config, struct error *err);

/* Makes what somebody's `nft flush ruleset` took, for all networks that containers are on. */
int network_restore(struct engine *engine, struct error *err);

/* Addresses of build steps whose process has been killed ("build-<pid>"). Best effort. */
void network_release_dead_builds(struct engine *engine);
