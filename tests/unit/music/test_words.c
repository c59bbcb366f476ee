/* words_split: mcli's quotes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/words.h"

static void lines_become_words(void **state)
{
	static const struct {
		const char *line, *expected; /* words joined with '|' */
	} cases[] = {
		{"", ""},
		{"  read \n", "read"},
		{"create \"Nina Simone\" 'Feeling Good'", "create|Nina Simone|Feeling Good"},
		{"create a\\ b \"say \\\"hi\\\"\"", "create|a b|say \"hi\""},
		{"create '' \"\"", "create||"},
		{"a'b c'd", "ab cd"},
		{"'it\\'s'", NULL},
		{"\"open", NULL},
		{"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct words words = {0};
		const char *problem = words_split(cases[i].line, &words);
		char joined[256] = "";
		for (size_t j = 0; j < words.count; j++) {
			size_t used = strlen(joined);
			snprintf(joined + used, sizeof joined - used, "%s%s", j ? "|" : "", words.items[j]);
		}
		if (cases[i].expected)
			assert_string_equal(joined, cases[i].expected);
		else
			assert_non_null(problem);
		words_release(&words);
	}
}

static void commands_end_at_semicolons(void **state)
{
	const char *line = "create \"a;b\" 'c;d' e\\;f; read;";
	char *command = words_next_command(&line);
	assert_string_equal(command, "create \"a;b\" 'c;d' e\\;f");
	free(command);
	command = words_next_command(&line);
	assert_string_equal(command, " read");
	free(command);
	assert_null(words_next_command(&line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(lines_become_words),
					   cmocka_unit_test(commands_end_at_semicolons)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
