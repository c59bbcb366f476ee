/* DNS messages: questions that are good, broken and hostile; answers and what belongs to them; names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "network/names.h"

#define HEADER "\x12\x34\x01\0\0\1\0\0\0\0\0\0"
#define WEB    HEADER "\3wEb\0\0\1\0\1"

static bool reads(const char *bytes, size_t size, struct dns_question *question, enum dns_code *code)
{
	/* Its own block, so that a byte too far is seen. */
	cleanup_free unsigned char *copy = (unsigned char *)duplicate_bytes(bytes, size);
	return dns_question_read(copy, size, question, code);
}

static void reads_questions(void **state)
{
	struct dns_question question;
	enum dns_code code;
	assert_true(reads(WEB, sizeof WEB - 1, &question, &code));
	assert_int_equal(code, DNS_OK);
	assert_string_equal(question.name, "web");
	assert_int_equal(question.type, DNS_TYPE_A);
	assert_int_equal(question.end, sizeof WEB - 1);
	/* Cut anywhere it is no question, and an error at most. */
	for (size_t size = 0; size < sizeof WEB - 1; size++) {
		bool is_read = reads(WEB, size, &question, &code);
		assert_int_equal(is_read, size >= DNS_HEADER_SIZE);
		assert_true(!is_read || code == DNS_FORMAT_ERROR);
	}
	/* An answer is no question; a pointer, and a label that is too long, are no name. */
	assert_false(reads("\x12\x34\x81\0\0\1\0\0\0\0\0\0\0\0\1\0\1", 17, &question, &code));
	static const char pointer[] = HEADER "\xc0\x0c\0\1\0\1", other[] = "\x12\x34\x29\0\0\1\0\0\0\0\0\0\0\0\1\0\1",
			  two[] = "\x12\x34\x01\0\0\2\0\0\0\0\0\0\0\0\1\0\1";
	assert_true(reads(pointer, sizeof pointer - 1, &question, &code));
	assert_int_equal(code, DNS_FORMAT_ERROR);
	assert_true(reads(other, sizeof other - 1, &question, &code));
	assert_int_equal(code, DNS_NOT_IMPLEMENTED);
	assert_true(reads(two, sizeof two - 1, &question, &code));
	assert_int_equal(code, DNS_FORMAT_ERROR);
	/* A dot within a label is not one between labels. */
	static const char dotted[] = HEADER "\7web.one\0\0\1\0\1";
	assert_true(reads(dotted, sizeof dotted - 1, &question, &code));
	assert_string_equal(question.name, "web?one");
	/* 255 bytes are the most. */
	char longest[DNS_HEADER_SIZE + 4 * 64 + 5] = HEADER;
	for (int i = 0; i < 4; i++)
		memset(longest + DNS_HEADER_SIZE + 64 * i, i == 3 ? 61 : 63, 64);
	assert_true(reads(longest, sizeof longest, &question, &code));
	assert_int_equal(code, DNS_FORMAT_ERROR);
}

static void tells_answers(void **state)
{
	const unsigned char *query = (const unsigned char *)WEB;
	size_t size = sizeof WEB - 1;
	struct dns_question question;
	struct dns_answer answer;
	enum dns_code code;
	assert_true(dns_question_read(query, size, &question, &code));
	dns_answer_begin(&answer, query, &question, DNS_OK, 512);
	for (unsigned int i = 0; i < 40; i++)
		dns_answer_add_address(&answer, &i, sizeof i);
	assert_true(answer.size <= 512 && answer.bytes[2] & 0x02);
	assert_true(dns_is_answer_to(answer.bytes, answer.size, query, size));
	answer.bytes[0] ^= 1;
	assert_false(dns_is_answer_to(answer.bytes, answer.size, query, size));
	answer.bytes[0] ^= 1;
	answer.bytes[DNS_HEADER_SIZE + 1] ^= 1;
	assert_false(dns_is_answer_to(answer.bytes, answer.size, query, size));
	assert_false(dns_is_answer_to(query, size, query, size));
}

static size_t ask(const char *container, const char *name, uint16_t type)
{
	static const char text[] = "front open aaaaaaaaaaaa 10.0.0.2 fd00::2 web www\nfront open bbbbbbbbbbbb 10.0.0.3 "
				   "fd00::3 asker\nback internal cccccccccccc 10.1.0.2 - db\nbroken line\n";
	const struct names names = {.text = text, .container = container};
	struct dns_question question = {.type = type, .class = DNS_CLASS_IN, .end = sizeof WEB - 1};
	struct dns_answer answer;
	strncpy(question.name, name, sizeof question.name - 1);
	dns_answer_begin(&answer, (const unsigned char *)WEB, &question, DNS_OK, 512);
	return names_answer(&names, &question, &answer) ? answer.count : SIZE_MAX;
}

static void knows_names(void **state)
{
	static const struct {
		const char *container, *name;
		uint16_t type;
		size_t count;
	} cases[] = {
		{"bbbbbbbbbbbb", "web", DNS_TYPE_A, 1},
		{"bbbbbbbbbbbb", "www", DNS_TYPE_AAAA, 1},
		{"bbbbbbbbbbbb", "web.front", DNS_TYPE_A, 1},
		{"bbbbbbbbbbbb", "web", 16, 0},
		{"bbbbbbbbbbbb", "we", DNS_TYPE_A, SIZE_MAX},
		{"bbbbbbbbbbbb", "db", DNS_TYPE_A, SIZE_MAX},
		{"bbbbbbbbbbbb", "", DNS_TYPE_A, SIZE_MAX},
		{"cccccccccccc", "web", DNS_TYPE_A, SIZE_MAX},
		{"cccccccccccc", "db", DNS_TYPE_AAAA, 0},
		{"bbbbbbbbbbbb", "2.0.0.10.in-addr.arpa", DNS_TYPE_PTR, 1},
		{"cccccccccccc", "2.0.0.10.in-addr.arpa", DNS_TYPE_PTR, SIZE_MAX},
		{"bbbbbbbbbbbb", "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa",
		 DNS_TYPE_PTR, 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(ask(cases[i].container, cases[i].name, cases[i].type), cases[i].count);
	const struct names closed = {.text = "back internal cccccccccccc 10.1.0.2 - db\n", .container = "cccccccccccc"};
	assert_false(names_is_open(&closed));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_questions),
		cmocka_unit_test(tells_answers),
		cmocka_unit_test(knows_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
