#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "build/expand.h"

static struct string_list environment, arguments;

static int set_up(void **state)
{
	string_list_add(&environment, "A=one");
	string_list_add(&environment, "EMPTY=");
	string_list_add(&environment, "BOTH=env");
	string_list_add(&environment, "PATHS=/usr/lib/libx.so.1");
	string_list_add(&arguments, "BOTH=arg");
	string_list_add(&arguments, "WORDS=x  y");
	return 0;
}

static int tear_down(void **state)
{
	string_list_release(&environment);
	string_list_release(&arguments);
	return 0;
}

static const struct expansion expansion = {&environment, &arguments, '\\'};

static void test_words(void **state)
{
	static const struct {
		const char *text, *result;
	} cases[] = {
		{"plain", "plain"},
		{"$A", "one"},
		{"${A}", "one"},
		{"x${A}y$A-z", "xoney"
			       "one-z"},
		{"$NONE.", "."},
		{"$BOTH", "env"},
		{"$WORDS", "x  y"},
		{"\\$A", "$A"},
		{"'$A'", "$A"},
		{"\"$A\"", "one"},
		{"\"a\\\"b\\$A\\x\"", "a\"b$A\\x"},
		{"a' b 'c", "a b c"},
		{"'a\\b'", "a\\b"},
		{"a\\ b", "a b"},
		{"trailing\\", "trailing"},
		{"$", "$"},
		{"a$/b", "a$/b"},
		{"${NONE:-d}", "d"},
		{"${EMPTY:-d}", "d"},
		{"${EMPTY-d}", ""},
		{"${A:-d}", "one"},
		{"${A:+yes}", "yes"},
		{"${EMPTY:+yes}", ""},
		{"${EMPTY+yes}", "yes"},
		{"${NONE:+yes}", ""},
		{"${NONE:-${A}/${NONE:-x}}", "one/x"},
		{"${NONE:-'a}b'}", "a}b"},
		{"${A:?bad}", "one"},
		{"${PATHS#*/}", "usr/lib/libx.so.1"},
		{"${PATHS##*/}", "libx.so.1"},
		{"${PATHS%.*}", "/usr/lib/libx.so"},
		{"${PATHS%%.*}", "/usr/lib/libx"},
		{"${PATHS#nothing}", "/usr/lib/libx.so.1"},
		{"${PATHS/lib/LIB}", "/usr/LIB/libx.so.1"},
		{"${PATHS//lib/$A}", "/usr/one/onex.so.1"},
		{"${PATHS%$EMPTY.*}", "/usr/lib/libx.so"},
		{"${PATHS#[/u]}", "/usr/lib/libx.so.1"},
		{"${PATHS/*/}", ""},
		{"${EMPTY//*/x}", "x"},
		{"${A//*/x}", "x"},
		{"${A///-}", "-o-n-e-"},
		{"ünïcode$A", "ünïcodeone"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *result = NULL;
		struct error err = {0};
		if (expand_word(&expansion, cases[i].text, &result, &err) < 0)
			fail_msg("%s: %s", cases[i].text, err.message);
		assert_string_equal(result, cases[i].result);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"${A", "syntax error: missing '}'"},
		{"${", "syntax error: missing '}'"},
		{"${}", "syntax error: bad substitution"},
		{"${:x}", "syntax error: bad substitution"},
		{"${A:x}", "unsupported modifier (:x) in substitution"},
		{"${A!x}", "unsupported modifier (!) in substitution"},
		{"${NONE:?}", "NONE: is not allowed to be unset"},
		{"${EMPTY:?}", "EMPTY: is not allowed to be empty"},
		{"${NONE?set it}", "NONE: set it"},
		{"'a", "unexpected end of statement while looking for matching single-quote"},
		{"\"a", "unexpected end of statement while looking for matching double-quote"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char *result = NULL;
		struct error err = {0};
		assert_int_equal(expand_word(&expansion, cases[i].text, &result, &err), -1);
		cleanup_buffer struct buffer expected = BUFFER_INIT(1000);
		text_append_quoted(&expected, cases[i].text, NULL);
		cleanup_free char *whole =
			format_string("failed to process %s: %s", buffer_text(&expected), cases[i].message);
		assert_string_equal(err.message, whole);
	}
	/* Nesting is bounded. */
	char deep[400] = "";
	for (size_t i = 0; i < 80; i++)
		memcpy(deep + 4 * i, "${a:", 4);
	for (size_t i = 0; i < 80; i++)
		deep[4 * i + 3] = '-';
	char *result = NULL;
	assert_int_equal(expand_word(&expansion, deep, &result, NULL), -1);
}

static void test_splitting(void **state)
{
	struct string_list words = {0};
	assert_int_equal(expand_words(&expansion, "a $WORDS \"$WORDS\" '' $NONE z", &words, NULL), 0);
	cleanup_free char *joined = string_list_join(&words, "|");
	assert_string_equal(joined, "a|x|y|x  y|z");
	string_list_release(&words);
	cleanup_free char *content = NULL;
	assert_int_equal(expand_content(&expansion, "say \"$A\" it's \\$A \\n\n", &content, NULL), 0);
	assert_string_equal(content, "say \"one\" it's $A n\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_splitting),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
