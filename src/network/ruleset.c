/*
 * How processes that start at the same time agree. The kernel counts each change of anybody's ruleset as a generation.
 * We ask for the generation first and for our table and chains after, in one datagram. Where something is missing, the
 * transaction that makes the table names that generation, and the kernel refuses it (ERESTART) if anything was changed
 * in between, by another of us or by another program. Then we look again. So a table that a second process has just
 * made, and published ports in, is never made anew by a first one.
 *
 * The table's comment holds the version of this layout and the subnet: a table of an older version is replaced. A chain
 * that has fewer rules than it should was flushed: the table is replaced too, which empties the maps, and the caller is
 * told to publish again.
 */
#include "network/ruleset.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "network/nft.h"

#define LAYOUT_VERSION 2
/* Each failed try means that somebody else's transaction went through. */
#define ENSURE_TRIES 200

#define PORTS_MAP_ID	1
#define WILDCARD_MAP_ID 2
#define COMMENT_SIZE	128

/* nft(8)'s numbers of data types, for `nft list`: a concatenation has 6 bits a field. */
#define TYPE_ADDRESS	 7
#define TYPE_ADDRESS6	 8
#define TYPE_PROTOCOL	 12
#define TYPE_SERVICE	 13
#define JOIN_TYPES(a, b) ((a) << 6 | (b))
#define REGISTER(index)	 (NFT_REG32_00 + (index))

/* What is different in another family. Offsets are from the start of the network header, in bytes. */
struct address_family {
	uint8_t number;
	uint32_t source_offset;
	uint32_t destination_offset;
	uint32_t address_size;
	uint32_t address_type;
};
static const struct address_family families[] = {
	{NFPROTO_IPV4, 12, 16, sizeof(struct in_addr), TYPE_ADDRESS},
	{NFPROTO_IPV6, 8, 24, sizeof(struct in6_addr), TYPE_ADDRESS6},
};
static const struct address_family *const ipv4 = &families[0];

struct ruleset { /* of one family */
	const struct bridge *bridge;
	const struct address_family *family;
	struct netlink_batch *batch;
	char interface[IFNAMSIZ]; /* padded with zeros, as the kernel compares it */
};

static struct nft_rule rule_begin(const struct ruleset *ruleset, const char *chain)
{
	return nft_rule_begin(ruleset->batch, ruleset->family->number, ruleset->bridge->name, chain);
}

static void match_interface(const struct ruleset *ruleset, struct nft_rule *rule, enum nft_meta_keys which,
			    enum nft_cmp_ops operator)
{
	nft_load_meta(rule, which, NFT_REG_1);
	nft_compare(rule, operator, NFT_REG_1, ruleset->interface, sizeof ruleset->interface);
}

static void match_from_outside_loopback(struct nft_rule *rule)
{
	static const char loopback[IFNAMSIZ] = "lo";
	nft_load_meta(rule, NFT_META_IIFNAME, NFT_REG_1);
	nft_compare(rule, NFT_CMP_NEQ, NFT_REG_1, loopback, sizeof loopback);
}

static struct prefix subnet_of(const struct ruleset *ruleset)
{
	const struct bridge *bridge = ruleset->bridge;
	struct prefix subnet = {.family = AF_INET, .length = bridge->prefix_length};
	if (ruleset->family == ipv4) {
		memcpy(subnet.bytes, &bridge->subnet, sizeof bridge->subnet);
	} else {
		subnet = (struct prefix){.family = AF_INET6, .length = bridge->prefix_length6};
		memcpy(subnet.bytes, &bridge->subnet6, sizeof bridge->subnet6);
	}
	prefix_mask(&subnet);
	return subnet;
}

static void match_source_in_subnet(const struct ruleset *ruleset, struct nft_rule *rule)
{
	uint32_t size = ruleset->family->address_size;
	struct prefix subnet = subnet_of(ruleset), mask = subnet;
	memset(mask.bytes, 0xff, sizeof mask.bytes);
	prefix_mask(&mask);
	nft_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, ruleset->family->source_offset, size, NFT_REG_1);
	nft_mask(rule, NFT_REG_1, mask.bytes, size);
	nft_compare(rule, NFT_CMP_EQ, NFT_REG_1, subnet.bytes, size);
}

/* 127.0.0.0/8, for which the first byte is enough, or ::1. */
static void match_loopback_address(const struct ruleset *ruleset, struct nft_rule *rule, uint32_t offset)
{
	static const uint8_t first_byte = IN_LOOPBACKNET;
	bool is_ipv4 = ruleset->family == ipv4;
	const void *bytes = is_ipv4 ? (const void *)&first_byte : &in6addr_loopback;
	uint32_t size = is_ipv4 ? sizeof first_byte : sizeof in6addr_loopback;
	nft_load_payload(rule, NFT_PAYLOAD_NETWORK_HEADER, offset, size, NFT_REG_1);
	nft_compare(rule, NFT_CMP_EQ, NFT_REG_1, bytes, size);
}

static void match_connection_bits(struct nft_rule *rule, enum nft_ct_keys key, uint32_t bits, enum nft_cmp_ops operator)
{
	static const uint32_t none = 0;
	nft_load_connection(rule, key, NFT_REG_1);
	nft_mask(rule, NFT_REG_1, &bits, sizeof bits);
	nft_compare(rule, operator, NFT_REG_1, &none, sizeof none);
}

/* fib daddr type local dnat ip to [ip daddr .] meta l4proto . th dport map @MAP */
static void put_translation(const struct ruleset *ruleset, const char *chain, bool is_wildcard)
{
	static const uint32_t local = RTN_LOCAL;
	const struct address_family *family = ruleset->family;
	struct nft_rule rule = rule_begin(ruleset, chain);
	nft_load_destination_type(&rule, NFT_REG_1);
	nft_compare(&rule, NFT_CMP_EQ, NFT_REG_1, &local, sizeof local);
	uint32_t field = 0;
	if (!is_wildcard) {
		nft_load_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, family->destination_offset, family->address_size,
				 REGISTER(0));
		field = family->address_size / 4;
	}
	nft_load_meta(&rule, NFT_META_L4PROTO, REGISTER(field));
	nft_load_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof(uint16_t), REGISTER(field + 1));
	nft_look_up(&rule, is_wildcard ? RULESET_WILDCARD_MAP : RULESET_PORTS_MAP,
		    is_wildcard ? WILDCARD_MAP_ID : PORTS_MAP_ID, REGISTER(0), REGISTER(0));
	nft_destination_nat(&rule, family->number, REGISTER(0), REGISTER(family->address_size / 4));
	nft_rule_end(&rule);
}

static void put_translations(const struct ruleset *ruleset, const char *chain)
{
	put_translation(ruleset, chain, false);
	put_translation(ruleset, chain, true);
}

static bool masquerades(const struct bridge *bridge)
{
	return !bridge->keeps_addresses && !bridge->is_internal;
}

static void put_masquerade(const struct ruleset *ruleset, const char *chain)
{
	if (masquerades(ruleset->bridge)) {
		struct nft_rule leaving = rule_begin(ruleset, chain);
		match_source_in_subnet(ruleset, &leaving);
		match_interface(ruleset, &leaving, NFT_META_OIFNAME, NFT_CMP_NEQ);
		nft_masquerade(&leaving);
		nft_rule_end(&leaving);
	}

	/* A container could not answer to 127.0.0.1 or ::1. */
	struct nft_rule loopback = rule_begin(ruleset, chain);
	match_loopback_address(ruleset, &loopback, ruleset->family->source_offset);
	match_interface(ruleset, &loopback, NFT_META_OIFNAME, NFT_CMP_EQ);
	nft_masquerade(&loopback);
	nft_rule_end(&loopback);

	/* Container → published port of this host → container of the same subnet: without this the answer would go
	 * directly over the bridge, from an address that nobody asked. */
	struct nft_rule hairpin = rule_begin(ruleset, chain);
	match_connection_bits(&hairpin, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_NEQ);
	match_source_in_subnet(ruleset, &hairpin);
	match_interface(ruleset, &hairpin, NFT_META_OIFNAME, NFT_CMP_EQ);
	nft_masquerade(&hairpin);
	nft_rule_end(&hairpin);
}

/* route_localnet makes the kernel take 127.0.0.0/8 from a wire, as destination and as source: neither may pass. */
static void put_loopback_guard(const struct ruleset *ruleset, const char *chain)
{
	const uint32_t offsets[] = {ruleset->family->destination_offset, ruleset->family->source_offset};
	for (size_t i = 0; i < ARRAY_SIZE(offsets); i++) {
		struct nft_rule rule = rule_begin(ruleset, chain);
		match_from_outside_loopback(&rule);
		match_loopback_address(ruleset, &rule, offsets[i]);
		nft_drop(&rule);
		nft_rule_end(&rule);
	}
}

static void put_forward_guard(const struct ruleset *ruleset, const char *chain)
{
	struct nft_rule rule = rule_begin(ruleset, chain);
	match_interface(ruleset, &rule, NFT_META_OIFNAME, NFT_CMP_EQ);
	match_interface(ruleset, &rule, NFT_META_IIFNAME, NFT_CMP_NEQ);
	if (!ruleset->bridge->is_internal) {
		match_connection_bits(&rule, NFT_CT_STATE,
				      NF_CT_STATE_BIT(IP_CT_ESTABLISHED) | NF_CT_STATE_BIT(IP_CT_RELATED), NFT_CMP_EQ);
		match_connection_bits(&rule, NFT_CT_STATUS, IPS_DST_NAT, NFT_CMP_EQ);
	}
	nft_drop(&rule);
	nft_rule_end(&rule);
	if (!ruleset->bridge->is_internal)
		return;
	struct nft_rule leaving = rule_begin(ruleset, chain);
	match_interface(ruleset, &leaving, NFT_META_IIFNAME, NFT_CMP_EQ);
	match_interface(ruleset, &leaving, NFT_META_OIFNAME, NFT_CMP_NEQ);
	nft_drop(&leaving);
	nft_rule_end(&leaving);
}

static uint32_t count_loopback_guard(const struct ruleset *ruleset)
{
	return 2;
}

static uint32_t count_translations(const struct ruleset *ruleset)
{
	return 2;
}

static uint32_t count_masquerade(const struct ruleset *ruleset)
{
	return masquerades(ruleset->bridge) ? 3 : 2;
}

static uint32_t count_forward_guard(const struct ruleset *ruleset)
{
	return ruleset->bridge->is_internal ? 2 : 1;
}

static const struct {
	struct nft_chain chain;
	void (*put_rules)(const struct ruleset *ruleset, const char *chain);
	uint32_t (*count_rules)(const struct ruleset *ruleset);
} chains[] = {
	{{"raw", "filter", NF_INET_PRE_ROUTING, NF_IP_PRI_RAW}, put_loopback_guard, count_loopback_guard},
	{{"prerouting", "nat", NF_INET_PRE_ROUTING, NF_IP_PRI_NAT_DST}, put_translations, count_translations},
	{{"output", "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST}, put_translations, count_translations},
	{{"postrouting", "nat", NF_INET_POST_ROUTING, NF_IP_PRI_NAT_SRC}, put_masquerade, count_masquerade},
	{{"forward", "filter", NF_INET_FORWARD, NF_IP_PRI_FILTER}, put_forward_guard, count_forward_guard},
};
static_assert(ARRAY_SIZE(chains) < 32, "seen_chains is a bit a chain");

/* The comment in libnftnl's form, so that `nft list ruleset` shows it: type 0, length, text with its NUL. */
struct comment {
	uint8_t type;
	uint8_t size;
	char text[COMMENT_SIZE];
};

static size_t make_comment(const struct ruleset *ruleset, struct comment *comment)
{
	char text[PREFIX_TEXT_SIZE];
	struct prefix subnet = subnet_of(ruleset);
	prefix_format(&subnet, text);
	int length = snprintf(comment->text, sizeof comment->text, "coracle layout %d, subnet %s%s%s", LAYOUT_VERSION,
			      text, ruleset->bridge->is_internal ? ", internal" : "",
			      ruleset->bridge->keeps_addresses ? ", not masqueraded" : "");
	comment->type = 0;
	comment->size = (uint8_t)(length + 1);
	return offsetof(struct comment, text) + comment->size;
}

struct found {
	const struct ruleset *ruleset;
	uint32_t generation;
	bool exists;	      /* a table of our name */
	bool is_ours;	      /* with our layout and subnet */
	uint32_t seen_chains; /* a bit for each chain that has its rules */
};

static void note_answer(void *context, const struct nlmsghdr *message)
{
	struct found *found = context;
	if (nft_is(message, NFT_MSG_NEWGEN)) {
		const struct nlattr *table[NFTA_GEN_ID + 1];
		netlink_parse_message(message, sizeof(struct nfgenmsg), table, NFTA_GEN_ID);
		found->generation = ntohl(netlink_get_u32(table[NFTA_GEN_ID]));
	} else if (nft_is(message, NFT_MSG_NEWTABLE)) {
		const struct nlattr *table[NFTA_TABLE_USERDATA + 1];
		netlink_parse_message(message, sizeof(struct nfgenmsg), table, NFTA_TABLE_USERDATA);
		struct comment comment = {0};
		size_t size = make_comment(found->ruleset, &comment);
		const struct nlattr *data = table[NFTA_TABLE_USERDATA];
		found->exists = true;
		found->is_ours = data && netlink_size(data) == size && memcmp(netlink_data(data), &comment, size) == 0;
	} else if (nft_is(message, NFT_MSG_NEWCHAIN)) {
		const struct nlattr *table[NFTA_CHAIN_USE + 1];
		netlink_parse_message(message, sizeof(struct nfgenmsg), table, NFTA_CHAIN_USE);
		for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
			if (netlink_is_string(table[NFTA_CHAIN_NAME], chains[i].chain.name) &&
			    ntohl(netlink_get_u32(table[NFTA_CHAIN_USE])) >= chains[i].count_rules(found->ruleset))
				found->seen_chains |= 1u << i;
		}
	}
}

static int look(int fd, const struct ruleset *ruleset, struct found *ret_found, struct error *err)
{
	const char *name = ruleset->bridge->name;
	uint8_t family = ruleset->family->number;
	struct found found = {.ruleset = ruleset};
	NETLINK_BATCH(batch, 1024);
	nft_begin(&batch, NFT_MSG_GETGEN, 0, AF_UNSPEC, "read generation of nftables");
	netlink_expect_reply(&batch);
	nft_begin(&batch, NFT_MSG_GETTABLE, 0, family, "look for nftables table");
	netlink_put_string(&batch, NFTA_TABLE_NAME, name);
	netlink_tolerate(&batch, ENOENT);
	netlink_expect_reply(&batch);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++) {
		nft_begin(&batch, NFT_MSG_GETCHAIN, 0, family, "look for nftables chain");
		netlink_put_string(&batch, NFTA_CHAIN_TABLE, name);
		netlink_put_string(&batch, NFTA_CHAIN_NAME, chains[i].chain.name);
		netlink_tolerate(&batch, ENOENT);
		netlink_expect_reply(&batch);
	}
	if (netlink_exchange(fd, &batch, note_answer, &found, err) < 0)
		return -1;
	*ret_found = found;
	return 0;
}

static void put_table(const struct ruleset *ruleset)
{
	struct comment comment = {0};
	nft_begin(ruleset->batch, NFT_MSG_NEWTABLE, NLM_F_CREATE, ruleset->family->number, "make nftables table");
	netlink_put_string(ruleset->batch, NFTA_TABLE_NAME, ruleset->bridge->name);
	netlink_put(ruleset->batch, NFTA_TABLE_USERDATA, &comment, make_comment(ruleset, &comment));
}

static void put_maps(struct netlink_batch *batch, const struct address_family *family, const char *table)
{
	uint32_t port_type = JOIN_TYPES(TYPE_PROTOCOL, TYPE_SERVICE);
	struct nft_map map = {
		.name = RULESET_PORTS_MAP,
		.key_type = JOIN_TYPES(family->address_type, TYPE_PROTOCOL) << 6 | TYPE_SERVICE,
		.key_size = family->address_size + 8,
		.data_type = JOIN_TYPES(family->address_type, TYPE_SERVICE),
		.data_size = family->address_size + 4,
	};
	nft_put_map(batch, family->number, table, &map, PORTS_MAP_ID);
	map.name = RULESET_WILDCARD_MAP;
	map.key_type = port_type;
	map.key_size = 8;
	nft_put_map(batch, family->number, table, &map, WILDCARD_MAP_ID);
}

static int make(int fd, const struct ruleset *wanted, const struct found *found, struct error *err)
{
	const char *name = wanted->bridge->name;
	uint8_t family = wanted->family->number;
	NETLINK_BATCH(batch, 8192);
	struct ruleset ruleset = *wanted;
	ruleset.batch = &batch;
	nft_transaction_begin(&batch, found->generation);
	if (found->exists) {
		nft_begin(&batch, NFT_MSG_DELTABLE, 0, family, "replace nftables table");
		netlink_put_string(&batch, NFTA_TABLE_NAME, name);
	}
	put_table(&ruleset);
	put_maps(&batch, ruleset.family, name);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		nft_put_chain(&batch, family, name, &chains[i].chain);
	for (size_t i = 0; i < ARRAY_SIZE(chains); i++)
		chains[i].put_rules(&ruleset, chains[i].chain.name);
	nft_transaction_end(&batch);
	return netlink_exchange(fd, &batch, NULL, NULL, err);
}

static int ensure(int fd, const struct bridge *bridge, const struct address_family *family, bool *ret_was_made,
		  struct error *err)
{
	struct ruleset ruleset = {.bridge = bridge, .family = family};
	strncpy(ruleset.interface, bridge->name, sizeof ruleset.interface - 1);
	for (int i = 0; i < ENSURE_TRIES; i++) {
		struct found found = {0};
		if (look(fd, &ruleset, &found, err) < 0)
			return error_wrap(err, "nftables table %s", bridge->name);
		if (found.is_ours && found.seen_chains == (1u << ARRAY_SIZE(chains)) - 1) {
			*ret_was_made = false;
			return 0;
		}
		if (make(fd, &ruleset, &found, err) == 0) {
			*ret_was_made = true;
			return 0;
		}
		if (err->system_errno != ERESTART)
			return error_wrap(err, "nftables table %s", bridge->name);
		error_clear(err);
	}
	return error_set(
		err, ERROR_CONFLICT,
		"nftables table %s: other programs changed nftables %d times while it was to be made; try again",
		bridge->name, ENSURE_TRIES);
}

int ruleset_ensure(const struct bridge *bridge, bool *ret_was_made, struct error *err)
{
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	bool was_made = false, was_made6 = false;
	if (fd < 0 || ensure(fd, bridge, ipv4, &was_made, err) < 0 ||
	    (bridge->prefix_length6 && ensure(fd, bridge, &families[1], &was_made6, err) < 0))
		return -1;
	*ret_was_made = was_made || was_made6;
	return 0;
}

int ruleset_remove(const char *table, struct error *err)
{
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(families); i++) {
		NETLINK_BATCH(batch, 256);
		nft_transaction_begin(&batch, 0);
		nft_begin(&batch, NFT_MSG_DELTABLE, 0, families[i].number, "remove nftables table");
		netlink_put_string(&batch, NFTA_TABLE_NAME, table);
		netlink_tolerate(&batch, ENOENT);
		nft_transaction_end(&batch);
		/* A kernel without IPv6 has no table of it. */
		if (netlink_exchange(fd, &batch, NULL, NULL, err) < 0) {
			if (families[i].number != NFPROTO_IPV6 || err->system_errno != EAFNOSUPPORT)
				return -1;
			error_clear(err);
		}
	}
	return 0;
}
