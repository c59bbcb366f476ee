#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/ignore.h"
#include "build/match.h"
#include "build/path.h"

static void test_go(void **state)
{
	static const struct {
		const char *pattern, *name;
		int result; /* -1: refused */
	} cases[] = {
		{"abc", "abc", 1},
		{"*", "abc", 1},
		{"*c", "abc", 1},
		{"a*", "abc", 1},
		{"a*", "ab/c", 0},
		{"a*/b", "abc/b", 1},
		{"a*/b", "a/c/b", 0},
		{"a*b*c*d*e*/f", "axbxcxdxe/f", 1},
		{"a*b?c*x", "abxbbxdbxebxczzx", 1},
		{"a*b?c*x", "abxbbxdbxebxczzy", 0},
		{"ab[c]", "abc", 1},
		{"ab[b-d]", "abc", 1},
		{"ab[e-g]", "abc", 0},
		{"ab[^c]", "abc", 0},
		{"ab[^e-g]", "abc", 1},
		{"a\\*b", "a*b", 1},
		{"a\\*b", "ab", 0},
		{"a?b", "a☺b", 1},
		{"a[^a]b", "a☺b", 1},
		{"a???b", "a☺b", 0},
		{"[a-ζ]*", "α", 1},
		{"*[a-ζ]", "A", 0},
		{"a?b", "a/b", 0},
		{"a*b", "a/b", 0},
		{"[\\]a]", "]", 1},
		{"[\\-]", "-", 1},
		{"[x\\-]", "z", 0},
		{"[]a]", "]", -1},
		{"[-]", "-", -1},
		{"[x-]", "x", -1},
		{"[-x]", "x", -1},
		{"\\", "a", -1},
		{"[a-b-c]", "a", -1},
		{"[", "a", -1},
		{"[^", "a", -1},
		{"a[", "a", -1},
		{"*x", "xxx", 1},
		{"**", "a/b", 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_match struct match_pattern *pattern = NULL;
		int result = match_compile(cases[i].pattern, MATCH_GO, &pattern, NULL);
		if (result == 0)
			result = match_test(pattern, cases[i].name, strlen(cases[i].name));
		if (result != cases[i].result)
			fail_msg("%s on %s gave %d", cases[i].pattern, cases[i].name, result);
	}
}

static void test_ends(void **state)
{
	static const struct {
		const char *pattern, *text;
		int first, first_longest, last, last_longest; /* -1: nothing fits */
	} cases[] = {
		{"a*b", "aabab", 3, 5, 2, 5}, {"?", "αβ", 2, 2, 2, 2},	    {"*", "ab", 0, 2, 0, 2},
		{"", "ab", 0, 0, 0, 0},	      {"*/", "a/b/", 2, 4, 1, 4},   {"[a]", "[a]", 3, 3, 3, 3},
		{"\\**", "*x", 1, 2, 2, 2},   {"a*", "a\nb", 1, 1, -1, -1}, {"b", "abc", -1, -1, -1, -1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_match struct match_pattern *pattern = NULL;
		const char *text = cases[i].text;
		size_t length = strlen(text);
		assert_int_equal(match_compile(cases[i].pattern, MATCH_SHELL, &pattern, NULL), 0);
		assert_int_equal(match_beginning(pattern, text, length, false), cases[i].first);
		assert_int_equal(match_beginning(pattern, text, length, true), cases[i].first_longest);
		assert_int_equal(match_ending(pattern, text, length, false), cases[i].last);
		assert_int_equal(match_ending(pattern, text, length, true), cases[i].last_longest);
	}
	struct match_pattern *pattern = NULL;
	struct error err = {0};
	assert_int_equal(match_compile("a\\b", MATCH_SHELL, &pattern, &err), -1);
	assert_string_equal(err.message, "invalid escape '\\b'");
}

static void test_time_is_bounded(void **state)
{
	char pattern[2048], name[4000];
	for (size_t i = 0; i + 1 < sizeof pattern; i += 2)
		memcpy(pattern + i, "*a", 2);
	pattern[sizeof pattern - 2] = 'b';
	pattern[sizeof pattern - 1] = '\0';
	memset(name, 'a', sizeof name);
	cleanup_match struct match_pattern *compiled = NULL;
	assert_int_equal(match_compile(pattern, MATCH_GO, &compiled, NULL), 0);
	assert_false(match_test(compiled, name, sizeof name));
}

static void test_ignore(void **state)
{
	static const struct {
		const char *file, *path;
		bool ignored;
	} cases[] = {
		{"foo", "foo", true},
		{"foo", "foo/bar", true},
		{"foo", "bar/foo", false},
		{"/foo", "foo", true},
		{"./foo/", "foo", true},
		{"# foo\nbar", "foo", false},
		{"  foo  ", "foo", true},
		{"*.md", "a.md", true},
		{"*.md", "a/b.md", false},
		{"*/*.md", "a/b.md", true},
		{"**/*.md", "a.md", true},
		{"**/*.md", "a/b/c.md", true},
		{"**", "a/b", true},
		{"a/**", "a/b/c", true},
		{"a/**", "a", false},
		{"a/**/z", "a/z", true},
		{"a/**/z", "a/b/c/z", true},
		{"a/**/z", "a/bz", false},
		{"temp?", "temp1", true},
		{"temp?", "temp/", false},
		{"*.md\n!README.md", "README.md", false},
		{"*.md\n!README.md\nREADME*", "README.md", true},
		{"*\n!src\n", "src/a.c", false},
		{"*\n!src\n", "doc/a.c", true},
		{"docs\n!docs/keep", "docs/keep", false},
		{"docs\n!docs/keep", "docs/drop", true},
		{"a.c", "axc", false},
		{"[ab].c", "b.c", true},
		{"\\*.c", "x.c", false},
		{"\\*.c", "*.c", true},
		{"a/../b", "b", true},
		{"**/node_modules", "x/y/node_modules/z", true},
		{"", "a", false},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_ignore_list struct ignore_list list = {0};
		assert_int_equal(ignore_parse(cases[i].file, strlen(cases[i].file), &list, NULL), 0);
		if (ignore_matches(&list, cases[i].path) != cases[i].ignored)
			fail_msg("%s on %s", cases[i].file, cases[i].path);
	}
	struct ignore_list list;
	assert_int_equal(ignore_parse("!", 1, &list, NULL), -1);
	assert_int_equal(ignore_parse("a[", 2, &list, NULL), -1);
}

static void test_exceptions(void **state)
{
	cleanup_ignore_list struct ignore_list list = {0};
	static const char text[] = "*\n!docs/keep/me\n!src/*.c\n";
	assert_int_equal(ignore_parse(text, strlen(text), &list, NULL), 0);
	assert_true(list.has_exceptions);
	assert_true(ignore_may_hold_exceptions(&list, "docs"));
	assert_true(ignore_may_hold_exceptions(&list, "docs/keep"));
	assert_true(ignore_may_hold_exceptions(&list, "src"));
	assert_false(ignore_may_hold_exceptions(&list, "doc"));
	assert_false(ignore_may_hold_exceptions(&list, "other"));
}

static void test_clean(void **state)
{
	static const struct {
		const char *path, *clean;
	} cases[] = {
		{"", "."},	     {".", "."},
		{"/", "/"},	     {"//a//b/", "/a/b"},
		{"a/./b", "a/b"},    {"a/..", "."},
		{"/..", "/"},	     {"/../../a", "/a"},
		{"../a", "../a"},    {"../../a/..", "../.."},
		{"a/b/../c", "a/c"}, {"a/../../b", "../b"},
		{"/a/..", "/"},	     {"..a/b", "..a/b"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *clean = path_clean(cases[i].path);
		assert_string_equal(clean, cases[i].clean);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_go),
		cmocka_unit_test(test_time_is_bounded),
		cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_exceptions),
		cmocka_unit_test(test_clean),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
