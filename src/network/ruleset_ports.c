#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "network/nft.h"
#include "network/ruleset.h"

/* Each field of a concatenation begins at a multiple of four bytes and is in network byte order. */
struct port_key {
	uint32_t protocol;
	uint32_t port;
};
struct port_key_with_address {
	struct in_addr address;
	struct port_key port;
};
struct port_target {
	struct in_addr address;
	uint32_t port;
};
static_assert(sizeof(struct port_key) == 8 && sizeof(struct port_key_with_address) == 12 &&
		      sizeof(struct port_target) == 8,
	      "keys and data are as long as the maps say");

/* An attribute's length is 16 bits: so many elements of at most 52 bytes go into one message. */
#define ELEMENTS_PER_MESSAGE 1024
#define ELEMENT_SIZE	     52
#define MESSAGE_SIZE	     128
/* Each map may have one message that is not full; begin and end come on top. */
#define MAX_PORTS ((NETLINK_MAX_MESSAGES - 4) * ELEMENTS_PER_MESSAGE)

/* NFT_MSG_DESTROYSETELEM of Linux 6.3, which older headers lack. */
#define MESSAGE_DESTROY_ELEMENTS 30

/* A field in the first bytes of its four. */
static uint32_t protocol_field(const struct published_port *port)
{
	uint32_t field = 0;
	uint8_t protocol = port->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(&field, &protocol, sizeof protocol);
	return field;
}

static uint32_t port_field(uint16_t port)
{
	uint32_t field = 0;
	uint16_t value = htons(port);
	memcpy(&field, &value, sizeof value);
	return field;
}

static bool is_wildcard(const struct published_port *port)
{
	return port->host_address.s_addr == htonl(INADDR_ANY);
}

/* address is NULL for a removal. */
static void put_port(struct netlink_batch *batch, const struct published_port *port, const struct in_addr *address)
{
	struct port_key_with_address key = {
		.address = port->host_address,
		.port = {.protocol = protocol_field(port), .port = port_field(port->host_port)},
	};
	struct port_target target = {.port = port_field(port->container_port)};
	if (address)
		target.address = *address;
	const void *data = address ? &target : NULL;
	if (is_wildcard(port))
		nft_put_element(batch, &key.port, sizeof key.port, data, sizeof target);
	else
		nft_put_element(batch, &key, sizeof key, data, sizeof target);
}

/* The ports that belong into one of the maps, as messages of at most ELEMENTS_PER_MESSAGE elements. */
static void put_ports_of_map(struct netlink_batch *batch, uint16_t message, const char *table, bool wildcard,
			     const struct in_addr *address, const struct published_port *ports, size_t count)
{
	size_t list = 0;
	size_t in_message = 0;
	for (size_t i = 0; i < count; i++) {
		if (is_wildcard(&ports[i]) != wildcard)
			continue;
		if (in_message == 0) {
			nft_begin(batch, message, message == NFT_MSG_NEWSETELEM ? NLM_F_CREATE : 0, NFPROTO_IPV4,
				  message == NFT_MSG_NEWSETELEM ? "publish ports" : "remove published ports");
			netlink_put_string(batch, NFTA_SET_ELEM_LIST_TABLE, table);
			netlink_put_string(batch, NFTA_SET_ELEM_LIST_SET,
					   wildcard ? RULESET_WILDCARD_MAP : RULESET_PORTS_MAP);
			list = netlink_nest(batch, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		put_port(batch, &ports[i], address);
		if (++in_message == ELEMENTS_PER_MESSAGE) {
			netlink_nest_end(batch, list);
			in_message = 0;
		}
	}
	if (in_message)
		netlink_nest_end(batch, list);
}

static int send_ports(int fd, uint16_t message, const char *table, const struct in_addr *address,
		      const struct published_port *ports, size_t count, struct error *err)
{
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
	put_ports_of_map(&batch, message, table, false, address, ports, count);
	put_ports_of_map(&batch, message, table, true, address, ports, count);
	nft_transaction_end(&batch);
	return netlink_exchange(fd, &batch, NULL, NULL, err);
}

/* For kernels that fail a removal as a whole where one element is absent. */
static int remove_one_by_one(int fd, const char *table, const struct published_port *ports, size_t count,
			     struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (send_ports(fd, NFT_MSG_DELSETELEM, table, NULL, &ports[i], 1, err) == 0)
			continue;
		if (err->system_errno != ENOENT)
			return -1;
		error_clear(err);
	}
	return 0;
}

static int remove_ports(int fd, const char *table, const struct published_port *ports, size_t count, struct error *err)
{
	if (send_ports(fd, NFT_MSG_DELSETELEM, table, NULL, ports, count, err) == 0)
		return 0;
	if (err->system_errno != ENOENT)
		return -1;
	error_clear(err);
	if (count == 1)
		return 0;
	/* Linux 6.3 has a removal that takes absence as success. An older one does not know it: EINVAL. */
	if (send_ports(fd, MESSAGE_DESTROY_ELEMENTS, table, NULL, ports, count, err) == 0)
		return 0;
	int number = err->system_errno;
	if (number != ENOENT && number != EINVAL && number != EOPNOTSUPP)
		return -1;
	error_clear(err);
	/* ENOENT is the table's or the map's. */
	return number == ENOENT ? 0 : remove_one_by_one(fd, table, ports, count, err);
}

int ruleset_add_ports(const char *table, struct in_addr address, const struct published_port *ports, size_t count,
		      struct error *err)
{
	if (count == 0)
		return 0;
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	if (send_ports(fd, NFT_MSG_NEWSETELEM, table, &address, ports, count, err) == 0)
		return 0;
	/* The port leads elsewhere: left behind by a container that was killed, since the store gives a port to one. */
	if (err->system_errno != EBUSY && err->system_errno != EEXIST)
		return error_wrap(err, "nftables table %s", table);
	error_clear(err);
	if (remove_ports(fd, table, ports, count, err) < 0 ||
	    send_ports(fd, NFT_MSG_NEWSETELEM, table, &address, ports, count, err) < 0)
		return error_wrap(err, "nftables table %s", table);
	return 0;
}

int ruleset_remove_ports(const char *table, const struct published_port *ports, size_t count, struct error *err)
{
	if (count == 0)
		return 0;
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	if (remove_ports(fd, table, ports, count, err) < 0)
		return error_wrap(err, "nftables table %s", table);
	return 0;
}
