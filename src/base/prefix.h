/* Subnets of IPv4 and IPv6, "10.1.0.0/16" or "fd00::/64". Addresses are bytes in network order, 4 or 16 of them. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

struct prefix {
	int family; /* AF_INET, AF_INET6; 0: none */
	int length; /* in bits */
	unsigned char bytes[sizeof(struct in6_addr)];
};
#define PREFIX_TEXT_SIZE (INET6_ADDRSTRLEN + 4)

/* ADDRESS/LENGTH; what lies behind the length stays as it is written. */
bool prefix_parse(const char *text, struct prefix *ret_prefix);
/* An address alone, as a prefix of its whole length. */
bool prefix_parse_address(const char *text, struct prefix *ret_prefix);
/* Takes away the bits behind the length. */
void prefix_mask(struct prefix *prefix);
bool prefix_is_masked(const struct prefix *prefix);
/* Whether the first holds all of the second. Of one family, else false. */
bool prefix_contains(const struct prefix *outer, const struct prefix *inner);
/* Whether they have an address in common. */
bool prefix_touches(const struct prefix *a, const struct prefix *b);
/* The subnet's address and `offset`. */
struct prefix prefix_address_at(const struct prefix *subnet, unsigned int offset);
void prefix_format(const struct prefix *prefix, char ret_text[PREFIX_TEXT_SIZE]);
void prefix_format_address(const struct prefix *prefix, char ret_text[PREFIX_TEXT_SIZE]);

/* "02:42:ac:11:00:02", also with "-" between: six bytes, not of a group. */
bool hardware_address_parse(const char *text, unsigned char ret_bytes[6]);
#define HARDWARE_TEXT_SIZE sizeof "02:42:00:00:00:00"
void hardware_address_format(const unsigned char bytes[6], char ret_text[HARDWARE_TEXT_SIZE]);
