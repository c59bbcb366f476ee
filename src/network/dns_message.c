#include "network/dns_message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define FLAG_ANSWER    0x80 /* of byte 2 */
#define FLAG_OPCODE    0x78
#define FLAG_OWN       0x04
#define FLAG_TRUNCATED 0x02
#define FLAG_RECURSION 0x01
#define FLAG_RECURSIVE 0x80 /* of byte 3 */
#define LABEL_LIMIT    63
#define WIRE_LIMIT     255

static uint16_t get16(const unsigned char *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

static void put16(unsigned char *bytes, unsigned int value)
{
	bytes[0] = (unsigned char)(value >> 8);
	bytes[1] = (unsigned char)value;
}

/* A dot or a NUL inside of a label would make another name of it: such a name is nobody's here. */
static char plain(unsigned char byte)
{
	if (byte >= 'A' && byte <= 'Z')
		return (char)(byte - 'A' + 'a');
	return byte > ' ' && byte < 0x7f && byte != '.' ? (char)byte : '?';
}

/* Offset behind the name, or 0. A question is the first name, so it has nothing to point at. */
static size_t read_name(const unsigned char *bytes, size_t size, size_t at, char name[DNS_NAME_SIZE])
{
	size_t length = 0, start = at;
	while (at < size && bytes[at] != 0) {
		size_t label = bytes[at++];
		if (label > LABEL_LIMIT || label > size - at || at + label - start > WIRE_LIMIT - 1)
			return 0;
		if (length)
			name[length++] = '.';
		for (size_t i = 0; i < label; i++)
			name[length++] = plain(bytes[at + i]);
		at += label;
	}
	name[length] = '\0';
	return at < size ? at + 1 : 0;
}

bool dns_question_read(const unsigned char *bytes, size_t size, struct dns_question *ret_question,
		       enum dns_code *ret_code)
{
	struct dns_question question = {0};
	if (size < DNS_HEADER_SIZE || bytes[2] & FLAG_ANSWER)
		return false;
	*ret_code = DNS_OK;
	if (bytes[2] & FLAG_OPCODE)
		*ret_code = DNS_NOT_IMPLEMENTED;
	else if (get16(bytes + 4) != 1)
		*ret_code = DNS_FORMAT_ERROR;
	if (*ret_code == DNS_OK) {
		size_t at = read_name(bytes, size, DNS_HEADER_SIZE, question.name);
		if (at == 0 || size - at < 4) {
			*ret_code = DNS_FORMAT_ERROR;
		} else {
			question.type = get16(bytes + at);
			question.class = get16(bytes + at + 2);
			question.end = at + 4;
		}
	}
	*ret_question = question;
	return true;
}

bool dns_is_answer_to(const unsigned char *answer, size_t size, const unsigned char *query, size_t query_size)
{
	struct dns_question question;
	enum dns_code code;
	if (size < DNS_HEADER_SIZE || !(answer[2] & FLAG_ANSWER) || memcmp(answer, query, 2) != 0 ||
	    !dns_question_read(query, query_size, &question, &code) || code != DNS_OK)
		return false;
	/* Servers that fail may leave the question out. */
	if (get16(answer + 4) == 0)
		return (answer[3] & 0x0f) != DNS_OK;
	return size >= question.end &&
	       memcmp(answer + DNS_HEADER_SIZE, query + DNS_HEADER_SIZE, question.end - DNS_HEADER_SIZE) == 0;
}

void dns_answer_begin(struct dns_answer *answer, const unsigned char *query, const struct dns_question *question,
		      enum dns_code code, size_t limit)
{
	answer->limit = limit < sizeof answer->bytes ? limit : sizeof answer->bytes;
	answer->count = 0;
	answer->size = question->end ? question->end : DNS_HEADER_SIZE;
	memcpy(answer->bytes, query, answer->size);
	answer->bytes[2] = (unsigned char)(FLAG_ANSWER | FLAG_OWN | (query[2] & (FLAG_OPCODE | FLAG_RECURSION)));
	answer->bytes[3] = (unsigned char)(FLAG_RECURSIVE | code);
	memset(answer->bytes + 4, 0, DNS_HEADER_SIZE - 4);
	put16(answer->bytes + 4, question->end ? 1 : 0);
}

/* The begin of a record about the question's name; NULL where it does not fit. */
static unsigned char *begin_record(struct dns_answer *answer, uint16_t type, size_t size)
{
	if (answer->limit < answer->size || answer->limit - answer->size < DNS_HEADER_SIZE + size) {
		answer->bytes[2] |= FLAG_TRUNCATED;
		return NULL;
	}
	unsigned char *record = answer->bytes + answer->size;
	put16(record, 0xc000 | DNS_HEADER_SIZE);
	put16(record + 2, type);
	put16(record + 4, DNS_CLASS_IN);
	put16(record + 6, DNS_TTL >> 16);
	put16(record + 8, DNS_TTL & 0xffff);
	put16(record + 10, (unsigned int)size);
	answer->size += 12 + size;
	put16(answer->bytes + 6, ++answer->count);
	return record + 12;
}

void dns_answer_add_address(struct dns_answer *answer, const void *address, size_t size)
{
	unsigned char *data = begin_record(answer, size == 4 ? DNS_TYPE_A : DNS_TYPE_AAAA, size);
	if (data)
		memcpy(data, address, size);
}

void dns_answer_add_name(struct dns_answer *answer, const char *name)
{
	unsigned char wire[WIRE_LIMIT];
	size_t size = 0;
	for (const char *at = name; *at;) {
		size_t length = strcspn(at, ".");
		if (length == 0 || length > LABEL_LIMIT || size + length + 2 > sizeof wire)
			return;
		wire[size++] = (unsigned char)length;
		memcpy(wire + size, at, length);
		size += length;
		at += length + (at[length] == '.');
	}
	wire[size++] = 0;
	unsigned char *data = begin_record(answer, DNS_TYPE_PTR, size);
	if (data)
		memcpy(data, wire, size);
}

static bool reverse_ipv6(const char *name, size_t length, char *ret_text, size_t size)
{
	struct in6_addr address;
	if (length != 63)
		return false;
	for (size_t i = 0; i < 32; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = strchr(digits, name[2 * i]);
		if (!digit || !*digit || (i < 31 && name[2 * i + 1] != '.'))
			return false;
		unsigned int value = (unsigned int)(digit - digits), byte = 15 - (unsigned int)i / 2;
		address.s6_addr[byte] = (unsigned char)(i % 2 ? address.s6_addr[byte] | value << 4 : value);
	}
	return inet_ntop(AF_INET6, &address, ret_text, (socklen_t)size) != NULL;
}

bool dns_reverse_address(const char *name, char *ret_text, size_t size)
{
	static const char ipv4[] = ".in-addr.arpa", ipv6[] = ".ip6.arpa";
	size_t length = strlen(name);
	if (length > sizeof ipv6 && strcmp(name + length - (sizeof ipv6 - 1), ipv6) == 0)
		return reverse_ipv6(name, length - (sizeof ipv6 - 1), ret_text, size);
	if (length <= sizeof ipv4 || strcmp(name + length - (sizeof ipv4 - 1), ipv4) != 0 ||
	    length - (sizeof ipv4 - 1) >= INET_ADDRSTRLEN)
		return false;
	char text[INET_ADDRSTRLEN];
	struct in_addr address;
	memcpy(text, name, length - (sizeof ipv4 - 1));
	text[length - (sizeof ipv4 - 1)] = '\0';
	if (inet_pton(AF_INET, text, &address) != 1)
		return false;
	address.s_addr = __builtin_bswap32(address.s_addr);
	return inet_ntop(AF_INET, &address, ret_text, (socklen_t)size) != NULL;
}
