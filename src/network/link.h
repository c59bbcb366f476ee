/* Interfaces, addresses and routes (rtnetlink(7)) of the network namespace that we are in. Nothing here allocates. */
#pragma once

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "network/endpoint.h"

struct link_status {
	int index; /* 0: there is no such interface */
	bool is_bridge;
	bool is_up;
	bool routes_localnet; /* 127.0.0.0/8 may come and go here */
	bool has_ipv6;	      /* IPv6 is compiled in, loaded, and not disabled on it */
	struct in_addr address;
};
int link_query(int netlink_fd, const char *name, struct link_status *ret_status, struct error *err);

/* The index, or -1: ERROR_NOT_FOUND where there is none. Any socket will do. */
int link_index(int socket_fd, const char *name, struct error *err);

/* 02:42 and the four bytes of the address, as Docker has it. */
void link_hardware_address(struct in_addr address, unsigned char ret_bytes[ETH_ALEN]);

/* A bridge without spanning tree and forward delay, so that a port carries packets at once. It is not up yet. One of
 * the same name is set so. */
int link_make_bridge(int netlink_fd, const struct bridge *bridge, struct error *err);
/* Addresses, route_localnet, up. */
int link_configure_bridge(int netlink_fd, const struct bridge *bridge, int index, struct error *err);

struct link_pair {
	const struct endpoint *endpoint;
	int bridge_index;
	int host_namespace_fd; /* of ours */
	int container_namespace_fd;
};
/* Both ends up, the host's on the bridge. An interface of the host's name is replaced. On failure nothing is left. */
int link_make_pair(int netlink_fd, const struct link_pair *pair, struct error *err);

/* Absent is success. */
int link_remove(int netlink_fd, const char *name, struct error *err);

int link_set_loopback_up(int netlink_fd, struct error *err);
/* lo up, the interface addressed and up, a default route over the gateway where it is the container's: one datagram. */
int link_configure_container(int netlink_fd, const struct endpoint *endpoint, struct error *err);
/* Where the interface is gone, nothing is done. Default routes over the gateway of the endpoint's network. */
int link_set_default_route(int netlink_fd, const struct endpoint *endpoint, bool is_wanted, struct error *err);

/* Calls `visit` for each IPv4 route of every table, default routes left out. */
typedef void link_route_function(void *context, struct in_addr destination, int prefix_length);
int link_list_routes(int netlink_fd, link_route_function *visit, void *context, struct error *err);
