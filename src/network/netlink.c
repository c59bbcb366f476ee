#include "network/netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/memory.h"

/* A dump's datagram is at most this by the size of our buffer; a single answer is far smaller. */
#define RECEIVE_SIZE 16384

void netlink_batch_init(struct netlink_batch *batch, void *storage, size_t capacity)
{
	*batch = (struct netlink_batch){.bytes = storage, .capacity = capacity};
}

static struct nlmsghdr *message_in_work(struct netlink_batch *batch)
{
	return (struct nlmsghdr *)(void *)(batch->bytes + batch->message);
}

/* Room for `size` bytes, padded with zeros to the alignment; NULL where there is none. */
static unsigned char *reserve(struct netlink_batch *batch, size_t size)
{
	if (batch->overflowed)
		return NULL;
	size_t room = batch->capacity - batch->size;
	if (size > room || NLMSG_ALIGN(size) > room) {
		batch->overflowed = true;
		return NULL;
	}
	unsigned char *place = batch->bytes + batch->size;
	size_t padded = NLMSG_ALIGN(size);
	memset(place + size, 0, padded - size);
	batch->size += padded;
	return place;
}

static unsigned char *append(struct netlink_batch *batch, size_t size)
{
	if (batch->count == 0) /* an attribute without a message */
		batch->overflowed = true;
	unsigned char *place = reserve(batch, size);
	if (place)
		message_in_work(batch)->nlmsg_len = (uint32_t)(batch->size - batch->message);
	return place;
}

void netlink_begin(struct netlink_batch *batch, uint16_t type, uint16_t flags, const void *header, size_t header_size,
		   const char *what)
{
	if (batch->count == NETLINK_MAX_MESSAGES)
		batch->overflowed = true;
	size_t start = batch->size;
	unsigned char *place = reserve(batch, NLMSG_HDRLEN + header_size);
	if (!place)
		return;
	batch->message = start;
	batch->steps[batch->count++] = (struct netlink_step){.what = what};
	if (flags & NLM_F_ACK || (flags & NLM_F_DUMP) == NLM_F_DUMP)
		batch->expected++;
	*message_in_work(batch) = (struct nlmsghdr){
		.nlmsg_len = (uint32_t)(batch->size - start),
		.nlmsg_type = type,
		.nlmsg_flags = flags | NLM_F_REQUEST,
		.nlmsg_seq = batch->count,
	};
	memcpy(place + NLMSG_HDRLEN, header, header_size);
}

void netlink_tolerate(struct netlink_batch *batch, int number)
{
	if (!batch->overflowed && batch->count)
		batch->steps[batch->count - 1].tolerated = number;
}

void netlink_request_acknowledgement(struct netlink_batch *batch)
{
	if (batch->overflowed || batch->count == 0)
		return;
	message_in_work(batch)->nlmsg_flags |= NLM_F_ACK;
	batch->expected++;
}

void netlink_expect_reply(struct netlink_batch *batch)
{
	batch->expected++;
}

void netlink_put(struct netlink_batch *batch, uint16_t type, const void *bytes, size_t size)
{
	if (size > UINT16_MAX - NLA_HDRLEN) {
		batch->overflowed = true;
		return;
	}
	unsigned char *place = append(batch, NLA_HDRLEN + size);
	if (!place)
		return;
	struct nlattr attribute = {.nla_len = (uint16_t)(NLA_HDRLEN + size), .nla_type = type};
	memcpy(place, &attribute, sizeof attribute);
	if (size)
		memcpy(place + NLA_HDRLEN, bytes, size);
}

void netlink_put_u8(struct netlink_batch *batch, uint16_t type, uint8_t value)
{
	netlink_put(batch, type, &value, sizeof value);
}

void netlink_put_u32(struct netlink_batch *batch, uint16_t type, uint32_t value)
{
	netlink_put(batch, type, &value, sizeof value);
}

void netlink_put_be32(struct netlink_batch *batch, uint16_t type, uint32_t value)
{
	netlink_put_u32(batch, type, htonl(value));
}

void netlink_put_string(struct netlink_batch *batch, uint16_t type, const char *text)
{
	netlink_put(batch, type, text, strlen(text) + 1);
}

size_t netlink_nest(struct netlink_batch *batch, uint16_t type)
{
	size_t start = batch->size;
	netlink_put(batch, type | NLA_F_NESTED, NULL, 0);
	return start;
}

void netlink_nest_end(struct netlink_batch *batch, size_t nest)
{
	if (batch->overflowed)
		return;
	size_t size = batch->size - nest;
	if (size > UINT16_MAX) {
		batch->overflowed = true;
		return;
	}
	((struct nlattr *)(void *)(batch->bytes + nest))->nla_len = (uint16_t)size;
}

void netlink_put_raw(struct netlink_batch *batch, const void *bytes, size_t size)
{
	unsigned char *place = append(batch, size);
	if (place)
		memcpy(place, bytes, size);
}

int netlink_open(int protocol, struct error *err)
{
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	if (fd < 0)
		return error_set_errno(err, errno, "open a netlink socket for %s",
				       protocol == NETLINK_NETFILTER ? "nftables (kernel option CONFIG_NF_TABLES)"
								     : "network interfaces");
	int on = 1;
	/* Both only make an error's text better: an old kernel may refuse them. */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
	return steal_fd(&fd);
}

/* The kernel's own words in an answer, or NULL. */
static const char *extended_text(const struct nlmsghdr *message)
{
	if (!(message->nlmsg_flags & NLM_F_ACK_TLVS))
		return NULL;
	const struct nlmsgerr *answer = NLMSG_DATA(message);
	/* The request is repeated whole where the answer is not capped. */
	size_t skip = sizeof *answer;
	if (!(message->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(answer->msg.nlmsg_len) - NLMSG_HDRLEN;
	const struct nlattr *table[NLMSGERR_ATTR_MSG + 1];
	netlink_parse_message(message, skip, table, NLMSGERR_ATTR_MSG);
	const struct nlattr *text = table[NLMSGERR_ATTR_MSG];
	if (!text || netlink_size(text) < 2 || memchr(netlink_data(text), '\0', netlink_size(text)) == NULL)
		return NULL;
	return netlink_data(text);
}

struct exchange {
	const struct netlink_batch *batch;
	netlink_reply_function *reply;
	void *context;
	uint32_t answered;
	bool failed;
	bool interrupted;
};

static void handle_error(struct exchange *exchange, const struct nlmsghdr *message, struct error *err)
{
	const struct nlmsgerr *answer = NLMSG_DATA(message);
	exchange->answered++;
	if (answer->error == 0 || exchange->failed)
		return;
	uint32_t sequence = message->nlmsg_seq;
	bool is_known = sequence >= 1 && sequence <= exchange->batch->count;
	const struct netlink_step *step = is_known ? &exchange->batch->steps[sequence - 1] : NULL;
	if (step && step->tolerated == -answer->error)
		return;
	exchange->failed = true;
	const char *what = step && step->what ? step->what : "netlink request";
	const char *text = extended_text(message);
	if (text)
		error_set_errno(err, -answer->error, "%s: %.200s", what, text);
	else
		error_set_errno(err, -answer->error, "%s", what);
}

static void handle_datagram(struct exchange *exchange, const void *bytes, size_t size, struct error *err)
{
	const struct nlmsghdr *message = bytes;
	/* NLMSG_OK and NLMSG_NEXT count in int and unsigned: a datagram is below both limits. */
	unsigned int left = (unsigned int)size;
	for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			exchange->interrupted = true;
		if (message->nlmsg_type == NLMSG_ERROR) {
			if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
				handle_error(exchange, message, err);
		} else if (message->nlmsg_type == NLMSG_DONE) {
			exchange->answered++;
		} else if (message->nlmsg_type > NLMSG_OVERRUN) {
			if (!(message->nlmsg_flags & NLM_F_MULTI))
				exchange->answered++;
			if (exchange->reply)
				exchange->reply(exchange->context, message);
		}
	}
}

static int read_answers(int fd, struct exchange *exchange, struct error *err)
{
	alignas(NLMSG_ALIGNTO) unsigned char bytes[RECEIVE_SIZE];
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
		struct msghdr header = {
			.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part, .msg_iovlen = 1};
		ssize_t size = recvmsg(fd, &header, MSG_DONTWAIT);
		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0 && errno == EAGAIN)
			return 0;
		if (size < 0)
			return error_set_errno(err, errno, "read netlink answer");
		if (header.msg_flags & MSG_TRUNC)
			return error_set(err, ERROR_LIMIT, "netlink answer is longer than %d bytes", RECEIVE_SIZE);
		if (from.nl_pid != 0) /* not the kernel */
			continue;
		handle_datagram(exchange, bytes, (size_t)size, err);
	}
}

int netlink_exchange(int fd, struct netlink_batch *batch, netlink_reply_function *reply, void *context,
		     struct error *err)
{
	if (batch->overflowed)
		return error_set(err, ERROR_LIMIT, "netlink request is longer than its %zu bytes or %d messages",
				 batch->capacity, NETLINK_MAX_MESSAGES);
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct iovec part = {.iov_base = batch->bytes, .iov_len = batch->size};
	struct msghdr header = {.msg_name = &kernel, .msg_namelen = sizeof kernel, .msg_iov = &part, .msg_iovlen = 1};
	ssize_t sent;
	do
		sent = sendmsg(fd, &header, 0);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return error_set_errno(err, errno, "%s: send netlink request", batch->steps[0].what);
	struct exchange exchange = {.batch = batch, .reply = reply, .context = context};
	if (read_answers(fd, &exchange, err) < 0)
		return -1;
	if (exchange.failed)
		return -1;
	if (exchange.interrupted)
		return error_set_errno(err, EINTR, "%s", batch->steps[0].what);
	if (exchange.answered < batch->expected)
		return error_set(err, ERROR_SYSTEM, "%s: the kernel did not answer", batch->steps[0].what);
	return 0;
}

void netlink_parse(const void *attributes, size_t size, const struct nlattr **table, uint16_t maximum)
{
	memset(table, 0, sizeof *table * ((size_t)maximum + 1));
	const char *position = attributes;
	while (size >= NLA_HDRLEN) {
		const struct nlattr *attribute = (const void *)position;
		if (attribute->nla_len < NLA_HDRLEN || attribute->nla_len > size)
			return;
		uint16_t type = attribute->nla_type & NLA_TYPE_MASK;
		if (type <= maximum)
			table[type] = attribute;
		size_t step = NLA_ALIGN(attribute->nla_len);
		if (step >= size)
			return;
		position += step;
		size -= step;
	}
}

void netlink_parse_nested(const struct nlattr *nest, const struct nlattr **table, uint16_t maximum)
{
	netlink_parse(nest ? netlink_data(nest) : NULL, nest ? netlink_size(nest) : 0, table, maximum);
}

void netlink_parse_message(const struct nlmsghdr *message, size_t header_size, const struct nlattr **table,
			   uint16_t maximum)
{
	size_t skip = NLMSG_HDRLEN + NLMSG_ALIGN(header_size);
	bool is_short = message->nlmsg_len < skip;
	netlink_parse((const char *)message + (is_short ? 0 : skip), is_short ? 0 : message->nlmsg_len - skip, table,
		      maximum);
}

uint32_t netlink_get_u32(const struct nlattr *attribute)
{
	uint32_t value = 0;
	if (attribute && netlink_size(attribute) >= sizeof value)
		memcpy(&value, netlink_data(attribute), sizeof value);
	return value;
}

bool netlink_is_string(const struct nlattr *attribute, const char *text)
{
	if (!attribute)
		return false;
	size_t size = netlink_size(attribute);
	size_t length = strnlen(netlink_data(attribute), size);
	return length == strlen(text) && memcmp(netlink_data(attribute), text, length) == 0;
}
