/* What --filter means: names, flags, labels, moments, expressions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/filter.h"

/* A list on the stack, of texts that are not ours to free. */
#define LIST(...)                                                                                                      \
	((struct string_list){.items = (char **)(const char *[]){__VA_ARGS__, NULL},                                   \
			      .count = sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)})

static void names_must_be_known(void **state)
{
	static const char *const known[] = {"label", "label!", "dangling", NULL};
	struct error err = {0};
	struct string_list good = LIST("label=a", "label!=b", "dangling=true");
	struct string_list bad = LIST("label=a", "labels=b");
	assert_int_equal(filter_check_names(&good, known, &err), 0);
	assert_int_equal(filter_check_names(&bad, known, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_string_equal(err.message, "invalid filter 'labels'");
	assert_true(filter_is_set(&good, "label!"));
	assert_false(filter_is_set(&bad, "label!"));
	assert_null(filter_value("labels=b", "label"));
	assert_string_equal(filter_value("label=a=b", "label"), "a=b");
}

static void flags_are_booleans(void **state)
{
	struct error err = {0};
	bool value = true;
	struct string_list none = {0}, twice = LIST("dangling=1", "dangling=F"), bad = LIST("dangling=maybe");
	assert_int_equal(filter_flag(&none, "dangling", &value, &err), 0);
	assert_true(value);
	assert_int_equal(filter_flag(&twice, "dangling", &value, &err), 0);
	assert_false(value);
	assert_int_equal(filter_flag(&bad, "dangling", &value, &err), -1);
	assert_string_equal(err.message, "invalid filter 'dangling=[maybe]'");
}

static void all_labels_must_match(void **state)
{
	struct string_list labels = LIST("kind=music", "empty=", "url=a=b");
	static const struct {
		const char *first, *second;
		bool matches;
	} cases[] = {
		{"label=kind", "label=empty", true},	  {"label=kind=music", "label=kind", true},
		{"label=kind=text", "label=kind", false}, {"label=kin", "label=kind", false},
		{"label=empty=", "label=url=a=b", true},  {"label=url=a", "label=kind", false},
		{"label!=nothing", "label=kind", true},	  {"label!=kind", "label!=nothing", false},
		{"label!=kind=text", "label=kind", true}, {"name=x", "until=1", true},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct string_list filters = LIST(cases[i].first, cases[i].second);
		assert_int_equal(filter_match_labels(&filters, &labels), cases[i].matches);
	}
}

static void until_is_one_moment(void **state)
{
	const nanoseconds now = 1000000 * NANOSECONDS_PER_SECOND;
	struct error err = {0};
	nanoseconds until = 7;
	struct string_list none = LIST("label=a"), one = LIST("until=1m"), bad = LIST("until=soon"),
			   two = LIST("until=1m", "until=2m");
	assert_int_equal(filter_until(&none, now, &until, &err), 0);
	assert_int_equal(until, 0);
	assert_int_equal(filter_until(&one, now, &until, &err), 0);
	assert_int_equal(until, now - 60 * NANOSECONDS_PER_SECOND);
	assert_int_equal(filter_until(&bad, now, &until, &err), -1);
	assert_string_equal(err.message, "failed to parse value as time or duration: \"soon\"");
	assert_int_equal(filter_until(&two, now, &until, &err), -1);
	assert_string_equal(err.message, "more than one until filter specified");
}

static void texts_match_exactly_or_as_expressions(void **state)
{
	static const struct {
		const char *filter, *text;
		bool matches;
	} cases[] = {{"name=web", "web", true},	  {"name=we", "web", true},	  {"name=^eb", "web", false},
		     {"name=^w.b$", "web", true}, {"name=x|web", "my-web", true}, {"name=a(b", "a(b", true},
		     {"name=a(b", "xa(b", false}, {"other=web", "nothing", true}, {"name=", "web", true},
		     {"name=web+", "webb", true}, {"name=WEB", "web", false}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct string_list filters = LIST(cases[i].filter);
		assert_int_equal(filter_match_text(&filters, "name", cases[i].text), cases[i].matches);
	}
	struct string_list either = LIST("name=^a$", "name=^b$");
	assert_true(filter_match_text(&either, "name", "b"));
	assert_false(filter_match_text(&either, "name", "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_must_be_known),
		cmocka_unit_test(flags_are_booleans),
		cmocka_unit_test(all_labels_must_match),
		cmocka_unit_test(until_is_one_moment),
		cmocka_unit_test(texts_match_exactly_or_as_expressions),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
