/*
 * DNS messages (RFC 1035) as far as a resolver of containers' names needs them: a question is read, an answer written
 * behind it, a name in it compared. Nothing here allocates; all that is read comes from containers and is not believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_SIZE 12
#define DNS_NAME_SIZE	256 /* of a name as text, with its NUL */
#define DNS_UDP_LIMIT	4096
#define DNS_TTL		600 /* seconds, as Docker's */

enum { DNS_TYPE_A = 1, DNS_TYPE_PTR = 12, DNS_TYPE_AAAA = 28, DNS_CLASS_IN = 1 };
enum dns_code { DNS_OK = 0, DNS_FORMAT_ERROR = 1, DNS_SERVER_FAILURE = 2, DNS_NOT_IMPLEMENTED = 4 };

struct dns_question {
	char name[DNS_NAME_SIZE]; /* small letters, without the last dot; "" is the root */
	uint16_t type, class;
	size_t end; /* offset behind the question */
};

/* False: no question that could be answered, not even with an error. ret_code: DNS_OK, or what to answer with. */
bool dns_question_read(const unsigned char *bytes, size_t size, struct dns_question *ret_question,
		       enum dns_code *ret_code);
/* Whether an answer of a server belongs to the query: its id, its question, and that it is an answer. */
bool dns_is_answer_to(const unsigned char *answer, size_t size, const unsigned char *query, size_t query_size);

/* An answer that is written: header and question of the query, then records. */
struct dns_answer {
	unsigned char bytes[DNS_UDP_LIMIT];
	size_t size, limit;
	uint16_t count;
};
/* query is one that was read; limit is the most that its transport takes. With a code other than DNS_OK and no question
 * (end 0), the header alone. */
void dns_answer_begin(struct dns_answer *answer, const unsigned char *query, const struct dns_question *question,
		      enum dns_code code, size_t limit);
/* 4 or 16 bytes. Where it does not fit, the answer is marked as truncated. */
void dns_answer_add_address(struct dns_answer *answer, const void *address, size_t size);
/* A PTR record. A name that is none is left out. */
void dns_answer_add_name(struct dns_answer *answer, const char *name);

/* "4.3.2.1.in-addr.arpa" and "….ip6.arpa": the address as text; false where it is neither. */
bool dns_reverse_address(const char *name, char *ret_text, size_t size);
