/*
 * Netlink (netlink(7), RFC 3549): requests are built into memory of a fixed size, sent in one datagram, and all their
 * answers read. Nothing here allocates, so it can run between clone and exec.
 *
 *     NETLINK_BATCH(batch, 512);
 *     netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &header, sizeof header, "set interface lo up");
 *     netlink_put_string(&batch, IFLA_IFNAME, "lo");
 *     if (netlink_exchange(fd, &batch, NULL, NULL, err) < 0) ...
 *
 * Building never fails: what does not fit is remembered, and netlink_exchange() then refuses with ERROR_LIMIT before
 * anything is sent.
 */
#pragma once

#include <linux/netlink.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define NETLINK_MAX_MESSAGES 64

struct netlink_step {
	const char *what; /* "make the bridge": begins the error's text. Borrowed until the exchange. */
	int tolerated;	  /* an errno that counts as success, or 0 */
};

struct netlink_batch {
	unsigned char *bytes; /* the caller's, aligned to 4 */
	size_t capacity;
	size_t size;
	size_t message;	   /* where the message in work begins */
	uint32_t count;	   /* messages; the sequence number of the last one */
	uint32_t expected; /* messages that the kernel must answer */
	bool overflowed;
	struct netlink_step steps[NETLINK_MAX_MESSAGES];
};

/* A batch on the stack; `size_bytes` is a constant. */
#define NETLINK_BATCH(name, size_bytes)                                                                                \
	alignas(NLMSG_ALIGNTO) unsigned char name##_storage[size_bytes];                                               \
	struct netlink_batch name;                                                                                     \
	netlink_batch_init(&name, name##_storage, sizeof name##_storage)

void netlink_batch_init(struct netlink_batch *batch, void *storage, size_t capacity);

/* A new message with its protocol header. NLM_F_REQUEST is added. With NLM_F_ACK or NLM_F_DUMP an answer is expected.
 */
void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *header, size_t header_size,
		   const char *what);
/* The message in work may fail with this errno. */
void netlink_tolerate(struct netlink_batch *batch, int number);
/* The message in work is acknowledged: NLM_F_ACK, where it was not known at netlink_begin(). */
void netlink_request_acknowledgement(struct netlink_batch *batch);
/* The message in work is answered by a message of its own rather than an acknowledgement. */
void netlink_expect_reply(struct netlink_batch *batch);

void netlink_put(struct netlink_batch *batch, uint16_t type, const void *bytes, size_t size);
void netlink_put_u8(struct netlink_batch *batch, uint16_t type, uint8_t value);
void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value);
void netlink_put_be32(struct netlink_batch *batch, uint16_t type, uint32_t value); /* from host byte order */
void netlink_put_string(struct netlink_batch *batch, uint16_t type, const char *text);
/* Opens a nested attribute; what it returns closes it. */
size_t netlink_nest(struct netlink_batch *batch, uint16_t type);
void netlink_nest_end(struct netlink_batch *batch, size_t nest);
/* Bytes that are no attribute: the header within VETH_INFO_PEER. */
void netlink_put_raw(struct netlink_batch *batch, const void *bytes, size_t size);

/* A socket of NETLINK_ROUTE or NETLINK_NETFILTER, or -1 with *err filled. */
int netlink_open(int protocol, struct error *err);

typedef void netlink_reply_function(void *context, const struct nlmsghdr *message);

/*
 * Sends the batch and reads every answer. The kernel handles requests within sendmsg(2), so all answers are there when
 * it returns and nothing is waited for. The first failure that is not tolerated is reported as "WHAT: kernel's words:
 * errno's text"; ones behind it are consequences. Other messages go to `reply` (may be NULL).
 */
int netlink_exchange(int fd, struct netlink_batch *batch, netlink_reply_function *reply, void *context,
		     struct error *err);

/* Sorts attributes by type into table[0 … maximum]; absent ones are NULL. Broken lengths end the walk. */
void netlink_parse(const void *attributes, size_t size, const struct nlattr **table, uint16_t maximum);
void netlink_parse_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t maximum);
/* The attributes behind a message's protocol header. */
void netlink_parse_message(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table,
			   uint16_t maximum);

static inline const void *netlink_data(const struct nlattr *attribute)
{
	return (const char *)attribute + NLA_HDRLEN;
}

static inline size_t netlink_size(const struct nlattr *attribute)
{
	return (size_t)attribute->nla_len - NLA_HDRLEN;
}

/* 0 where absent or too short. */
uint32_t netlink_get_u32(const struct nlattr *attribute);
/* Whether it holds exactly this text, with or without its NUL. */
bool netlink_is_string(const struct nlattr *attribute, const char *text);
