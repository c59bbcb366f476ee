#include "network/bridge.h"

#include <dirent.h>
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
 * A router advertisement of a container must not give this host an address or a route (CVE-2020-13401), so a bridge
 * without IPv6 has none at all, and one with it takes no advertisements. The directory of the settings appears with the
 * interface.
 */
static int set_ipv6(const struct bridge *bridge, struct error *err)
{
	static const char *const settings[] = {"disable_ipv6", "accept_ra", "autoconf"};
	bool has_ipv6 = bridge->prefix_length6 != 0, exists = true;
	for (size_t i = 0; i < (has_ipv6 ? ARRAY_SIZE(settings) : 1); i++) {
		char setting[64];
		snprintf(setting, sizeof setting, "net/ipv6/conf/%s/%s", bridge->name, settings[i]);
		if (kernel_setting_ensure(setting, has_ipv6 ? '0' : '1', &exists, err) < 0)
			return -1;
	}
	if (has_ipv6 && !exists)
		return error_set(err, ERROR_UNSUPPORTED,
				 "bridge %s: this kernel has no IPv6 (module ipv6, or started with ipv6.disable=1)",
				 bridge->name);
	return 0;
}

static bool is_complete(const struct link_status *status, const struct bridge *bridge)
{
	return status->index && status->is_bridge && status->is_up && status->routes_localnet &&
	       status->has_ipv6 == (bridge->prefix_length6 != 0) && status->address.s_addr == bridge->gateway.s_addr;
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
	if (link_make_bridge(fd, bridge, err) < 0 || set_ipv6(bridge, err) < 0)
		return -1;
	int index = link_index(fd, bridge->name, err);
	if (index < 0)
		return -1;
	return link_configure_bridge(fd, bridge, index, err);
}

/*
 * A host that forwards takes no more router advertisements, unless it is told to (accept_ra 2), and would lose its own
 * default route.
 */
static int forward_ipv6(struct error *err)
{
	char digit = '0';
	if (kernel_setting_read("net/ipv6/conf/all/forwarding", &digit, err) < 0 || digit == '1')
		return digit == '1' ? 0 : -1;
	cleanup_directory DIR *interfaces = opendir("/proc/sys/net/ipv6/conf");
	for (struct dirent *entry; interfaces && (entry = readdir(interfaces));) {
		char setting[sizeof entry->d_name + 64];
		snprintf(setting, sizeof setting, "net/ipv6/conf/%s/accept_ra", entry->d_name);
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "all") == 0 ||
		    strcmp(entry->d_name, "default") == 0 || kernel_setting_read(setting, &digit, NULL) < 0 ||
		    digit != '1')
			continue;
		bool exists;
		if (kernel_setting_ensure(setting, '2', &exists, err) < 0)
			return -1;
	}
	return kernel_setting_ensure("net/ipv6/conf/all/forwarding", '1', NULL, err);
}

int bridge_ensure_reporting(const struct bridge *bridge, bool *ret_table_was_made, struct error *err)
{
	/* The table comes before forwarding is on: there is no moment in which a container can be reached past it. */
	if (check_bridge(bridge, err) < 0 || ensure_interface(bridge, err) < 0 ||
	    ruleset_ensure(bridge, ret_table_was_made, err) < 0)
		return -1;
	if (bridge->is_internal)
		return 0;
	if (bridge->prefix_length6 && forward_ipv6(err) < 0)
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
