/* csv_read: RFC 4180. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "service/csv.h"

static struct csv_record record;

/* Reads all of `text`; fields are joined with '|', records with '/'. "!…" is a problem and its line. */
static void check(const char *text, size_t size, const char *expected)
{
	char joined[256] = "";
	FILE *file = fmemopen((void *)text, size, "r");
	unsigned long line = 1;
	const char *problem = NULL;
	enum csv_result result;
	while ((result = csv_read(file, &record, &line, &problem)) == CSV_RECORD) {
		for (size_t i = 0; i < record.count; i++) {
			size_t used = strlen(joined);
			snprintf(joined + used, sizeof joined - used, "%s%s", i ? "|" : "", record.fields[i]);
		}
		size_t used = strlen(joined);
		snprintf(joined + used, sizeof joined - used, "/");
	}
	size_t used = strlen(joined);
	if (result == CSV_ERROR)
		snprintf(joined + used, sizeof joined - used, "!%lu %s", line, problem);
	fclose(file);
	assert_string_equal(joined, expected);
}

static void records_are_read(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{"a,b,c\n", "a|b|c/"},
		{"a,b,c", "a|b|c/"},
		{"a\r\nb\r\n", "a/b/"},
		{"\n", "/"},
		{",,\n", "||/"},
		{"\"a,b\",c\n", "a,b|c/"},
		{"\"say \"\"hi\"\"\",x\n", "say \"hi\"|x/"},
		{"\"two\nlines\",x\n", "two\nlines|x/"},
		{"\"\",x\n", "|x/"},
		{"a\"b,c\n", "a\"b|c/"},
		{"\"open", "!1 a quote is not closed"},
		{"a\n\"b\nc", "a/!3 a quote is not closed"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		check(cases[i].text, strlen(cases[i].text), cases[i].expected);
	check("a\0b\n", 4, "!1 a NUL byte");
}

static void too_much_is_refused(void **state)
{
	check("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17\n", 42, "!1 more than 16 fields");
	static char large[CSV_RECORD_SIZE + 10];
	memset(large, 'x', sizeof large);
	check(large, sizeof large, "!1 the record is too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_are_read),
		cmocka_unit_test(too_much_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
