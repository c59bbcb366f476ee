/*
 * A bridge network on this host: one bridge interface with the gateway's address, and one nftables table of our own
 * (`table ip <bridge>`), both made on first use and repaired whenever something is missing.
 *
 * The table (netlink batches of our own; nothing of anybody else's ruleset is touched):
 *   - maps `ports` (host address . protocol . port → container address . port), and `wildcard_ports` (protocol . port →
 * …)
 *   - nat prerouting and output: a lookup in these maps for packets to an address of this host, so that 127.0.0.1, the
 *     host's own addresses and other hosts all reach a published port, others with their true source address
 *   - nat postrouting: masquerade for what leaves the subnet for elsewhere, for 127.0.0.0/8 → container, and hairpin
 *   - raw prerouting: packets to 127.0.0.0/8 from outside loopback are dropped (route_localnet is on for the bridge),
 * so are packets from outside to a published 127.0.0.1 port
 *   - forward: what comes from other interfaces to the subnet without being a published connection is dropped
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct bridge {
	const char *name;      /* interface and table name, at most 15 bytes */
	struct in_addr subnet; /* network byte order */
	int prefix_length;
	struct in_addr gateway;
};

/* Idempotent and cheap when all is there: one netlink round trip each for interface and table. */
int bridge_ensure(const struct bridge *bridge, struct error *err);
/*
 * The same. ret_table_was_made: the table was absent (first use, `nft flush ruleset`) and holds no published ports now;
 * the caller publishes those of running containers again. Exactly one of several processes is told so.
 */
int bridge_ensure_reporting(const struct bridge *bridge, bool *ret_table_was_made, struct error *err);
/* Bridge and table go. Absent is success. */
int bridge_remove(const struct bridge *bridge, struct error *err);
/* The first of Docker's pool of /16 subnets (172.17.0.0 … 172.31.0.0, then 192.168.0.0/20 …) that no route here
 * touches. */
int bridge_choose_subnet(struct in_addr *ret_subnet, int *ret_prefix_length, struct in_addr *ret_gateway,
			 struct error *err);
