/* The builder and the parser of netlink messages, with their bounds. No privilege needed. */
#include <errno.h>
#include <limits.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/memory.h"
#include "network/netlink.h"
#include "network/nft.h"

static const struct ifinfomsg header;

static void test_layout(void **state)
{
	NETLINK_BATCH(batch, 256);
	netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &header, sizeof header, "first");
	netlink_put_string(&batch, IFLA_IFNAME, "lo");
	size_t nest = netlink_nest(&batch, IFLA_LINKINFO);
	netlink_put_u8(&batch, 7, 9);
	netlink_put_u32(&batch, 8, 0x01020304);
	netlink_nest_end(&batch, nest);
	netlink_begin(&batch, RTM_DELLINK, 0, &header, sizeof header, "second");
	assert_false(batch.overflowed);
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.expected, 1);

	const struct nlmsghdr *message = (const void *)batch.bytes;
	assert_int_equal(message->nlmsg_len, 16 + 16 + 8 + 4 + 8 + 8);
	assert_int_equal(message->nlmsg_seq, 1);
	assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
	const struct nlattr *table[IFLA_LINKINFO + 1];
	netlink_parse_message(message, sizeof header, table, IFLA_LINKINFO);
	assert_true(netlink_is_string(table[IFLA_IFNAME], "lo"));
	assert_false(netlink_is_string(table[IFLA_IFNAME], "l"));
	assert_false(netlink_is_string(table[IFLA_IFNAME], "lo0"));
	assert_null(table[IFLA_ADDRESS]);
	const struct nlattr *inner[9];
	netlink_parse_nested(table[IFLA_LINKINFO], inner, 8);
	assert_int_equal(netlink_size(inner[7]), 1);
	assert_int_equal(netlink_get_u32(inner[7]), 0);
	assert_int_equal(netlink_get_u32(inner[8]), 0x01020304);
	/* Padding is zeros, never what was on the stack. */
	assert_int_equal(((const unsigned char *)inner[7])[5] | ((const unsigned char *)inner[7])[6], 0);

	message = (const void *)(batch.bytes + message->nlmsg_len);
	assert_int_equal(message->nlmsg_seq, 2);
	assert_int_equal(message->nlmsg_len, 32);
}

static void expect_refused(struct netlink_batch *batch)
{
	struct error err = {0};
	assert_true(batch->overflowed);
	assert_int_equal(netlink_exchange(-1, batch, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

/* Every capacity up to what the message needs: nothing is written past it, and it is refused. */
static void test_every_capacity(void **state)
{
	for (size_t capacity = 0; capacity <= 80; capacity += 4) {
		unsigned char *storage = malloc(capacity + 16);
		memset(storage, 0xa5, capacity + 16);
		struct netlink_batch batch;
		netlink_batch_init(&batch, storage, capacity);
		netlink_begin(&batch, RTM_NEWLINK, NLM_F_ACK, &header, sizeof header, "x");
		size_t nest = netlink_nest(&batch, IFLA_LINKINFO);
		netlink_put_string(&batch, IFLA_INFO_KIND, "bridge");
		netlink_put_raw(&batch, "abcde", 5);
		netlink_nest_end(&batch, nest);
		assert_true(batch.size <= capacity);
		for (size_t i = 0; i < 16; i++)
			assert_int_equal(storage[capacity + i], 0xa5);
		if (capacity < 32 + 4 + 12 + 8)
			expect_refused(&batch);
		else
			assert_false(batch.overflowed);
		free(storage);
	}
}

static void test_too_many_messages(void **state)
{
	NETLINK_BATCH(batch, 8192);
	for (int i = 0; i < NETLINK_MAX_MESSAGES; i++)
		netlink_begin(&batch, RTM_NEWLINK, 0, &header, sizeof header, "x");
	assert_false(batch.overflowed);
	netlink_begin(&batch, RTM_NEWLINK, 0, &header, sizeof header, "x");
	expect_refused(&batch);
}

static void test_attribute_lengths(void **state)
{
	size_t capacity = 256 * 1024;
	cleanup_free unsigned char *storage = allocate(capacity);
	cleanup_free unsigned char *bytes = allocate(70000);
	struct netlink_batch batch;
	netlink_batch_init(&batch, storage, capacity);
	netlink_begin(&batch, RTM_NEWLINK, 0, &header, sizeof header, "x");
	netlink_put(&batch, 1, bytes, UINT16_MAX - NLA_HDRLEN);
	assert_false(batch.overflowed);
	netlink_put(&batch, 1, bytes, UINT16_MAX - NLA_HDRLEN + 1);
	expect_refused(&batch);
	/* A nest is bounded as well. */
	netlink_batch_init(&batch, storage, capacity);
	netlink_begin(&batch, RTM_NEWLINK, 0, &header, sizeof header, "x");
	size_t nest = netlink_nest(&batch, 1);
	netlink_put(&batch, 1, bytes, 40000);
	netlink_put(&batch, 1, bytes, 40000);
	assert_false(batch.overflowed);
	netlink_nest_end(&batch, nest);
	expect_refused(&batch);
	/* A length that would wrap. */
	netlink_batch_init(&batch, storage, capacity);
	netlink_begin(&batch, RTM_NEWLINK, 0, &header, sizeof header, "x");
	netlink_put(&batch, 1, bytes, SIZE_MAX - 2);
	expect_refused(&batch);
	/* An attribute that belongs to no message. */
	netlink_batch_init(&batch, storage, capacity);
	netlink_put_u32(&batch, 1, 1);
	expect_refused(&batch);
}

/* Lengths that lie must neither be followed out of the bytes nor stop the program. */
static void test_parse_hostile(void **state)
{
	const struct nlattr *table[4];
	for (unsigned int length = 0; length < 64; length++) {
		unsigned char *bytes = malloc(12);
		memset(bytes, 0, 12);
		struct nlattr attribute = {.nla_len = (uint16_t)length, .nla_type = 2};
		memcpy(bytes, &attribute, sizeof attribute);
		netlink_parse(bytes, 12, table, 3);
		assert_true((table[2] != NULL) == (length >= 4 && length <= 12));
		for (size_t size = 0; size < 4; size++) {
			netlink_parse(bytes, size, table, 3);
			assert_null(table[2]);
		}
		free(bytes);
	}
	netlink_parse(NULL, 0, table, 3);
	netlink_parse_nested(NULL, table, 3);
	assert_int_equal(netlink_get_u32(NULL), 0);
	assert_false(netlink_is_string(NULL, ""));
	struct nlmsghdr is_short = {.nlmsg_len = NLMSG_HDRLEN};
	netlink_parse_message(&is_short, 64, table, 3);
	assert_null(table[0]);
}

/* Errors of the kernel: the step's words, its own, errno's; tolerated ones are success. Needs no privilege. */
static void test_errors(void **state)
{
	struct error err = {0};
	cleanup_close int fd = netlink_open(NETLINK_ROUTE, &err);
	assert_true(fd >= 0);
	for (int tolerate = 0; tolerate < 2; tolerate++) {
		NETLINK_BATCH(batch, 128);
		netlink_begin(&batch, RTM_GETLINK, 0, &header, sizeof header, "look for it");
		netlink_put_string(&batch, IFLA_IFNAME, "no-such-one");
		netlink_expect_reply(&batch);
		if (tolerate)
			netlink_tolerate(&batch, ENODEV);
		int result = netlink_exchange(fd, &batch, NULL, NULL, &err);
		assert_int_equal(result, tolerate ? 0 : -1);
		if (!tolerate) {
			assert_int_equal(err.system_errno, ENODEV);
			assert_string_equal(err.message, "look for it: No such device");
		}
	}
	/* A header that is too short is refused with words of the kernel's. */
	NETLINK_BATCH(batch, 128);
	struct ifinfomsg wrong = {.ifi_family = AF_UNSPEC, .ifi_index = -5};
	netlink_begin(&batch, RTM_GETLINK, 0, &wrong, sizeof wrong, "ask wrongly");
	netlink_expect_reply(&batch);
	assert_int_equal(netlink_exchange(fd, &batch, NULL, NULL, &err), -1);
	assert_true(err.system_errno != 0);
	/* What is expected and does not come is noticed. */
	NETLINK_BATCH(silent, 128);
	netlink_begin(&silent, NLMSG_NOOP, 0, &header, sizeof header, "say nothing");
	netlink_expect_reply(&silent);
	assert_int_equal(netlink_exchange(fd, &silent, NULL, NULL, &err), -1);
	assert_string_equal(err.message, "say nothing: the kernel did not answer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_every_capacity),
		cmocka_unit_test(test_too_many_messages),
		cmocka_unit_test(test_attribute_lengths),
		cmocka_unit_test(test_parse_hostile),
		cmocka_unit_test(test_errors),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
