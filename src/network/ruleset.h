/*
 * The nftables tables of one bridge, one a family: what bridge.h describes, as chains, rules and maps. What differs
 * between the families is in one struct (ruleset.c).
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

/* Elements of the maps, in one transaction a family. An element of the same host port is replaced. */
int ruleset_add_ports(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		      struct error *err);
/* Absent elements, and an absent table, are success. */
int ruleset_remove_ports(const struct bridge *bridge, const struct published_port *ports, size_t count,
			 struct error *err);
