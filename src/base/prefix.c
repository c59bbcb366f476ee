#include "base/prefix.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LENGTH_DIGITS 3

static int bits_of(int family)
{
	return family == AF_INET ? 32 : 128;
}

static int size_of(int family)
{
	return bits_of(family) / 8;
}

bool prefix_parse_address(const char *text, struct prefix *ret_prefix)
{
	struct prefix prefix = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
	if (inet_pton(prefix.family, text, prefix.bytes) != 1)
		return false;
	prefix.length = bits_of(prefix.family);
	*ret_prefix = prefix;
	return true;
}

bool prefix_parse(const char *text, struct prefix *ret_prefix)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	if (!slash || (size_t)(slash - text) >= sizeof address)
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	size_t digits = strspn(slash + 1, "0123456789");
	struct prefix prefix;
	if (digits == 0 || digits > MAX_LENGTH_DIGITS || slash[1 + digits] || !prefix_parse_address(address, &prefix))
		return false;
	long length = strtol(slash + 1, NULL, 10);
	if (length > prefix.length)
		return false;
	prefix.length = (int)length;
	*ret_prefix = prefix;
	return true;
}

void prefix_mask(struct prefix *prefix)
{
	for (int i = 0; i < size_of(prefix->family); i++) {
		int kept = prefix->length - i * 8;
		if (kept < 8)
			prefix->bytes[i] &= (unsigned char)(kept <= 0 ? 0 : 0xff << (8 - kept));
	}
}

bool prefix_is_masked(const struct prefix *prefix)
{
	struct prefix masked = *prefix;
	prefix_mask(&masked);
	return memcmp(masked.bytes, prefix->bytes, sizeof masked.bytes) == 0;
}

bool prefix_contains(const struct prefix *outer, const struct prefix *inner)
{
	return outer->length <= inner->length && prefix_touches(outer, inner);
}

bool prefix_touches(const struct prefix *a, const struct prefix *b)
{
	if (a->family == 0 || a->family != b->family)
		return false;
	struct prefix one = *a, other = *b;
	one.length = other.length = a->length < b->length ? a->length : b->length;
	prefix_mask(&one);
	prefix_mask(&other);
	return memcmp(one.bytes, other.bytes, sizeof one.bytes) == 0;
}

struct prefix prefix_address_at(const struct prefix *subnet, unsigned int offset)
{
	struct prefix address = *subnet;
	unsigned int rest = offset;
	address.length = bits_of(address.family);
	for (int i = size_of(address.family); i-- > 0 && rest;) {
		rest += address.bytes[i];
		address.bytes[i] = (unsigned char)rest;
		rest >>= 8;
	}
	return address;
}

void prefix_format_address(const struct prefix *prefix, char ret_text[PREFIX_TEXT_SIZE])
{
	if (!inet_ntop(prefix->family, prefix->bytes, ret_text, PREFIX_TEXT_SIZE))
		ret_text[0] = '\0';
}

void prefix_format(const struct prefix *prefix, char ret_text[PREFIX_TEXT_SIZE])
{
	prefix_format_address(prefix, ret_text);
	size_t length = strlen(ret_text);
	if (length)
		snprintf(ret_text + length, PREFIX_TEXT_SIZE - length, "/%d", prefix->length);
}

bool hardware_address_parse(const char *text, unsigned char ret_bytes[6])
{
	unsigned char bytes[6];
	for (int i = 0; i < 6; i++) {
		char digits[3] = {0};
		for (int j = 0; j < 2; j++) {
			if (!text[j] || !strchr("0123456789abcdefABCDEF", text[j]))
				return false;
			digits[j] = text[j];
		}
		bytes[i] = (unsigned char)strtoul(digits, NULL, 16);
		text += 2;
		if (i < 5 && *text != ':' && *text != '-')
			return false;
		text += i < 5;
	}
	static const unsigned char none[6];
	if (*text || (bytes[0] & 1) || memcmp(bytes, none, sizeof bytes) == 0)
		return false;
	memcpy(ret_bytes, bytes, sizeof bytes);
	return true;
}

void hardware_address_format(const unsigned char bytes[6], char ret_text[HARDWARE_TEXT_SIZE])
{
	snprintf(ret_text, HARDWARE_TEXT_SIZE, "%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3],
		 bytes[4], bytes[5]);
}
