#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "network/nft.h"
#include "network/ruleset.h"

/*
 * A key is [address .] protocol . port, its data address . port. Each field of a concatenation begins at a multiple of
 * four bytes and is in network byte order.
 */
struct fields {
	unsigned char bytes[sizeof(struct in6_addr) + 8];
	size_t size;
};

/* One family's share of the work. */
struct port_change {
	const char *table;
	const struct endpoint *endpoint; /* NULL: a removal */
	const struct published_port *ports;
	size_t count;
	bool is_ipv6;
};

/* An attribute's length is 16 bits: so many elements of at most 80 bytes go into one message. */
#define ELEMENTS_PER_MESSAGE 768
#define ELEMENT_SIZE	     80
#define MESSAGE_SIZE	     128
/* Each map may have one message that is not full; begin and end come on top. */
#define MAX_PORTS ((NETLINK_MAX_MESSAGES - 4) * ELEMENTS_PER_MESSAGE)

/* NFT_MSG_DESTROYSETELEM of Linux 6.3, which older headers lack. */
#define MESSAGE_DESTROY_ELEMENTS 30

static void put_field(struct fields *fields, const void *bytes, size_t size)
{
	memcpy(fields->bytes + fields->size, bytes, size);
	fields->size += (size + 3) & ~(size_t)3;
}

static void put_port_field(struct fields *fields, uint16_t port)
{
	uint16_t value = htons(port);
	put_field(fields, &value, sizeof value);
}

static bool is_of_family(const struct port_change *change, const struct published_port *port)
{
	return port->family == AF_UNSPEC || (port->family == AF_INET6) == change->is_ipv6;
}

static bool is_wildcard(const struct published_port *port)
{
	return port->family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&port->host_address6)
					: port->host_address.s_addr == htonl(INADDR_ANY);
}

static void put_port(struct netlink_batch *batch, const struct port_change *change, const struct published_port *port)
{
	static const uint8_t protocols[] = {IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP};
	struct fields key = {0}, target = {0};
	if (!is_wildcard(port) && change->is_ipv6)
		put_field(&key, &port->host_address6, sizeof port->host_address6);
	else if (!is_wildcard(port))
		put_field(&key, &port->host_address, sizeof port->host_address);
	put_field(&key, &protocols[port->protocol], sizeof protocols[0]);
	put_port_field(&key, port->host_port);
	if (!change->endpoint) {
		nft_put_element(batch, key.bytes, key.size, NULL, 0);
		return;
	}
	if (change->is_ipv6)
		put_field(&target, &change->endpoint->address6, sizeof change->endpoint->address6);
	else
		put_field(&target, &change->endpoint->address, sizeof change->endpoint->address);
	put_port_field(&target, port->container_port);
	nft_put_element(batch, key.bytes, key.size, target.bytes, target.size);
}

/* The ports that belong into one of the maps, as messages of at most ELEMENTS_PER_MESSAGE elements. */
static void put_ports_of_map(struct netlink_batch *batch, uint16_t message, const struct port_change *change,
			     bool wildcard)
{
	size_t list = 0;
	size_t in_message = 0;
	bool is_new = message == NFT_MSG_NEWSETELEM;
	for (size_t i = 0; i < change->count; i++) {
		const struct published_port *port = &change->ports[i];
		if (!is_of_family(change, port) || is_wildcard(port) != wildcard)
			continue;
		if (in_message == 0) {
			nft_begin(batch, message, is_new ? NLM_F_CREATE : 0,
				  change->is_ipv6 ? NFPROTO_IPV6 : NFPROTO_IPV4,
				  is_new ? "publish ports" : "remove published ports");
			netlink_put_string(batch, NFTA_SET_ELEM_LIST_TABLE, change->table);
			netlink_put_string(batch, NFTA_SET_ELEM_LIST_SET,
					   wildcard ? RULESET_WILDCARD_MAP : RULESET_PORTS_MAP);
			list = netlink_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_port(batch, change, port);
		if (++in_message == ELEMENTS_PER_MESSAGE) {
			netlink_nest_end(batch, list);
			in_message = 0;
		}
	}
	if (in_message)
		netlink_nest_end(batch, list);
}

static int send_ports(int fd, uint16_t message, const struct port_change *change, struct error *err)
{
	size_t count = 0;
	for (size_t i = 0; i < change->count; i++)
		count += is_of_family(change, &change->ports[i]);
	if (count == 0)
		return 0;
	if (count > MAX_PORTS)
		return error_set(err, ERROR_LIMIT, "%zu published ports at once; at most %d are possible", count,
				 MAX_PORTS);
	size_t capacity = count * ELEMENT_SIZE + (count / ELEMENTS_PER_MESSAGE + 4) * MESSAGE_SIZE;
	if (capacity > 64 * 1024) {
		int size = (int)(capacity + 4096);
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	}
	cleanup_free void *storage = allocate(capacity);
	struct netlink_batch batch;
	netlink_batch_init(&batch, storage, capacity);
	nft_transaction_begin(&batch, 0);
	put_ports_of_map(&batch, message, change, false);
	put_ports_of_map(&batch, message, change, true);
	nft_transaction_end(&batch);
	return netlink_exchange(fd, &batch, NULL, NULL, err);
}

/* For kernels that fail a removal as a whole where one element is absent. */
static int remove_one_by_one(int fd, const struct port_change *change, struct error *err)
{
	for (size_t i = 0; i < change->count; i++) {
		struct port_change one = *change;
		one.ports = &change->ports[i];
		one.count = 1;
		if (send_ports(fd, NFT_MSG_DELSETELEM, &one, err) == 0)
			continue;
		if (err->system_errno != ENOENT)
			return -1;
		error_clear(err);
	}
	return 0;
}

static int remove_ports(int fd, const struct port_change *given, struct error *err)
{
	struct port_change change = *given;
	change.endpoint = NULL;
	if (send_ports(fd, NFT_MSG_DELSETELEM, &change, err) == 0)
		return 0;
	if (err->system_errno != ENOENT)
		return -1;
	error_clear(err);
	if (change.count == 1)
		return 0;
	/* Linux 6.3 has a removal that takes absence as success. An older one does not know it: EINVAL. */
	if (send_ports(fd, MESSAGE_DESTROY_ELEMENTS, &change, err) == 0)
		return 0;
	int number = err->system_errno;
	if (number != ENOENT && number != EINVAL && number != EOPNOTSUPP)
		return -1;
	error_clear(err);
	/* ENOENT is the table's or the map's. */
	return number == ENOENT ? 0 : remove_one_by_one(fd, &change, err);
}

static int add_ports(int fd, const struct port_change *change, struct error *err)
{
	if (send_ports(fd, NFT_MSG_NEWSETELEM, change, err) == 0)
		return 0;
	/* The port leads elsewhere: left behind by a container that was killed, since the store gives a port to one. */
	if (err->system_errno != EBUSY && err->system_errno != EEXIST)
		return -1;
	error_clear(err);
	return remove_ports(fd, change, err) < 0 ? -1 : send_ports(fd, NFT_MSG_NEWSETELEM, change, err);
}

int ruleset_add_ports(const struct endpoint *endpoint, const struct published_port *ports, size_t count,
		      struct error *err)
{
	struct port_change change = {
		.table = endpoint->bridge->name, .endpoint = endpoint, .ports = ports, .count = count};
	if (count == 0)
		return 0;
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	int result = add_ports(fd, &change, err);
	change.is_ipv6 = true;
	if (result == 0 && endpoint->bridge->prefix_length6)
		result = add_ports(fd, &change, err);
	return result < 0 ? error_wrap(err, "nftables table %s", change.table) : 0;
}

int ruleset_remove_ports(const struct bridge *bridge, const struct published_port *ports, size_t count,
			 struct error *err)
{
	struct port_change change = {.table = bridge->name, .ports = ports, .count = count};
	if (count == 0)
		return 0;
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	int result = remove_ports(fd, &change, err);
	change.is_ipv6 = true;
	if (result == 0 && bridge->prefix_length6)
		result = remove_ports(fd, &change, err);
	return result < 0 ? error_wrap(err, "nftables table %s", change.table) : 0;
}
