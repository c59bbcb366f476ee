#include <arpa/inet.h>
#include <assert.h>
#include <linux/netlink.h>
#include <string.h>

#include "base/memory.h"
#include "network/bridge.h"
#include "network/link.h"
#include "network/netlink.h"

/* Docker's default address pools, in its order. */
static const struct {
	uint32_t first; /* host byte order */
	int prefix_length;
	uint32_t count;
} pools[] = {
	{0xac110000, 16, 15}, /* 172.17.0.0/16 … 172.31.0.0/16 */
	{0xc0a80000, 20, 16}, /* 192.168.0.0/20 … 192.168.240.0/20 */
};
static_assert(15 + 16 <= 32, "taken is a bit a subnet");

static uint32_t mask_of(int prefix_length)
{
	return prefix_length ? UINT32_MAX << (32 - prefix_length) : 0;
}

static uint32_t subnet_at(size_t pool, uint32_t index)
{
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): no pool has the prefix length 0 */
	return pools[pool].first + (index << (32 - pools[pool].prefix_length));
}

/* Two subnets touch where one holds the other. */
static bool touches(uint32_t a, int a_length, uint32_t b, int b_length)
{
	uint32_t mask = mask_of(a_length < b_length ? a_length : b_length);
	return (a & mask) == (b & mask);
}

static void note_route(void *context, struct in_addr destination, int prefix_length)
{
	uint32_t *taken = context;
	uint32_t bit = 1;
	for (size_t pool = 0; pool < ARRAY_SIZE(pools); pool++)
		for (uint32_t i = 0; i < pools[pool].count; i++, bit <<= 1)
			if (touches(ntohl(destination.s_addr), prefix_length, subnet_at(pool, i),
				    pools[pool].prefix_length))
				*taken |= bit;
}

int bridge_choose_subnet(const struct prefix *others, size_t count, struct in_addr *ret_subnet, int *ret_prefix_length,
			 struct in_addr *ret_gateway, struct error *err)
{
	uint32_t taken = 0;
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	if (fd < 0 || link_list_routes(fd, note_route, &taken, err) < 0)
		return error_wrap(err, "choose a subnet for the bridge");
	for (size_t i = 0; i < count; i++) {
		struct in_addr address;
		memcpy(&address, others[i].bytes, sizeof address);
		if (others[i].family == AF_INET)
			note_route(&taken, address, others[i].length);
	}
	uint32_t bit = 1;
	for (size_t pool = 0; pool < ARRAY_SIZE(pools); pool++) {
		for (uint32_t i = 0; i < pools[pool].count; i++, bit <<= 1) {
			if (taken & bit)
				continue;
			ret_subnet->s_addr = htonl(subnet_at(pool, i));
			ret_gateway->s_addr = htonl(subnet_at(pool, i) + 1);
			*ret_prefix_length = pools[pool].prefix_length;
			return 0;
		}
	}
	return error_set(err, ERROR_LIMIT,
			 "choose a subnet for the bridge: networks and routes of this host touch every subnet of "
			 "172.17.0.0 to 172.31.0.0 and 192.168.0.0/16; remove those that are not needed, or name one "
			 "(--subnet)");
}
