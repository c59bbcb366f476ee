/*
 * Addresses and ports given out on networks (network.h). One row an endpoint and port, so that a UNIQUE constraint
 * decides every race. An endpoint has its row from before its container's start until after its end.
 */
#pragma once

#include <netinet/in.h>

#include "store/network.h"

/* A container on a network. */
struct address_record {
	char *network;	 /* name */
	char *container; /* id */
	int position;	 /* 0: eth0, … */
	struct in_addr address;
	struct in6_addr address6; /* "::" without */
	unsigned char hardware[6];
	struct string_list names; /* by which others on the network find it, besides name and short id */
};
void address_record_release(struct address_record *record);
#define cleanup_address_record CLEANUP(address_record_release)

struct address_records {
	struct address_record *items; /* of one container in the order of positions */
	size_t count;
};
void address_records_release(struct address_records *records);
#define cleanup_address_records CLEANUP(address_records_release)

/*
 * Gives the endpoint an address until address_release(): `record` has what is wished for, and has all of it
 * afterwards. An address of 0 is the next free one, round robin; an IPv6 one follows from it, unless it was wished for;
 * so does the hardware address. An endpoint that is there is told as it is.
 * ERROR_CONFLICT "Address already in use", ERROR_LIMIT where none is left.
 */
int address_assign(struct store *store, const struct network_record *network, struct address_record *record,
		   struct error *err);
/* Of a network, of a container, or (both NULL) all. */
int address_list(struct store *store, const char *network, const char *container, struct address_records *ret_records,
		 struct error *err);
/* All addresses and ports of the container. */
int address_release(struct store *store, const char *container_id, struct error *err);
/* The one on a network, and no ports. */
int address_release_one(struct store *store, const char *container_id, const char *network, struct error *err);

/* The keys that begin with `prefix` and hold an address. */
int address_holders(struct store *store, const char *prefix, struct string_list *ret_holders, struct error *err);

/*
 * ERROR_CONFLICT with Docker's words and the holder's name: "Bind for 0.0.0.0:30001 failed: port is already allocated
 * (by container web)". host_address is "0.0.0.0" (of both families), "127.0.0.1", "::1"; protocol "tcp", "udp", "sctp".
 */
int port_reserve(struct store *store, const char *container_id, const char *host_address, uint16_t host_port,
		 const char *protocol, struct error *err);
