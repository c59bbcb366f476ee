/* Questions of containers: what is read is answered within bounds, and an answer is one to its own question. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "network/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char text[] = "front open c559aae37399 172.17.0.2 fd00::2 web www\nback internal c559aae37399 "
				   "10.0.0.2 - web\nfar open 0123456789ab 10.1.0.2 - other\n";
	const struct names names = {.text = text, .container = "c559aae37399"};
	struct dns_question question;
	struct dns_answer answer;
	enum dns_code code;
	/* What a server sends is compared with a query of ours. */
	static const unsigned char query[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\3web\0\0\1\0\1";
	if (dns_is_answer_to(bytes, size, query, sizeof query - 1) && size < DNS_HEADER_SIZE)
		abort();
	if (!dns_question_read(bytes, size, &question, &code))
		return 0;
	if (strlen(question.name) >= DNS_NAME_SIZE || question.end > size || (code == DNS_OK) != (question.end > 0))
		abort();
	for (size_t limit = DNS_HEADER_SIZE; limit <= DNS_UDP_LIMIT; limit *= 2) {
		dns_answer_begin(&answer, bytes, &question, code, limit);
		if (code == DNS_OK)
			names_answer(&names, &question, &answer);
		if (answer.size > (limit > question.end ? limit : question.end) || answer.size > sizeof answer.bytes)
			abort();
		if (code == DNS_OK && !dns_is_answer_to(answer.bytes, answer.size, bytes, size))
			abort();
	}
	/* A file of names comes from us, but the names in it from users. */
	char *copy = malloc(size + 1);
	memcpy(copy, bytes, size);
	copy[size] = '\0';
	const struct names odd = {.text = copy, .container = "c559aae37399"};
	struct dns_question web = {.name = "web", .type = DNS_TYPE_A, .class = DNS_CLASS_IN, .end = sizeof query - 1};
	dns_answer_begin(&answer, query, &web, DNS_OK, 512);
	names_answer(&odd, &web, &answer);
	names_is_open(&odd);
	free(copy);
	return 0;
}
