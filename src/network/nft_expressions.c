#include <linux/netfilter.h>

#include "network/nft.h"

struct expression {
	size_t element;
	size_t data;
};

static struct expression begin(struct nft_rule *rule, const char *name)
{
	struct expression expression;
	expression.element = netlink_nest(rule->batch, NFTA_LIST_ELEM);
	netlink_put_string(rule->batch, NFTA_EXPR_NAME, name);
	expression.data = netlink_nest(rule->batch, NFTA_EXPR_DATA);
	return expression;
}

static void end(struct nft_rule *rule, struct expression expression)
{
	netlink_nest_end(rule->batch, expression.data);
	netlink_nest_end(rule->batch, expression.element);
}

static void put_value(struct nft_rule *rule, uint16_t type, const void *bytes, size_t size)
{
	size_t nest = netlink_nest(rule->batch, type);
	netlink_put(rule->batch, NFTA_DATA_VALUE, bytes, size);
	netlink_nest_end(rule->batch, nest);
}

void nft_load_payload(struct nft_rule *rule, enum nft_payload_bases base, uint32_t offset, uint32_t size,
		      uint32_t target)
{
	struct expression expression = begin(rule, "payload");
	netlink_put_be32(rule->batch, NFTA_PAYLOAD_DREG, target);
	netlink_put_be32(rule->batch, NFTA_PAYLOAD_BASE, base);
	netlink_put_be32(rule->batch, NFTA_PAYLOAD_OFFSET, offset);
	netlink_put_be32(rule->batch, NFTA_PAYLOAD_LEN, size);
	end(rule, expression);
}

void nft_load_meta(struct nft_rule *rule, enum nft_meta_keys key, uint32_t target)
{
	struct expression expression = begin(rule, "meta");
	netlink_put_be32(rule->batch, NFTA_META_DREG, target);
	netlink_put_be32(rule->batch, NFTA_META_KEY, key);
	end(rule, expression);
}

void nft_load_connection(struct nft_rule *rule, enum nft_ct_keys key, uint32_t target)
{
	struct expression expression = begin(rule, "ct");
	netlink_put_be32(rule->batch, NFTA_CT_DREG, target);
	netlink_put_be32(rule->batch, NFTA_CT_KEY, key);
	end(rule, expression);
}

void nft_load_destination_type(struct nft_rule *rule, uint32_t target)
{
	struct expression expression = begin(rule, "fib");
	netlink_put_be32(rule->batch, NFTA_FIB_DREG, target);
	netlink_put_be32(rule->batch, NFTA_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
	netlink_put_be32(rule->batch, NFTA_FIB_FLAGS, NFTA_FIB_F_DADDR);
	end(rule, expression);
}

void nft_mask(struct nft_rule *rule, uint32_t target, const void *mask, uint32_t size)
{
	static const unsigned char zeros[16];
	struct expression expression = begin(rule, "bitwise");
	netlink_put_be32(rule->batch, NFTA_BITWISE_SREG, target);
	netlink_put_be32(rule->batch, NFTA_BITWISE_DREG, target);
	netlink_put_be32(rule->batch, NFTA_BITWISE_LEN, size);
	put_value(rule, NFTA_BITWISE_MASK, mask, size);
	put_value(rule, NFTA_BITWISE_XOR, zeros, size);
	end(rule, expression);
}

void nft_compare(struct nft_rule *rule, enum nft_cmp_ops operator, uint32_t source, const void *bytes, size_t size)
{
	struct expression expression = begin(rule, "cmp");
	netlink_put_be32(rule->batch, NFTA_CMP_SREG, source);
	netlink_put_be32(rule->batch, NFTA_CMP_OP, operator);
	put_value(rule, NFTA_CMP_DATA, bytes, size);
	end(rule, expression);
}

void nft_load_value(struct nft_rule *rule, uint32_t target, const void *bytes, size_t size)
{
	struct expression expression = begin(rule, "immediate");
	netlink_put_be32(rule->batch, NFTA_IMMEDIATE_DREG, target);
	put_value(rule, NFTA_IMMEDIATE_DATA, bytes, size);
	end(rule, expression);
}

void nft_look_up(struct nft_rule *rule, const char *map, uint32_t id, uint32_t key, uint32_t target)
{
	struct expression expression = begin(rule, "lookup");
	netlink_put_string(rule->batch, NFTA_LOOKUP_SET, map);
	netlink_put_be32(rule->batch, NFTA_LOOKUP_SET_ID, id);
	netlink_put_be32(rule->batch, NFTA_LOOKUP_SREG, key);
	netlink_put_be32(rule->batch, NFTA_LOOKUP_DREG, target);
	end(rule, expression);
}

void nft_destination_nat(struct nft_rule *rule, uint8_t family, uint32_t address, uint32_t port)
{
	struct expression expression = begin(rule, "nat");
	netlink_put_be32(rule->batch, NFTA_NAT_TYPE, NFT_NAT_DNAT);
	netlink_put_be32(rule->batch, NFTA_NAT_FAMILY, family);
	netlink_put_be32(rule->batch, NFTA_NAT_REG_ADDR_MIN, address);
	netlink_put_be32(rule->batch, NFTA_NAT_REG_PROTO_MIN, port);
	end(rule, expression);
}

void nft_masquerade(struct nft_rule *rule)
{
	end(rule, begin(rule, "masq"));
}

void nft_drop(struct nft_rule *rule)
{
	struct expression expression = begin(rule, "immediate");
	netlink_put_be32(rule->batch, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	size_t data = netlink_nest(rule->batch, NFTA_IMMEDIATE_DATA);
	size_t verdict = netlink_nest(rule->batch, NFTA_DATA_VERDICT);
	netlink_put_be32(rule->batch, NFTA_VERDICT_CODE, NF_DROP);
	netlink_nest_end(rule->batch, verdict);
	netlink_nest_end(rule->batch, data);
	end(rule, expression);
}
