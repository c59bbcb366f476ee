/* URLs of ADD and of contexts: what they are, and what never reaches git. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "build/remote_source.h"

static void test_kind(void **state)
{
	static const struct {
		const char *text;
		enum remote_kind kind;
	} rows[] = {
		{"a", REMOTE_NONE},
		{"./git@host:x", REMOTE_NONE},
		{"dir/file.git", REMOTE_NONE},
		{"httpx://a/b", REMOTE_NONE},
		{"file:///etc/passwd", REMOTE_NONE},
		{"ext::sh -c id", REMOTE_NONE},
		{"git@host", REMOTE_NONE},
		{"git@host:", REMOTE_NONE},
		{"@host:x", REMOTE_NONE},
		{"github.com/user/repo", REMOTE_NONE},
		{"http://a.test/b", REMOTE_FILE},
		{"HTTPS://a.test/b", REMOTE_FILE},
		{"https://a.test/b.git.tar", REMOTE_FILE},
		{"https://a.test/?x=.git", REMOTE_FILE},
		{"https://a.test.git", REMOTE_FILE},
		{"https://a.test/b#x.git", REMOTE_FILE},
		{"https://a.test/.git", REMOTE_GIT},
		{"https://a.test/b.git", REMOTE_GIT},
		{"https://a.test/b.git#main:sub", REMOTE_GIT},
		{"git://a.test/b", REMOTE_GIT},
		{"ssh://git@a.test:22/b", REMOTE_GIT},
		{"git@a.test:b/c.git#v1", REMOTE_GIT},
		{"user-1@a.test:/b", REMOTE_GIT},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (remote_source_kind(rows[i].text) != rows[i].kind)
			fail_msg("%s is another kind", rows[i].text);
}

static void test_file(void **state)
{
	static const struct {
		const char *text, *url, *name;
	} rows[] = {
		{"http://a.test/b/c.txt", "http://a.test/b/c.txt", "c.txt"},
		{"HTTP://a.test/c?d=/e#f", "http://a.test/c?d=/e", "c"},
		{"https://a.test/c%20d", "https://a.test/c%20d", "c d"},
		{"https://a.test/c%2", "https://a.test/c%2", "c%2"},
		{"https://a.test/b/", "https://a.test/b/", "b"},
		{"https://a.test/", "https://a.test/", "__unnamed__"},
		{"https://a.test", "https://a.test", "__unnamed__"},
		{"https://a.test?x", "https://a.test?x", "__unnamed__"},
		{"https://a.test/..", "https://a.test/..", "__unnamed__"},
		{"https://a.test/%2e%2e", "https://a.test/%2e%2e", "__unnamed__"},
		{"https://a.test/x%2fy", "https://a.test/x%2fy", "__unnamed__"},
		{"https://a.test/x%00y", "https://a.test/x%00y", "__unnamed__"},
		{"https://[::1]:80/c", "https://[::1]:80/c", "c"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_remote_source struct remote_source source = {0};
		struct error err = {0};
		assert_int_equal(remote_source_parse(rows[i].text, &source, &err), 0);
		assert_int_equal(source.kind, REMOTE_FILE);
		assert_string_equal(source.url, rows[i].url);
		assert_string_equal(source.name, rows[i].name);
	}
}

static void test_git(void **state)
{
	static const struct {
		const char *text, *url, *ref, *folder;
	} rows[] = {
		{"https://a.test/b.git", "https://a.test/b.git", NULL, NULL},
		{"https://a.test/b.git#", "https://a.test/b.git", NULL, NULL},
		{"Git://a.test/B#main", "git://a.test/B", "main", NULL},
		{"git@a.test:b.git#v1.0+x:sub/dir/", "git@a.test:b.git", "v1.0+x", "sub/dir"},
		{"https://a.test/b.git#:sub", "https://a.test/b.git", NULL, "sub"},
		{"https://a.test/b.git#main:", "https://a.test/b.git", "main", NULL},
		{"https://a.test/b.git#main:/", "https://a.test/b.git", "main", NULL},
		{"https://a.test/b.git#main:/sub/../other", "https://a.test/b.git", "main", "other"},
		{"https://a.test/b.git#feature/x:a:b", "https://a.test/b.git", "feature/x", "a:b"},
		{"ssh://git@a.test:22/b#refs/heads/x", "ssh://git@a.test:22/b", "refs/heads/x", NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_remote_source struct remote_source source = {0};
		struct error err = {0};
		if (remote_source_parse(rows[i].text, &source, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.message);
		assert_int_equal(source.kind, REMOTE_GIT);
		assert_string_equal(source.url, rows[i].url);
		assert_string_equal(source.ref ? source.ref : "-", rows[i].ref ? rows[i].ref : "-");
		assert_string_equal(source.folder ? source.folder : "-", rows[i].folder ? rows[i].folder : "-");
	}
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"git://a.test/b#--upload-pack=id", /* CVE-2019-13139 */
		"git://a.test/b#-x",
		"git://a.test/b#a..b",
		"git://a.test/b#+main",
		"git://a.test/b#a~1",
		"git://a.test/b#a^{tree}",
		"git://a.test/b#@{1}",
		"git://a.test/b#a*",
		"git://a.test/b#a b",
		"git://a.test/b#a\nb",
		"git://a.test/b#/a",
		"git://a.test/b#a/",
		"git://a.test/b?ref=x",
		"git://-oProxyCommand=id/b",
		"ssh://-oProxyCommand=id/b",
		"ssh://git@-oProxyCommand=id/b",
		"ssh://-l@a.test/b",
		"-u@a.test:b",
		"git@-a.test:b",
		"git@a.test:-b",
		"git:///b",
		"https:///b",
		"https://:80/b",
		"http://a.test/b c",
		"https://user:secret@a.test/b",
		"https://token@a.test/b.git",
		"git://user@a.test/b.git",
		"ssh://git:secret@a.test/b.git",
		"a",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_remote_source struct remote_source source = {0};
		struct error err = {0};
		if (remote_source_parse(texts[i], &source, &err) == 0)
			fail_msg("%s was taken", texts[i]);
		assert_null(source.url);
		assert_null(strstr(err.message, "secret"));
	}
}

static void test_commit(void **state)
{
	assert_true(remote_ref_is_commit("0123456789abcdef0123456789abcdef01234567"));
	assert_true(remote_ref_is_commit("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"));
	assert_false(remote_ref_is_commit("0123456789ABCDEF0123456789abcdef01234567"));
	assert_false(remote_ref_is_commit("0123456789abcdef0123456789abcdef0123456"));
	assert_false(remote_ref_is_commit(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kind),	cmocka_unit_test(test_file),   cmocka_unit_test(test_git),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_commit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
