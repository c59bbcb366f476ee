/*
 * The nftables table of one bridge: what bridge.h describes, as chains, rules and maps. IPv4; what differs for another
 * family is in one struct (ruleset.c).
 */
#pragma once

#include <stdbool.h>

#include "network/endpoint.h"

#define RULESET_PORTS_MAP    "ports"
#define RULESET_WILDCARD_MAP "wildcard_ports"

/*
 * Makes the table where it is absent, of another layout, or has lost rules (`nft flush ruleset`, `flush table`). One
 * round trip where nothing is to be done. Any number of processes may do this at the same time: one makes it, the
 * others see it. ret_was_made: this call made it, so it holds no published ports.
 */
int ruleset_ensure(const struct bridge *bridge, bool *ret_was_made, struct error *err);
/* Absent is success. */
int ruleset_remove(const char *table, struct error *err);

/* Elements of the maps, in one transaction. An element of the same host port is replaced. */
int ruleset_add_ports(const char *table, struct in_addr address, const struct published_port *ports, size_t count,
		      struct error *err);
/* Absent elements, and an absent table, are success. */
int ruleset_remove_ports(const char *table, const struct published_port *ports, size_t count, struct error *err);
