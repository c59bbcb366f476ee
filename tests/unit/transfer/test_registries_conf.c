#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include <string.h>

#include "base/buffer.h"
#include "base/string_list.h"
#include "transfer/registries_conf.h"
#include "transfer/toml.h"

/* --- TOML --------------------------------------------------------------------------------------------------------- */

static int print_table(void *context, const char *name, bool is_array, struct error *err)
{
	return buffer_append_format(context, err, is_array ? "[[%s]]" : "[%s]", name);
}

static int print_value(void *context, const char *key, const struct toml_value *value, struct error *err)
{
	cleanup_free char *strings = string_list_join(&value->strings, ",");
	switch (value->type) {
	case TOML_STRING:
		return buffer_append_format(context, err, "%s='%s';", key, value->text);
	case TOML_BOOLEAN:
		return buffer_append_format(context, err, "%s=%s;", key, value->boolean ? "true" : "false");
	case TOML_INTEGER:
		return buffer_append_format(context, err, "%s=%lld;", key, (long long)value->integer);
	case TOML_ARRAY:
		return buffer_append_format(context, err, "%s=(%s);", key, strings);
	}
	return -1;
}

static void test_toml(void **state)
{
	static const struct {
		const char *text;
		const char *expected;
	} rows[] = {
		{"", ""},
		{"# nothing but this", ""},
		{"a = true\nb=false # no\r\n\n", "a=true;b=false;"},
		{"a = \"x # y\"  # z", "a='x # y';"},
		{"a = 'c:\\n'\nb = \"t\\tq\\\"u\\u00e9\\U0001F600\"", "a='c:\\n';b='t\tq\"ué😀';"},
		{"n = -12\nm = 0", "n=-12;m=0;"},
		{"[a]\n[ b . c ] # d\n[[e.f]]", "[a][b.c][[e.f]]"},
		{"\"quoted/key\" = \"v\"\n'k' = ''", "quoted/key='v';k='';"},
		{"l = [\n  \"a\", # one\n\n  'b'  ,\n]\nm=[]", "l=(a,b);m=();"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buffer struct buffer printed = BUFFER_INIT(4096);
		struct toml_reader reader = {print_table, print_value, &printed};
		struct error err = {0};
		if (toml_read(rows[i].text, strlen(rows[i].text), &reader, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.message);
		assert_string_equal(buffer_text(&printed), rows[i].expected);
	}
}

static void test_toml_refuses(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{"a", "line 1: \"a\" has no ="},
		{"\n\na = ", "line 3: a"},
		{"a = \"x", "line 1: a: a string is not closed"},
		{"a = \"x\ny\"", "line 1: a: a string is not closed"},
		{"a = \"\"\"x\"\"\"", "several lines"},
		{"a = \"\\q\"", "backslash"},
		{"a = \"\\u12\"", "hexadecimal"},
		{"a = \"\\ud800\"", "names no character"},
		{"a = \"\\u0000\"", "names no character"},
		{"a = \"\x01\"", "control"},
		{"# \x01", "control"},
		{"a = true false", "at the end of the line"},
		{"a = tru", "expected, not tru"},
		{"a = 1.5", "expected, not 1.5"},
		{"a = 9999999999999999999", "expected, not 9"},
		{"a = {b = 1}", "braces"},
		{"a.b = 1", "dots"},
		{"a = [1]", "only strings"},
		{"a = [{location = \"x\"}]", "[[registry.mirror]]"},
		{"a = [\"b\"\n\"c\"]", "line 2: a: a comma"},
		{"\na = [\"b\",", "line 2: a: an array is not closed"},
		{"[a", "not closed"},
		{"[[a]", "not closed"},
		{"[]", "a name is expected"},
		{"[a.]", "a name is expected"},
		{"= 1", "a name is expected"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_buffer struct buffer printed = BUFFER_INIT(4096);
		struct toml_reader reader = {print_table, print_value, &printed};
		struct error err = {0};
		if (toml_read(rows[i].text, strlen(rows[i].text), &reader, &err) == 0)
			fail_msg("%s was read as %s", rows[i].text, buffer_text(&printed));
		if (!strstr(err.message, rows[i].why))
			fail_msg("%s: %s", rows[i].text, err.message);
	}
	struct toml_reader reader = {print_table, print_value, NULL};
	assert_int_equal(toml_read("#\0", 2, &reader, NULL), -1);
}

static void test_toml_bounds(void **state)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(TOML_SIZE_LIMIT + 16);
	cleanup_buffer struct buffer printed = BUFFER_INIT(TOML_SIZE_LIMIT);
	struct toml_reader reader = {print_table, print_value, &printed};
	struct error err = {0};
	buffer_append_string(&text, "a = '", NULL);
	for (size_t i = 0; i <= TOML_TEXT_LIMIT; i++)
		buffer_append(&text, "x", 1, NULL);
	buffer_append_string(&text, "'", NULL);
	assert_int_equal(toml_read(text.bytes, text.size, &reader, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	buffer_clear(&text);
	buffer_append_string(&text, "a = [", NULL);
	for (int i = 0; i <= TOML_ARRAY_LIMIT; i++)
		buffer_append_string(&text, "'',", NULL);
	assert_int_equal(toml_read(text.bytes, text.size, &reader, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	while (text.size <= TOML_SIZE_LIMIT)
		buffer_append(&text, "\n", 1, NULL);
	assert_int_equal(toml_read(text.bytes, text.size, &reader, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

/* --- registries --------------------------------------------------------------------------------------------------- */

static void add(struct registries_conf *conf, const char *file, const char *text)
{
	struct error err = {0};
	if (registries_conf_add(conf, file, text, strlen(text), &err) < 0)
		fail_msg("%s", err.message);
}

/* "domain path;" a source, with "!" behind the domain of an insecure one. */
static void expect(const struct registries_conf *conf, const char *domain, const char *path, bool by_digest,
		   const char *expected)
{
	cleanup_registry_sources struct registry_sources sources = {0};
	cleanup_buffer struct buffer text = BUFFER_INIT(4096);
	struct error err = {0};
	if (registries_conf_sources(conf, domain, path, by_digest, &sources, &err) < 0) {
		assert_string_equal(err.message, expected);
		return;
	}
	for (size_t i = 0; i < sources.count; i++)
		buffer_append_format(&text, NULL, "%s%s %s;", sources.items[i].domain,
				     sources.items[i].insecure ? "!" : "", sources.items[i].path);
	assert_string_equal(buffer_text(&text), expected);
}

static void test_sources(void **state)
{
	cleanup_registries_conf struct registries_conf conf = {0};
	expect(&conf, "docker.io", "library/debian", false, "docker.io library/debian;");
	add(&conf, "main",
	    "unqualified-search-registries = [\"docker.io\"]\nshort-name-mode = \"enforcing\"\n"
	    "[[registry]]\nlocation = \"docker.io\"\n"
	    "[[registry.mirror]]\nlocation = \"mirror.test:5000/hub/\"\ninsecure = true\n"
	    "[[registry.mirror]]\nlocation = \"second.test\"\n"
	    "[[registry]]\nprefix = \"docker.io/library/secret\"\nlocation = \"docker.io/library/secret\"\n"
	    "blocked = true\n"
	    "[[registry]]\nprefix = \"old.test/team\"\nlocation = \"new.test/moved\"\ninsecure = true\n"
	    "[[registry]]\nprefix = \"*.wild.test\"\n"
	    "[[registry.mirror]]\nlocation = \"cache.test\"\npull-from-mirror = \"digest-only\"\n"
	    "[[registry.mirror]]\nlocation = \"tags.test\"\npull-from-mirror = \"tag-only\"\n"
	    "[[registry]]\nlocation = \"evil.test\"\nblocked = true\n"
	    "[aliases]\n\"debian\" = \"docker.io/library/debian\"\n");
	expect(&conf, "docker.io", "library/debian", false,
	       "mirror.test:5000! hub/library/debian;second.test library/debian;docker.io library/debian;");
	expect(&conf, "docker.io", "library/secret", false, "registry docker.io/library/secret is blocked in main");
	expect(&conf, "docker.io", "library/secret/deeper", true,
	       "registry docker.io/library/secret is blocked in main");
	expect(&conf, "docker.io", "library/secrets", true,
	       "mirror.test:5000! hub/library/secrets;second.test library/secrets;docker.io library/secrets;");
	expect(&conf, "old.test", "team/app", false, "new.test! moved/app;");
	expect(&conf, "old.test", "team", false, "new.test! moved;");
	expect(&conf, "old.test", "teams/app", false, "old.test teams/app;");
	expect(&conf, "a.b.wild.test", "x", true, "cache.test x;a.b.wild.test x;");
	expect(&conf, "a.b.wild.test", "x", false, "tags.test x;a.b.wild.test x;");
	expect(&conf, "wild.test", "x", false, "wild.test x;");
	expect(&conf, "notwild.test", "x", false, "notwild.test x;");
	expect(&conf, "evil.test", "x", false, "registry evil.test is blocked in main");
	expect(&conf, "evil.test:5000", "x", false, "evil.test:5000 x;");
	expect(&conf, "evil.test.other", "x", false, "evil.test.other x;");
}

static void test_later_file_replaces(void **state)
{
	cleanup_registries_conf struct registries_conf conf = {0};
	bool is_insecure;
	struct error err = {0};
	add(&conf, "main",
	    "[[registry]]\nlocation = \"a.test\"\nblocked = true\n[[registry]]\nlocation = \"b.test\"\ninsecure = "
	    "true\n");
	add(&conf, "more",
	    "[[registry]]\nlocation = \"a.test\"\nmirror-by-digest-only = true\n"
	    "[[registry.mirror]]\nlocation = \"m.test\"\n");
	expect(&conf, "a.test", "x", false, "a.test x;");
	expect(&conf, "a.test", "x", true, "m.test x;a.test x;");
	assert_int_equal(conf.count, 2);
	assert_int_equal(registries_conf_check(&conf, "b.test", NULL, &is_insecure, &err), 0);
	assert_true(is_insecure);
	assert_int_equal(registries_conf_check(&conf, "a.test", "x", &is_insecure, &err), 0);
	assert_false(is_insecure);
}

static void test_refuses(void **state)
{
	static const struct {
		const char *text;
		const char *why;
	} rows[] = {
		{"[[registry]]\n", "f: a [[registry]] has neither prefix nor location"},
		{"[[registry]]\nprefix = \"a.test\"\n", "no location"},
		{"[registry]\n", "f: line 1: [registry] is written as [[registry]]"},
		{"[[registry.mirror]]\n", "before any"},
		{"[[registry]]\nlocation=\"a.test\"\n[[registry.mirror]]\n", "mirror of a.test has no location"},
		{"[[registry]]\nlocation=\"https://a.test\"\n", "line 2: location = \"https://a.test\": no scheme"},
		{"[[registry]]\nlocation=\"a.test/../b\"\n", "not host"},
		{"[[registry]]\nlocation=\"a test\"\n", "not host"},
		{"[[registry]]\nlocation=\"*.a.test\"\n", "not host"},
		{"[[registry]]\nlocation=\"\"\n", "not host"},
		{"[[registry]]\nlocation=\"user@a.test\"\n", "not host"},
		{"[[registry]]\nlocation=3\n", "wants a string"},
		{"[[registry]]\nlocation=\"a\"\nblocked=\"true\"\n", "line 3: blocked wants true or false"},
		{"[[registry]]\nlocation=\"a\"\nlocation=\"b\"\n", "line 3: location is said twice"},
		{"[[registry]]\nlocation=\"a\"\n[[registry]]\nprefix=\"a\"\nlocation=\"b\"\n", "there twice"},
		{"[[registry]]\nlocation=\"a\"\n[[registry.mirror]]\nlocation=\"b\"\npull-from-mirror=\"some\"\n",
		 "pull-from-mirror wants"},
		{"[registries.search]\nregistries=[]\n", "version 1"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_registries_conf struct registries_conf conf = {0};
		struct error err = {0};
		if (registries_conf_add(&conf, "f", rows[i].text, strlen(rows[i].text), &err) == 0)
			fail_msg("%s was accepted", rows[i].text);
		if (!strstr(err.message, rows[i].why))
			fail_msg("%s: %s", rows[i].text, err.message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_toml),
		cmocka_unit_test(test_toml_refuses),
		cmocka_unit_test(test_toml_bounds),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_later_file_replaces),
		cmocka_unit_test(test_refuses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
