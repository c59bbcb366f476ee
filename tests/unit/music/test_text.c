/* UTF-8 that is and that is not, letters' case, JSON's escapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "service/text.h"

static void utf8_is_checked(void **state)
{
	static const char *const good[] = {
		"", "a", "Bj\xc3\xb6rk", "\xe2\x82\xac", "\xf0\x9f\x8e\xb5", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\xff",
					  "\x80",
					  "\xc3",
					  "\xc0\x80",
					  "\xe0\x80\x80",
					  "\xed\xa0\x80",
					  "\xf4\x90\x80\x80",
					  "\xf0\x9f\x8e",
					  "a\xc3(",
					  "\xf5\x80\x80\x80"};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(utf8_is_valid(good[i]));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(utf8_is_valid(bad[i]));
}

static void letters_are_folded(void **state)
{
	char text[] = "BJ\xc3\x96RK \xce\xa9 \xd0\x9f\xd0\x81 \xc5\xbd \xc3\x97 \xe2\x82\xac";
	utf8_fold(text);
	assert_string_equal(text, "bj\xc3\xb6rk \xcf\x89 \xd0\xbf\xd1\x91 \xc5\xbe \xc3\x97 \xe2\x82\xac");
}

static void json_is_escaped(void **state)
{
	struct builder builder = {0};
	builder_add_json(&builder, "a\"b\\c\nd\x01\x7f");
	struct text *text = text_of_builder(&builder);
	assert_string_equal(text->bytes, "\"a\\\"b\\\\c\\nd\\u0001\x7f\"");
	text_drop(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_is_checked),
		cmocka_unit_test(letters_are_folded),
		cmocka_unit_test(json_is_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
