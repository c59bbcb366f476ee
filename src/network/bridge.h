/*
 * A bridge network on this host: one bridge interface with the gateway's address, and one nftables table of our own
 * (`table ip <bridge>`, and with IPv6 `table ip6 <bridge>`), both made on first use and repaired whenever something is
 * missing.
 *
 * The table (netlink batches of our own; nothing of anybody else's ruleset is touched):
 *   - maps `ports` (host address . protocol . port → container address . port), and `wildcard_ports` (protocol . port →
 * …)
 *   - nat prerouting and output: a lookup in these maps for packets to an address of this host, so that 127.0.0.1, the
 *     host's own addresses and other hosts all reach a published port, others with their true source address
 *   - nat postrouting: masquerade for what leaves the subnet for elsewhere, for 127.0.0.0/8 → container, and hairpin
 *   - raw prerouting: packets to 127.0.0.0/8 from outside loopback are dropped (route_localnet is on for the bridge),
 * so are packets from outside to a published 127.0.0.1 port
 *   - forward: what comes from other interfaces to the subnet without being a published connection is dropped;
 *     of an internal network also what goes elsewhere. So networks are closed to each other as well.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/prefix.h"

struct bridge {
	const char *name;      /* interface and table name, at most 15 bytes */
	struct in_addr subnet; /* network byte order */
	int prefix_length;
	struct in_addr gateway;
	struct in6_addr subnet6;
	int prefix_length6; /* 0: no IPv6 */
	struct in6_addr gateway6;
	bool is_internal;     /* nothing leaves it, nothing comes in */
	bool keeps_addresses; /* what leaves it is not masqueraded */
	bool separates;	      /* containers on it reach the host alone, not each other */
	int mtu;	      /* 0: the kernel's */
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
/* The first of Docker's pool of /16 subnets (172.17.0.0 … 172.31.0.0, then 192.168.0.0/20 …) that neither a route here
 * nor one of `taken` touches. */
int bridge_choose_subnet(const struct prefix *taken, size_t count, struct in_addr *ret_subnet, int *ret_prefix_length,
			 struct in_addr *ret_gateway, struct error *err);
