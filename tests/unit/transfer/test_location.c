#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include "base/memory.h"
#include "transfer/location.h"

static void test_loopback(void **state)
{
	assert_true(location_authority_is_loopback("localhost"));
	assert_true(location_authority_is_loopback("LocalHost:5000"));
	assert_true(location_authority_is_loopback("127.0.0.1:5000"));
	assert_true(location_authority_is_loopback("127.255.1.2"));
	assert_true(location_authority_is_loopback("[::1]:5000"));
	assert_true(location_authority_is_loopback("[::1]"));
	assert_false(location_authority_is_loopback("128.0.0.1:5000"));
	assert_false(location_authority_is_loopback("127.0.0.1.example:5000"));
	assert_false(location_authority_is_loopback("localhost.example"));
	assert_false(location_authority_is_loopback("notlocalhost"));
	assert_false(location_authority_is_loopback("[::2]:5000"));
}

static void test_check(void **state)
{
	static const char *const allowed[] = {"https://ghcr.io/v2/", "http://127.0.0.1:5000/", "http://localhost/",
					      "http://[::1]:5000/x"};
	static const char *const refused[] = {"http://ghcr.io/v2/",
					      "ftp://127.0.0.1/",
					      "file:///etc/passwd",
					      "https://user:pw@ghcr.io",
					      "gopher://x/",
					      "http://127.0.0.1.evil.test/",
					      "http://169.254.169.254/",
					      ""};
	struct error err = {0};
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
		assert_int_equal(location_check(allowed[i], &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		assert_int_equal(location_check(refused[i], &err), -1);
}

static void test_join(void **state)
{
	static const struct {
		const char *base;
		const char *reference;
		const char *expected; /* NULL: refused */
	} rows[] = {
		{"https://a.test/v2/x/blobs/uploads/", "/v2/x/blobs/uploads/1?_state=z",
		 "https://a.test/v2/x/blobs/uploads/1?_state=z"},
		{"https://a.test/v2/x/blobs/uploads/", "1", "https://a.test/v2/x/blobs/uploads/1"},
		{"https://a.test:8443/v2/", "//b.test/y", "https://b.test/y"},
		{"https://a.test/v2/", "https://b.test:444/y?z=1", "https://b.test:444/y?z=1"},
		{"http://127.0.0.1:5000/v2/", "http://127.0.0.1:5001/y", "http://127.0.0.1:5001/y"},
		{"http://127.0.0.1:5000/v2/", "https://b.test/y", "https://b.test/y"},
		{"http://127.0.0.1:5000/v2/", "http://b.test/y", NULL},
		{"https://127.0.0.1:5000/v2/", "http://127.0.0.1:5000/y", NULL},
		{"https://a.test/v2/", "file:///etc/passwd", NULL},
		{"https://a.test/v2/", "https://u:p@a.test/", NULL},
		{"https://a.test/v2/", "/a b", NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *url = NULL;
		struct error err = {0};
		int outcome = location_join(rows[i].base, rows[i].reference, &url, &err);
		assert_int_equal(outcome, rows[i].expected ? 0 : -1);
		if (rows[i].expected)
			assert_string_equal(url, rows[i].expected);
	}
}

static void test_query(void **state)
{
	cleanup_free char *first = NULL;
	cleanup_free char *second = NULL;
	struct error err = {0};
	assert_int_equal(location_add_query("https://a.test/u", "digest", "sha256:00", &first, &err), 0);
	assert_string_equal(first, "https://a.test/u?digest=sha256%3a00");
	assert_int_equal(location_add_query("https://a.test/u?_state=a%2Bb", "from", "x/y", &second, &err), 0);
	assert_string_equal(second, "https://a.test/u?_state=a%2Bb&from=x%2fy");
}

static void test_origin(void **state)
{
	assert_true(location_same_origin("https://a.test/x", "https://A.test:443/y?z"));
	assert_false(location_same_origin("https://a.test/", "http://a.test/"));
	assert_false(location_same_origin("https://a.test/", "https://a.test:444/"));
	assert_false(location_same_origin("https://a.test/", "https://b.a.test/"));
	assert_false(location_same_origin("https://a.test/", "nothing at all"));
	cleanup_free char *plain = location_authority("https://a.test:443/x");
	cleanup_free char *with_port = location_authority("http://127.0.0.1:5000/x");
	assert_string_equal(plain, "a.test");
	assert_string_equal(with_port, "127.0.0.1:5000");
	assert_null(location_authority("::"));
}

/* The last of all: it is for the life of the process. */
static void test_plain(void **state)
{
	cleanup_free char *url = NULL;
	struct error err = {0};
	assert_int_equal(location_check("http://a.test/", &err), -1);
	location_allow_plain();
	assert_int_equal(location_check("http://a.test/", &err), 0);
	assert_int_equal(location_join("http://a.test/", "http://b.test/x", &url, &err), 0);
	assert_string_equal(url, "http://b.test/x");
	assert_int_equal(location_join("https://a.test/", "http://a.test/", &url, &err), -1);
	assert_int_equal(location_join("http://a.test/", "ftp://a.test/", &url, &err), -1);
	assert_int_equal(location_join("http://a.test/", "file:///etc/passwd", &url, &err), -1);
	assert_int_equal(location_check("http://user:pw@a.test/", &err), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_loopback), cmocka_unit_test(test_check),	cmocka_unit_test(test_join),
		cmocka_unit_test(test_query),	 cmocka_unit_test(test_origin), cmocka_unit_test(test_plain),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
