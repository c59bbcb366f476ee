/*
 * nf_tables (linux/netfilter/nf_tables.h) as messages in a netlink batch: a transaction that the kernel takes whole or
 * not at all. Expressions are what nft(8) compiles a rule to; `nft --debug=netlink` shows the same names.
 *
 *     nft_transaction_begin(&batch, generation);
 *     nft_begin(&batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, family, "make nftables table");
 *     netlink_put_string(&batch, NFTA_TABLE_NAME, "coracle0");
 *     nft_transaction_end(&batch);
 *
 * The message before the end carries NLM_F_ACK: its answer says that all was read, the absence of errors that all was
 * taken.
 */
#pragma once

#include <linux/netfilter/nf_tables.h>

#include "network/netlink.h"

/* With a generation other than 0 the kernel answers ERESTART where anybody's ruleset has changed since. */
void nft_transaction_begin(struct netlink_batch *batch, uint32_t generation);
void nft_transaction_end(struct netlink_batch *batch);

/* A message NFT_MSG_*; family is NFPROTO_IPV4 or NFPROTO_IPV6. */
void nft_begin(struct netlink_batch *batch, uint16_t message, uint16_t flags, uint8_t family, const char *what);
/* Whether an answer is NFT_MSG_`message`. */
bool nft_is(const struct nlmsghdr *answer, uint16_t message);

struct nft_chain {
	const char *name;
	const char *type; /* "nat", "filter" */
	uint32_t hook;	  /* NF_INET_PRE_ROUTING … */
	int32_t priority;
};
/* A base chain with policy accept. */
void nft_put_chain(struct netlink_batch *batch, uint8_t family, const char *table, const struct nft_chain *chain);

/* A map without intervals. Types are nft's numbers, 6 bits a field of a concatenation; sizes are bytes, 4 a field. */
struct nft_map {
	const char *name;
	uint32_t key_type;
	uint32_t key_size;
	uint32_t data_type;
	uint32_t data_size;
};
void nft_put_map(struct netlink_batch *batch, uint8_t family, const char *table, const struct nft_map *map,
		 uint32_t id);

/* One element of NFTA_SET_ELEM_LIST_ELEMENTS; data is NULL for a removal. */
void nft_put_element(struct netlink_batch *batch, const void *key, size_t key_size, const void *data, size_t data_size);

struct nft_rule {
	struct netlink_batch *batch;
	size_t expressions;
};
struct nft_rule nft_rule_begin(struct netlink_batch *batch, uint8_t family, const char *table, const char *chain);
void nft_rule_end(struct nft_rule *rule);

/* Expressions. A register of 4 bytes is NFT_REG32_00 + n. */
void nft_load_payload(struct nft_rule *rule, enum nft_payload_bases base, uint32_t offset, uint32_t size,
		      uint32_t target);
void nft_load_meta(struct nft_rule *rule, enum nft_meta_keys key, uint32_t target);
void nft_load_connection(struct nft_rule *rule, enum nft_ct_keys key, uint32_t target);
/* The type of route (RTN_LOCAL …) that the packet's destination has here. */
void nft_load_destination_type(struct nft_rule *rule, uint32_t target);
/* target = target & mask */
void nft_mask(struct nft_rule *rule, uint32_t target, const void *mask, uint32_t size);
void nft_compare(struct nft_rule *rule, enum nft_cmp_ops operator, uint32_t source, const void *bytes, size_t size);
void nft_load_value(struct nft_rule *rule, uint32_t target, const void *bytes, size_t size);
/* Leaves the rule where the key is not in the map. */
void nft_look_up(struct nft_rule *rule, const char *map, uint32_t id, uint32_t key, uint32_t target);
void nft_destination_nat(struct nft_rule *rule, uint8_t family, uint32_t address, uint32_t port);
void nft_masquerade(struct nft_rule *rule);
void nft_drop(struct nft_rule *rule);
