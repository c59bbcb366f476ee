#include "network/resolver_sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "network/link.h"
#include "network/nft.h"

#define TABLE		   "coracle-names"
#define CHAIN		   "output"
#define DNS_PORT	   53
#define DESTINATION_OFFSET 16
#define CONNECTION_QUEUE   16

static struct in_addr resolver_address(void)
{
	struct in_addr address;
	inet_pton(AF_INET, RESOLVER_HOST, &address);
	return address;
}

static int open_socket(int type, int *ret_fd, uint16_t *ret_port, struct error *err)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = resolver_address()};
	socklen_t size = sizeof address;
	cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    (type == SOCK_STREAM && listen(fd, CONNECTION_QUEUE) < 0) ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		return error_set_errno(err, errno, "open the socket of the container's resolver");
	*ret_port = ntohs(address.sin_port);
	*ret_fd = steal_fd(&fd);
	return 0;
}

/* ip daddr 127.0.0.11 meta l4proto PROTOCOL th dport 53 dnat to 127.0.0.11:PORT */
static void put_rule(struct netlink_batch *batch, uint8_t protocol, uint16_t port)
{
	struct in_addr address = resolver_address();
	uint16_t asked = htons(DNS_PORT), target = htons(port);
	struct nft_rule rule = nft_rule_begin(batch, NFPROTO_IPV4, TABLE, CHAIN);
	nft_load_payload(&rule, NFT_PAYLOAD_NETWORK_HEADER, DESTINATION_OFFSET, sizeof address, NFT_REG_1);
	nft_compare(&rule, NFT_CMP_EQ, NFT_REG_1, &address, sizeof address);
	nft_load_meta(&rule, NFT_META_L4PROTO, NFT_REG_1);
	nft_compare(&rule, NFT_CMP_EQ, NFT_REG_1, &protocol, sizeof protocol);
	nft_load_payload(&rule, NFT_PAYLOAD_TRANSPORT_HEADER, 2, sizeof asked, NFT_REG_1);
	nft_compare(&rule, NFT_CMP_EQ, NFT_REG_1, &asked, sizeof asked);
	nft_load_value(&rule, NFT_REG_1, &address, sizeof address);
	nft_load_value(&rule, NFT_REG_2, &target, sizeof target);
	nft_destination_nat(&rule, NFPROTO_IPV4, NFT_REG_1, NFT_REG_2);
	nft_rule_end(&rule);
}

/* In the namespace. What was there is replaced. */
static int redirect(uint16_t udp_port, uint16_t tcp_port, struct error *err)
{
	static const struct nft_chain chain = {CHAIN, "nat", NF_INET_LOCAL_OUT, NF_IP_PRI_NAT_DST};
	cleanup_close int fd = netlink_open(NETLINK_NETFILTER, err);
	if (fd < 0)
		return -1;
	NETLINK_BATCH(batch, 2048);
	nft_transaction_begin(&batch, 0);
	/* Made where it is not there, so that it can be removed: one transaction. */
	for (int i = 0; i < 3; i++) {
		nft_begin(&batch, i == 1 ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, i == 1 ? 0 : NLM_F_CREATE, NFPROTO_IPV4,
			  "make nftables table");
		netlink_put_string(&batch, NFTA_TABLE_NAME, TABLE);
	}
	nft_put_chain(&batch, NFPROTO_IPV4, TABLE, &chain);
	put_rule(&batch, IPPROTO_UDP, udp_port);
	put_rule(&batch, IPPROTO_TCP, tcp_port);
	nft_transaction_end(&batch);
	return netlink_exchange(fd, &batch, NULL, NULL, err) < 0
		       ? error_wrap(err, "lead questions for names to the resolver")
		       : 0;
}

static int enter(pid_t pid, int *ret_own, struct error *err)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
	cleanup_close int namespace_fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_close int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (namespace_fd < 0 || own < 0 || setns(namespace_fd, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "enter the network namespace of process %d", (int)pid);
	*ret_own = steal_fd(&own);
	return 0;
}

/* Before lo is up, the namespace has no table of local addresses, and what is bound then would answer from another. */
static int set_loopback_up(struct error *err)
{
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, err);
	return fd < 0 ? -1 : link_set_loopback_up(fd, err);
}

int resolver_sockets_open(pid_t pid, bool redirects, struct resolver_sockets *ret_sockets, struct error *err)
{
	cleanup_close int own = -1;
	cleanup_close int udp_fd = -1;
	cleanup_close int tcp_fd = -1;
	uint16_t udp_port, tcp_port;
	if (enter(pid, &own, err) < 0)
		return -1;
	int result = set_loopback_up(err) < 0 || open_socket(SOCK_DGRAM, &udp_fd, &udp_port, err) < 0 ||
				     open_socket(SOCK_STREAM, &tcp_fd, &tcp_port, err) < 0 ||
				     (redirects && redirect(udp_port, tcp_port, err) < 0)
			     ? -1
			     : 0;
	/* What comes next would change the wrong namespace. */
	if (setns(own, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "return to our own network namespace");
	if (result < 0)
		return -1;
	*ret_sockets = (struct resolver_sockets){steal_fd(&udp_fd), steal_fd(&tcp_fd)};
	return 0;
}

/* The port of the socket on 127.0.0.11 in a table of /proc/PID/net, or 0. */
static uint16_t find_port(pid_t pid, const char *table)
{
	char path[64], line[256], wanted[16];
	snprintf(path, sizeof path, "/proc/%d/net/%s", (int)pid, table);
	snprintf(wanted, sizeof wanted, " %08X:", resolver_address().s_addr);
	cleanup_file FILE *file = fopen(path, "re");
	while (file && fgets(line, sizeof line, file)) {
		const char *found = strstr(line, wanted);
		/* The local address is the first of the two. */
		if (found && found - line < 8)
			return (uint16_t)strtoul(found + strlen(wanted), NULL, 16);
	}
	return 0;
}

int resolver_redirect(pid_t pid, struct error *err)
{
	cleanup_close int own = -1;
	uint16_t udp_port = find_port(pid, "udp"), tcp_port = find_port(pid, "tcp");
	if (!udp_port || !tcp_port)
		return error_set(
			err, ERROR_CONFLICT,
			"the container has no resolver, as it was started by an older version: start it again");
	if (enter(pid, &own, err) < 0)
		return -1;
	int result = redirect(udp_port, tcp_port, err);
	if (setns(own, CLONE_NEWNET) < 0)
		return error_set_errno(err, errno, "return to our own network namespace");
	return result;
}
