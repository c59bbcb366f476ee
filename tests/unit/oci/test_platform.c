#include "cmocka_headers.h"

#include "oci/platform.h"

static void texts(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"linux/amd64", "linux/amd64"},
		{"amd64", "linux/amd64"},
		{"x86_64", "linux/amd64"},
		{"Linux/ARM64", "linux/arm64"},
		{"linux/arm64/v8", "linux/arm64/v8"},
		{"aarch64", "linux/arm64/v8"},
		{"linux/arm/7", "linux/arm/v7"},
		{"armhf", "linux/arm/v7"},
		{"i686", "linux/386"},
		{"windows/amd64", "windows/amd64"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		struct platform platform;
		assert_int_equal(platform_parse(pairs[i][0], &platform, NULL), 0);
		cleanup_free char *text = platform_text(&platform);
		assert_string_equal(text, pairs[i][1]);
	}
	static const char *const wrong[] = {
		"",	   "/",	  "linux/", "/amd64",	  "linux//v8",
		"a/b/c/d", "a b", "li*x/a", "linux/../x", "linux/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct platform platform;
		struct error err = {0};
		assert_int_equal(platform_parse(wrong[i], &platform, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
}

static bool matches(const char *wanted, const char *offered)
{
	struct platform want, offer;
	assert_int_equal(platform_parse(wanted, &want, NULL), 0);
	assert_int_equal(platform_parse(offered, &offer, NULL), 0);
	return platform_matches(&want, &offer);
}

static void matching(void **state)
{
	(void)state;
	assert_true(matches("linux/amd64", "linux/amd64"));
	assert_true(matches("linux/arm64", "linux/arm64/v8"));
	assert_true(matches("linux/arm64/v8", "linux/arm64"));
	assert_true(matches("linux/arm/v7", "linux/arm/v6"));
	assert_false(matches("linux/arm/v6", "linux/arm/v7"));
	assert_false(matches("linux/amd64", "linux/arm64"));
	assert_false(matches("linux/amd64", "windows/amd64"));
	assert_false(matches("linux/arm64", "linux/arm"));
	struct platform host;
	platform_host(&host);
	assert_string_equal(host.os, "linux");
	assert_true(platform_matches(&host, &host));
}

static void canonical(void **state)
{
	static const char *const rows[][2] = {
		{"linux/arm64/v8", "linux/arm64"}, {"aarch64", "linux/arm64"},
		{"linux/amd64/v1", "linux/amd64"}, {"linux/arm", "linux/arm/v7"},
		{"linux/armel", "linux/arm/v6"},   {"linux/amd64/v3", "linux/amd64/v3"},
		{"linux/s390x", "linux/s390x"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct platform platform;
		assert_int_equal(platform_parse(rows[i][0], &platform, NULL), 0);
		platform_canonicalize(&platform);
		cleanup_free char *text = platform_text(&platform);
		assert_string_equal(text, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(texts), cmocka_unit_test(matching),
					   cmocka_unit_test(canonical)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
