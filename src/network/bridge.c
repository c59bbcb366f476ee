#include "network/bridge.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "network/kernel_setting.h"
#include "network/link.h"
#include "network/netlink.h"
#include "network/ruleset.h"

static int check_bridge(const struct bridge *bridge, struct error *err)
{
	size_t length = bridge->name ? strlen(bridge->name) : 0;
	if (length == 0 || length >= IFNAMSIZ)
		return error_set(err, ERROR_INVALID, "bridge name \"%s\": must have 1 to %d bytes",
				 bridge->name ? bridge->name : "", IFNAMSIZ - 1);
	if (strpbrk(bridge->name, "/ \t\n") || strcmp(bridge->name, ".") == 0 || strcmp(bridge->name, "..") == 0)
		return error_set(err, ERROR_INVALID, "bridge name \"%s\": not a name of an interface", bridge->name);
	if (bridge->prefix_length < 1 || bridge->prefix_length > 30)
		return error_set(err, ERROR_INVALID, "bridge %s: prefix length %d, must be 1 to 30", bridge->name,
				 bridge->prefix_length);
	return 0;
}

/*
 * A router advertisement of a container must not give this host an address or a route (CVE-2020-13401), so the bridge
 * has no IPv6. The directory of the setting appears with the interface.
 */
static int turn_ipv6_off(const char *name, struct error *err)
{
	char setting[64];
	snprintf(setting, sizeof setting, "net/ipv6/conf/%s/disable_ipv6", name);
	bool exists;
	return kernel_setting_ensure(setting, '1', &exists, err);
}

static bool is_complete(const struct link_status *status, const struct bridge *bridge)
{
	return status->index && status->is_bridge && status->is_up && status->routes_localnet && !status->has_ipv6 &&
	       status->address.s_addr == bridge->gateway.s_addr;
}

static int ensure_interface(const struct bridge *bridge, struct error *err)
{
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	struct link_status status;
	if (fd < 0 || link_query(fd, bridge->name, &status, err) < 0)
		return -1;
	if (is_complete(&status, bridge))
		return 0;
	if (status.index && !status.is_bridge)
		return error_set(err, ERROR_CONFLICT,
				 "interface %s exists and is not a bridge: rename or remove it (ip link delete %s)",
				 bridge->name, bridge->name);
	if (link_make_bridge(fd, bridge->name, bridge->gateway, err) < 0 || turn_ipv6_off(bridge->name, err) < 0)
		return -1;
	int index = link_index(fd, bridge->name, err);
	if (index < 0)
		return -1;
	return link_configure_bridge(fd, bridge->name, index, bridge->gateway, bridge->prefix_length, err);
}

int bridge_ensure_reporting(const struct bridge *bridge, bool *ret_table_was_made, struct error *err)
{
	/* The table comes before forwarding is on: there is no moment in which a container can be reached past it. */
	if (check_bridge(bridge, err) < 0 || ensure_interface(bridge, err) < 0 ||
	    ruleset_ensure(bridge, ret_table_was_made, err) < 0)
		return -1;
	return kernel_setting_ensure("net/ipv4/ip_forward", '1', NULL, err);
}

int bridge_ensure(const struct bridge *bridge, struct error *err)
{
	bool was_made;
	return bridge_ensure_reporting(bridge, &was_made, err);
}

int bridge_remove(const struct bridge *bridge, struct error *err)
{
	if (check_bridge(bridge, err) < 0)
		return -1;
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	/* The interface first: without its table, containers still on it would be open to others. */
	if (fd < 0 || link_remove(fd, bridge->name, err) < 0)
		return -1;
	return ruleset_remove(bridge->name, err);
}
