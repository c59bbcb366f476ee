/* One container on a bridge: a veth pair, its addresses, its published ports. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "network/bridge.h"

enum port_protocol { PORT_TCP, PORT_UDP, PORT_SCTP };
extern const char *const port_protocol_names[]; /* "tcp", "udp", "sctp" */
bool port_protocol_parse(const char *text, enum port_protocol *ret_protocol);

struct published_port {
	/* AF_UNSPEC: every address of this host; AF_INET: host_address, where 0.0.0.0 is all; AF_INET6: the same. */
	int family;
	struct in_addr host_address;
	struct in6_addr host_address6;
	uint16_t host_port; /* host byte order, as all ports here */
	uint16_t container_port;
	enum port_protocol protocol;
	bool is_on_ipv6_too; /* AF_UNSPEC on a network with IPv6, as of the last start */
};
/* "0.0.0.0" for AF_UNSPEC too. */
void published_port_address(const struct published_port *port, char ret_text[INET6_ADDRSTRLEN]);

struct endpoint {
	const struct bridge *bridge;
	char host_interface[16]; /* "veth" + the last 8 digits of the container's id, and a number but for the first */
	char container_interface[16]; /* "eth0" */
	struct in_addr address;
	struct in6_addr address6; /* with bridge.prefix_length6 */
	unsigned char hardware[6];
	bool is_gateway; /* its default routes are the container's */
};

/* What a namespace gets; none: lo alone. */
struct endpoints {
	const struct endpoint *items;
	size_t count;
};

/* From the host: makes the pair, one end on the bridge, the other as eth0 in the network namespace of `pid`. */
int endpoint_attach(const struct endpoint *endpoint, pid_t pid, struct error *err);
/* From inside the namespace, before confinement: lo up, the interfaces addressed, up, default route. Allocates nothing.
 * For runtime_inside.configure: context is a struct endpoints. */
int endpoint_configure_inside(const void *endpoints, struct error *err);
/* The same for one more interface of a running container. */
int endpoint_configure_in(const struct endpoint *endpoint, pid_t pid, struct error *err);
/* Gives or takes the default routes over the endpoint's network. */
int endpoint_route_in(const struct endpoint *endpoint, pid_t pid, bool is_wanted, struct error *err);
/* Removes the host's end where the namespace's death has not done it yet. Absent is success. */
int endpoint_detach(const struct endpoint *endpoint, struct error *err);

/* Elements of the table's maps, all in one transaction. */
int endpoint_publish(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		     struct error *err);
/* Absent elements are success. New connections are refused from now on; a UDP flow that the kernel's connection
 * tracking knows still leads to the old address until it has been silent for its timeout (30 to 120 s). */
int endpoint_unpublish(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		       struct error *err);
/* Whether another program of this host listens on the port (a bind(2) that fails); ERROR_CONFLICT with Docker's words
 * "failed to bind host port for 0.0.0.0:80: address already in use", and who that is (port_holder.h). */
int endpoint_check_port_free(const struct published_port *port, struct error *err);
