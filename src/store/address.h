/*
 * Networks of this store and the addresses and ports given out on them. One row a network, endpoint and port, so that a
 * UNIQUE constraint decides every race.
 */
#pragma once

#include <netinet/in.h>

#include "store/container.h"

struct network_record {
	char *name;	       /* "bridge" */
	char *bridge;	       /* interface name, at most 15 bytes */
	struct in_addr subnet; /* network byte order */
	int prefix_length;
	struct in_addr gateway;
};
void network_record_release(struct network_record *record);
#define cleanup_network_record CLEANUP(network_record_release)

int network_record_find(struct store *store, const char *name, struct network_record *ret_record, struct error *err);
int network_record_add(struct store *store, const struct network_record *record, struct error *err);

/* The next free address, round robin, given to the container until network_release(). */
int address_assign(struct store *store, const struct network_record *network, const char *container_id,
		   struct in_addr *ret_address, struct error *err);
/* ERROR_CONFLICT with Docker's words and the holder's name: "Bind for 0.0.0.0:30001 failed: port is already allocated".
 */
int port_reserve(struct store *store, const char *container_id, struct in_addr host_address, uint16_t host_port,
		 bool is_udp, struct error *err);
/* All addresses and ports of the container. */
int address_release(struct store *store, const char *container_id, struct error *err);
int address_find(struct store *store, const char *container_id, struct in_addr *ret_address, struct error *err);

/* The keys that begin with `prefix` and hold an address. */
int address_holders(struct store *store, const char *prefix, struct string_list *ret_holders, struct error *err);
