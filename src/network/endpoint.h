/* One container on a bridge: a veth pair, its addresses, its published ports. */
#pragma once

#include <stddef.h>
#include <sys/types.h>

#include "network/bridge.h"

struct published_port {
	struct in_addr host_address; /* 0.0.0.0: every address of this host */
	uint16_t host_port;	     /* host byte order, as all ports here */
	uint16_t container_port;
	bool is_udp;
};

struct endpoint {
	const struct bridge *bridge;
	char host_interface[16]; /* "veth" + the last 8 digits of the container's id */
	struct in_addr address;
};

/* From the host: makes the pair, one end on the bridge, the other as eth0 in the network namespace of `pid`. */
int endpoint_attach(const struct endpoint *endpoint, pid_t pid, struct error *err);
/* From inside the namespace, before confinement: lo up, eth0 named, addressed, up, default route. Allocates nothing.
 * For runtime_inside.configure: context is a struct endpoint, or NULL for a namespace with only lo. */
int endpoint_configure_inside(const void *endpoint, struct error *err);
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
 * "failed to bind host port for 0.0.0.0:80: address already in use". */
int endpoint_check_port_free(const struct published_port *port, struct error *err);
