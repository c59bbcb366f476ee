#include "network/nft.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>

static void begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource,
		  const char *what)
{
	struct nfgenmsg header = {.nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource)};
	netlink_begin(batch, type, flags, &header, sizeof header, what);
}

void nft_transaction_begin(struct netlink_batch *batch, uint32_t generation)
{
	begin(batch, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, "change nftables");
	if (generation)
		netlink_put_be32(batch, NFNL_BATCH_GENID, generation);
}

void nft_transaction_end(struct netlink_batch *batch)
{
	netlink_request_acknowledgement(batch);
	begin(batch, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES, "change nftables");
}

void nft_begin(struct netlink_batch *batch, uint16_t message, uint16_t flags, uint8_t family, const char *what)
{
	begin(batch, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | message), flags, family, 0, what);
}

bool nft_is(const struct nlmsghdr *answer, uint16_t message)
{
	return answer->nlmsg_type == (NFNL_SUBSYS_NFTABLES << 8 | message) &&
	       answer->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nfgenmsg));
}

void nft_put_chain(struct netlink_batch *batch, uint8_t family, const char *table, const struct nft_chain *chain)
{
	nft_begin(batch, NFT_MSG_NEWCHAIN, NLM_F_CREATE, family, "make nftables chain");
	netlink_put_string(batch, NFTA_CHAIN_TABLE, table);
	netlink_put_string(batch, NFTA_CHAIN_NAME, chain->name);
	size_t hook = netlink_nest(batch, NFTA_CHAIN_HOOK);
	netlink_put_be32(batch, NFTA_HOOK_HOOKNUM, chain->hook);
	netlink_put_be32(batch, NFTA_HOOK_PRIORITY, (uint32_t)chain->priority);
	netlink_nest_end(batch, hook);
	netlink_put_be32(batch, NFTA_CHAIN_POLICY, NF_ACCEPT);
	netlink_put_string(batch, NFTA_CHAIN_TYPE, chain->type);
}

void nft_put_map(struct netlink_batch *batch, uint8_t family, const char *table, const struct nft_map *map, uint32_t id)
{
	nft_begin(batch, NFT_MSG_NEWSET, NLM_F_CREATE, family, "make nftables map");
	netlink_put_string(batch, NFTA_SET_TABLE, table);
	netlink_put_string(batch, NFTA_SET_NAME, map->name);
	netlink_put_be32(batch, NFTA_SET_FLAGS, NFT_SET_MAP);
	netlink_put_be32(batch, NFTA_SET_KEY_TYPE, map->key_type);
	netlink_put_be32(batch, NFTA_SET_KEY_LEN, map->key_size);
	netlink_put_be32(batch, NFTA_SET_DATA_TYPE, map->data_type);
	netlink_put_be32(batch, NFTA_SET_DATA_LEN, map->data_size);
	netlink_put_be32(batch, NFTA_SET_ID, id);
}

static void put_value(struct netlink_batch *batch, uint16_t type, const void *bytes, size_t size)
{
	size_t nest = netlink_nest(batch, type);
	netlink_put(batch, NFTA_DATA_VALUE, bytes, size);
	netlink_nest_end(batch, nest);
}

void nft_put_element(struct netlink_batch *batch, const void *key, size_t key_size, const void *data, size_t data_size)
{
	size_t element = netlink_nest(batch, NFTA_LIST_ELEM);
	put_value(batch, NFTA_SET_ELEM_KEY, key, key_size);
	if (data)
		put_value(batch, NFTA_SET_ELEM_DATA, data, data_size);
	netlink_nest_end(batch, element);
}

struct nft_rule nft_rule_begin(struct netlink_batch *batch, uint8_t family, const char *table, const char *chain)
{
	nft_begin(batch, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, "make nftables rule");
	netlink_put_string(batch, NFTA_RULE_TABLE, table);
	netlink_put_string(batch, NFTA_RULE_CHAIN, chain);
	return (struct nft_rule){.batch = batch, .expressions = netlink_nest(batch, NFTA_RULE_EXPRESSIONS)};
}

void nft_rule_end(struct nft_rule *rule)
{
	netlink_nest_end(rule->batch, rule->expressions);
}
