#include "network/link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "network/netlink.h"

#define LOOPBACK_INDEX 1
#define DUMP_TRIES     16

static void begin_link(struct netlink_batch *batch, uint16_t type, uint16_t flags, int index, uint32_t interface_flags,
		       const char *what)
{
	struct ifinfomsg header = {
		.ifi_family = AF_UNSPEC,
		.ifi_index = index,
		.ifi_flags = interface_flags,
		.ifi_change = interface_flags,
	};
	netlink_begin(batch, type, flags, &header, sizeof header, what);
}

static void note_protocols(struct link_status *status, const struct nlattr *protocols)
{
	const struct nlattr *families[AF_INET6 + 1];
	netlink_parse_nested(protocols, families, AF_INET6);
	const struct nlattr *inet[IFLA_INET_CONF + 1];
	netlink_parse_nested(families[AF_INET], inet, IFLA_INET_CONF);
	const struct nlattr *inet6[IFLA_INET6_CONF + 1];
	netlink_parse_nested(families[AF_INET6], inet6, IFLA_INET6_CONF);
	/* Arrays of 32 bit values; IPv4's numbers begin at 1, IPv6's at 0. */
	uint32_t value;
	const struct nlattr *settings = inet[IFLA_INET_CONF];
	if (settings && netlink_size(settings) >= IPV4_DEVCONF_ROUTE_LOCALNET * sizeof value) {
		memcpy(&value, (const char *)netlink_data(settings) + (IPV4_DEVCONF_ROUTE_LOCALNET - 1) * sizeof value,
		       sizeof value);
		status->routes_localnet = value != 0;
	}
	settings = inet6[IFLA_INET6_CONF];
	if (settings && netlink_size(settings) >= (DEVCONF_DISABLE_IPV6 + 1) * sizeof value) {
		memcpy(&value, (const char *)netlink_data(settings) + DEVCONF_DISABLE_IPV6 * sizeof value,
		       sizeof value);
		status->has_ipv6 = value == 0;
	}
}

static void note_link(void *context, const struct nlmsghdr *message)
{
	struct link_status *status = context;
	if (message->nlmsg_type != RTM_NEWLINK || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return;
	const struct ifinfomsg *header = NLMSG_DATA(message);
	status->index = header->ifi_index;
	status->is_up = header->ifi_flags & IFF_UP;
	const struct nlattr *table[IFLA_AF_SPEC + 1];
	netlink_parse_message(message, sizeof *header, table, IFLA_AF_SPEC);
	const struct nlattr *kind[IFLA_INFO_KIND + 1];
	netlink_parse_nested(table[IFLA_LINKINFO], kind, IFLA_INFO_KIND);
	status->is_bridge = netlink_is_string(kind[IFLA_INFO_KIND], "bridge");
	note_protocols(status, table[IFLA_AF_SPEC]);
}

static struct ifreq request_for(const char *name)
{
	struct ifreq request = {0};
	strncpy(request.ifr_name, name, sizeof request.ifr_name - 1);
	return request;
}

/* Netlink has addresses only as a dump of all; the older way answers for one interface. 0.0.0.0 where it has none. */
static int read_address(const char *name, struct in_addr *ret_address, struct error *err)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return error_set_errno(err, errno, "open a socket");
	struct ifreq request = request_for(name);
	struct sockaddr_in address = {0};
	if (ioctl(fd, SIOCGIFADDR, &request) == 0)
		memcpy(&address, &request.ifr_addr, sizeof address);
	*ret_address = address.sin_addr;
	return 0;
}

int link_query(int netlink_fd, const char *name, struct link_status *ret_status, struct error *err)
{
	struct link_status status = {0};
	NETLINK_BATCH(batch, 128);
	begin_link(&batch, RTM_GETLINK, 0, 0, 0, "look for interface");
	netlink_put_string(&batch, IFLA_IFNAME, name);
	netlink_put_u32(&batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	netlink_expect_reply(&batch);
	netlink_tolerate(&batch, ENODEV);
	if (netlink_exchange(netlink_fd, &batch, note_link, &status, err) < 0)
		return error_wrap(err, "interface %s", name);
	if (status.index && read_address(name, &status.address, err) < 0)
		return -1;
	*ret_status = status;
	return 0;
}

int link_index(int socket_fd, const char *name, struct error *err)
{
	struct ifreq request = request_for(name);
	if (ioctl(socket_fd, SIOCGIFINDEX, &request) == 0)
		return request.ifr_ifindex;
	if (errno == ENODEV)
		return error_set(err, ERROR_NOT_FOUND, "interface %s does not exist", name);
	return error_set_errno(err, errno, "look for interface %s", name);
}

void link_hardware_address(struct in_addr address, unsigned char ret_bytes[ETH_ALEN])
{
	ret_bytes[0] = 0x02; /* locally administered, unicast */
	ret_bytes[1] = 0x42;
	memcpy(ret_bytes + 2, &address.s_addr, sizeof address.s_addr);
}

int link_make_bridge(int netlink_fd, const struct bridge *bridge, struct error *err)
{
	unsigned char hardware[ETH_ALEN];
	link_hardware_address(bridge->gateway, hardware);
	NETLINK_BATCH(batch, 256);
	begin_link(&batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_ACK, 0, 0, "make the bridge");
	netlink_put_string(&batch, IFLA_IFNAME, bridge->name);
	/* One that is set stays; a bridge without takes that of whichever port came first. */
	netlink_put(&batch, IFLA_ADDRESS, hardware, sizeof hardware);
	if (bridge->mtu)
		netlink_put_u32(&batch, IFLA_MTU, (uint32_t)bridge->mtu);
	size_t information = netlink_nest(&batch, IFLA_LINKINFO);
	netlink_put_string(&batch, IFLA_INFO_KIND, "bridge");
	size_t data = netlink_nest(&batch, IFLA_INFO_DATA);
	netlink_put_u32(&batch, IFLA_BR_STP_STATE, 0);
	netlink_put_u32(&batch, IFLA_BR_FORWARD_DELAY, 0);
	netlink_nest_end(&batch, data);
	netlink_nest_end(&batch, information);
	if (netlink_exchange(netlink_fd, &batch, NULL, NULL, err) == 0)
		return 0;
	if (err->system_errno == EOPNOTSUPP)
		return error_wrap(err, "interface %s (kernel option CONFIG_BRIDGE, module bridge)", bridge->name);
	return error_wrap(err, "interface %s", bridge->name);
}

static void put_address(struct netlink_batch *batch, int index, struct in_addr address, int prefix_length)
{
	struct ifaddrmsg header = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (uint8_t)prefix_length,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)index,
	};
	netlink_begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header, "add address");
	netlink_tolerate(batch, EEXIST);
	netlink_put(batch, IFA_LOCAL, &address, sizeof address);
	netlink_put(batch, IFA_ADDRESS, &address, sizeof address);
	if (prefix_length > 0 && prefix_length < 31) {
		struct in_addr broadcast = {address.s_addr | htonl(UINT32_MAX >> prefix_length)};
		netlink_put(batch, IFA_BROADCAST, &broadcast, sizeof broadcast);
	}
}

/* The store gives each to one endpoint: nothing needs to be asked of the neighbours, and it can be used at once. */
static void put_address6(struct netlink_batch *batch, int index, const struct in6_addr *address, int prefix_length)
{
	struct ifaddrmsg header = {
		.ifa_family = AF_INET6,
		.ifa_prefixlen = (uint8_t)prefix_length,
		.ifa_scope = RT_SCOPE_UNIVERSE,
		.ifa_index = (uint32_t)index,
		.ifa_flags = IFA_F_NODAD,
	};
	netlink_begin(batch, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &header, sizeof header,
		      "add IPv6 address");
	netlink_tolerate(batch, EEXIST);
	netlink_put(batch, IFA_LOCAL, address, sizeof *address);
	netlink_put(batch, IFA_ADDRESS, address, sizeof *address);
}

int link_configure_bridge(int netlink_fd, const struct bridge *bridge, int index, struct error *err)
{
	NETLINK_BATCH(batch, 512);
	begin_link(&batch, RTM_NEWLINK, NLM_F_ACK, index, 0, "let 127.0.0.0/8 be routed (route_localnet)");
	size_t protocols = netlink_nest(&batch, IFLA_AF_SPEC);
	size_t inet = netlink_nest(&batch, AF_INET);
	size_t settings = netlink_nest(&batch, IFLA_INET_CONF);
	netlink_put_u32(&batch, IPV4_DEVCONF_ROUTE_LOCALNET, 1);
	netlink_nest_end(&batch, settings);
	netlink_nest_end(&batch, inet);
	netlink_nest_end(&batch, protocols);
	put_address(&batch, index, bridge->gateway, bridge->prefix_length);
	if (bridge->prefix_length6)
		put_address6(&batch, index, &bridge->gateway6, bridge->prefix_length6);
	begin_link(&batch, RTM_NEWLINK, NLM_F_ACK, index, IFF_UP, "set up");
	if (netlink_exchange(netlink_fd, &batch, NULL, NULL, err) < 0)
		return error_wrap(err, "interface %s", bridge->name);
	return 0;
}

/*
 * The container's end is what the request is about, and the host's is its peer, since only the former can be made up: a
 * peer cannot be opened before it has its other half. It gets up first, so that both have a carrier once the host's
 * follows.
 */
static void put_pair(struct netlink_batch *batch, const struct link_pair *pair)
{
	const struct endpoint *endpoint = pair->endpoint;
	begin_link(batch, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, 0, IFF_UP, "make veth pair");
	netlink_put_string(batch, IFLA_IFNAME, endpoint->container_interface);
	netlink_put(batch, IFLA_ADDRESS, endpoint->hardware, sizeof endpoint->hardware);
	if (endpoint->bridge->mtu)
		netlink_put_u32(batch, IFLA_MTU, (uint32_t)endpoint->bridge->mtu);
	netlink_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)pair->container_namespace_fd);
	/* Left alone, the kernel makes a queue for each processor, and a folder in sysfs for each queue. */
	netlink_put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
	netlink_put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
	size_t information = netlink_nest(batch, IFLA_LINKINFO);
	netlink_put_string(batch, IFLA_INFO_KIND, "veth");
	size_t data = netlink_nest(batch, IFLA_INFO_DATA);
	size_t peer = netlink_nest(batch, VETH_INFO_PEER);
	struct ifinfomsg header = {.ifi_family = AF_UNSPEC};
	netlink_put_raw(batch, &header, sizeof header);
	netlink_put_string(batch, IFLA_IFNAME, endpoint->host_interface);
	if (endpoint->bridge->mtu)
		netlink_put_u32(batch, IFLA_MTU, (uint32_t)endpoint->bridge->mtu);
	netlink_put_u32(batch, IFLA_NET_NS_FD, (uint32_t)pair->host_namespace_fd);
	netlink_put_u32(batch, IFLA_NUM_TX_QUEUES, 1);
	netlink_put_u32(batch, IFLA_NUM_RX_QUEUES, 1);
	netlink_nest_end(batch, peer);
	netlink_nest_end(batch, data);
	netlink_nest_end(batch, information);
}

static void begin_link_named(struct netlink_batch *batch, uint32_t interface_flags, const char *name, const char *what)
{
	begin_link(batch, RTM_NEWLINK, NLM_F_ACK, 0, interface_flags, what);
	netlink_put_string(batch, IFLA_IFNAME, name);
}

/*
 * Packets pass once the kernel's link watch, which runs later, has seen the carrier; what is sent before is lost, and
 * TCP tries again only after a second. Asking for the interface makes Linux 6.8 and later do it now. Before, it is done
 * by the time that the container's program is loaded.
 */
static void put_carrier_wait(struct netlink_batch *batch, const char *name)
{
	begin_link(batch, RTM_GETLINK, 0, 0, 0, "look for interface");
	netlink_put_string(batch, IFLA_IFNAME, name);
	netlink_put_u32(batch, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	netlink_expect_reply(batch);
}

static void put_port(struct netlink_batch *batch, const struct link_pair *pair)
{
	const char *name = pair->endpoint->host_interface;
	/* Before it is up: a port of a bridge needs no IPv6 of its own. */
	begin_link_named(batch, 0, name, "set no IPv6 address");
	netlink_tolerate(batch, EAFNOSUPPORT);
	size_t protocols = netlink_nest(batch, IFLA_AF_SPEC);
	size_t inet6 = netlink_nest(batch, AF_INET6);
	netlink_put_u8(batch, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
	netlink_nest_end(batch, inet6);
	netlink_nest_end(batch, protocols);

	begin_link_named(batch, 0, name, "put on the bridge");
	netlink_put_u32(batch, IFLA_MASTER, (uint32_t)pair->bridge_index);

	/* With bridge-nf-call-iptables, a connection from a container to its own published port is turned around
	 * within the bridge, which sends nothing back to the port it came from unless told so. */
	begin_link_named(batch, IFF_UP, name, "set hairpin mode and up");
	size_t information = netlink_nest(batch, IFLA_LINKINFO);
	netlink_put_string(batch, IFLA_INFO_SLAVE_KIND, "bridge");
	size_t data = netlink_nest(batch, IFLA_INFO_SLAVE_DATA);
	netlink_put_u8(batch, IFLA_BRPORT_MODE, 1);
	if (pair->endpoint->bridge->separates)
		netlink_put_u8(batch, IFLA_BRPORT_ISOLATED, 1);
	netlink_nest_end(batch, data);
	netlink_nest_end(batch, information);
}

int link_make_pair(int netlink_fd, const struct link_pair *pair, struct error *err)
{
	for (bool is_second_try = false;; is_second_try = true) {
		NETLINK_BATCH(batch, 768);
		put_pair(&batch, pair);
		put_port(&batch, pair);
		put_carrier_wait(&batch, pair->endpoint->host_interface);
		if (netlink_exchange(netlink_fd, &batch, NULL, NULL, err) == 0)
			return 0;
		/* The container's last start: the kernel takes a dead namespace's interfaces down some time later. */
		bool is_left_over = err->system_errno == EEXIST && !is_second_try;
		struct error remove_error = {0};
		bool is_removed = link_remove(netlink_fd, pair->endpoint->host_interface, &remove_error) == 0;
		if (!is_left_over || !is_removed)
			return error_wrap(err, "interfaces %s and %s", pair->endpoint->host_interface,
					  pair->endpoint->container_interface);
		error_clear(err);
	}
}

int link_remove(int netlink_fd, const char *name, struct error *err)
{
	NETLINK_BATCH(batch, 128);
	begin_link(&batch, RTM_DELLINK, NLM_F_ACK, 0, 0, "remove interface");
	netlink_put_string(&batch, IFLA_IFNAME, name);
	netlink_tolerate(&batch, ENODEV);
	if (netlink_exchange(netlink_fd, &batch, NULL, NULL, err) < 0)
		return error_wrap(err, "interface %s", name);
	return 0;
}

int link_set_loopback_up(int netlink_fd, struct error *err)
{
	NETLINK_BATCH(batch, 64);
	begin_link(&batch, RTM_NEWLINK, NLM_F_ACK, LOOPBACK_INDEX, IFF_UP, "set interface lo up");
	return netlink_exchange(netlink_fd, &batch, NULL, NULL, err);
}

static void put_default_route(struct netlink_batch *batch, uint16_t type, int family, int index, const void *gateway,
			      size_t size)
{
	struct rtmsg route = {
		.rtm_family = (unsigned char)family,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_scope = RT_SCOPE_UNIVERSE,
		.rtm_type = RTN_UNICAST,
	};
	bool is_new = type == RTM_NEWROUTE;
	netlink_begin(batch, type, (is_new ? NLM_F_CREATE | NLM_F_REPLACE : 0) | NLM_F_ACK, &route, sizeof route,
		      is_new ? "add default route" : "remove default route");
	if (!is_new)
		netlink_tolerate(batch, ESRCH);
	netlink_put(batch, RTA_GATEWAY, gateway, size);
	netlink_put_u32(batch, RTA_OIF, (uint32_t)index);
}

static void put_default_routes(struct netlink_batch *batch, uint16_t type, int index, const struct bridge *bridge)
{
	put_default_route(batch, type, AF_INET, index, &bridge->gateway, sizeof bridge->gateway);
	if (bridge->prefix_length6)
		put_default_route(batch, type, AF_INET6, index, &bridge->gateway6, sizeof bridge->gateway6);
}

int link_configure_container(int netlink_fd, const struct endpoint *endpoint, struct error *err)
{
	const struct bridge *bridge = endpoint->bridge;
	int index = link_index(netlink_fd, endpoint->container_interface, err);
	if (index < 0)
		return -1;
	NETLINK_BATCH(batch, 768);
	begin_link(&batch, RTM_NEWLINK, NLM_F_ACK, LOOPBACK_INDEX, IFF_UP, "set interface lo up");
	put_address(&batch, index, endpoint->address, bridge->prefix_length);
	if (bridge->prefix_length6)
		put_address6(&batch, index, &endpoint->address6, bridge->prefix_length6);
	begin_link(&batch, RTM_NEWLINK, NLM_F_ACK, index, IFF_UP, "set up");
	if (endpoint->is_gateway)
		put_default_routes(&batch, RTM_NEWROUTE, index, bridge);
	put_carrier_wait(&batch, endpoint->container_interface);
	if (netlink_exchange(netlink_fd, &batch, NULL, NULL, err) < 0)
		return error_wrap(err, "interface %s of the container", endpoint->container_interface);
	return 0;
}

int link_set_default_route(int netlink_fd, const struct endpoint *endpoint, bool is_wanted, struct error *err)
{
	struct error reason = {0};
	int index = link_index(netlink_fd, endpoint->container_interface, &reason);
	if (index < 0)
		return reason.kind == ERROR_NOT_FOUND ? 0 : error_set(err, reason.kind, "%s", reason.message);
	NETLINK_BATCH(batch, 256);
	put_default_routes(&batch, is_wanted ? RTM_NEWROUTE : RTM_DELROUTE, index, endpoint->bridge);
	return netlink_exchange(netlink_fd, &batch, NULL, NULL, err);
}

struct route_visit {
	link_route_function *visit;
	void *context;
};

static void note_route(void *context, const struct nlmsghdr *message)
{
	const struct route_visit *visit = context;
	if (message->nlmsg_type != RTM_NEWROUTE || message->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg)))
		return;
	const struct rtmsg *header = NLMSG_DATA(message);
	const struct nlattr *table[RTA_DST + 1];
	netlink_parse_message(message, sizeof *header, table, RTA_DST);
	if (header->rtm_family == AF_INET && header->rtm_dst_len > 0 && header->rtm_dst_len <= 32 && table[RTA_DST])
		visit->visit(visit->context, (struct in_addr){netlink_get_u32(table[RTA_DST])}, header->rtm_dst_len);
}

int link_list_routes(int netlink_fd, link_route_function *visit, void *context, struct error *err)
{
	struct route_visit route_visit = {visit, context};
	struct rtmsg header = {.rtm_family = AF_INET};
	for (int i = 0; i < DUMP_TRIES; i++) {
		NETLINK_BATCH(batch, 64);
		netlink_begin(&batch, RTM_GETROUTE, NLM_F_DUMP, &header, sizeof header, "list routes");
		if (netlink_exchange(netlink_fd, &batch, note_route, &route_visit, err) == 0)
			return 0;
		/* EINTR: routes changed while they were listed. A route that is seen twice does no harm. */
		if (err->system_errno != EINTR)
			return -1;
		error_clear(err);
	}
	return error_set(err, ERROR_CONFLICT, "list routes: they changed %d times meanwhile; try again", DUMP_TRIES);
}
