/* What is read from clients: paths, ranges, scopes, patterns, forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "registry/form.h"
#include "registry/permission.h"
#include "registry/range.h"
#include "registry/route.h"

static void test_routes(void **state)
{
	static const struct {
		enum http_method method;
		const char *path;
		enum route_result result;
		const char *pattern, *name, *reference;
	} cases[] = {
		{HTTP_GET, "/v2/", ROUTE_FOUND, "/v2/", NULL, NULL},
		{HTTP_GET, "/v2/_catalog", ROUTE_FOUND, "/v2/_catalog", NULL, NULL},
		{HTTP_HEAD, "/v2/a/manifests/v1", ROUTE_FOUND, "/v2/{name}/manifests/{reference}", "a", "v1"},
		{HTTP_GET, "/v2/a/b/c/manifests/v1", ROUTE_FOUND, "/v2/{name}/manifests/{reference}", "a/b/c", "v1"},
		{HTTP_GET, "/v2/a/blobs/b/manifests/v1", ROUTE_FOUND, "/v2/{name}/manifests/{reference}", "a/blobs/b",
		 "v1"},
		{HTTP_GET, "/v2/a/tags/list", ROUTE_FOUND, "/v2/{name}/tags/list", "a", NULL},
		{HTTP_POST, "/v2/a/b/blobs/uploads/", ROUTE_FOUND, "/v2/{name}/blobs/uploads/", "a/b", NULL},
		{HTTP_POST, "/v2/a/b/blobs/uploads", ROUTE_FOUND, "/v2/{name}/blobs/uploads", "a/b", NULL},
		{HTTP_PATCH, "/v2/a/blobs/uploads/0f", ROUTE_FOUND, "/v2/{name}/blobs/uploads/{reference}", "a", "0f"},
		{HTTP_GET, "/v2/a/blobs/sha256:00", ROUTE_FOUND, "/v2/{name}/blobs/{reference}", "a", "sha256:00"},
		{HTTP_PATCH, "/v2/a/manifests/v1", ROUTE_NO_METHOD, NULL, NULL, NULL},
		{HTTP_METHOD_COUNT, "/v2/", ROUTE_NO_METHOD, NULL, NULL, NULL},
		{HTTP_GET, "/v2/A/manifests/v1", ROUTE_NAME_INVALID, NULL, NULL, NULL},
		{HTTP_GET, "/v2/../manifests/v1", ROUTE_NAME_INVALID, NULL, NULL, NULL},
		{HTTP_GET, "/v2/a//b/manifests/v1", ROUTE_NAME_INVALID, NULL, NULL, NULL},
		{HTTP_GET, "/v2//manifests/v1", ROUTE_NO_PATH, NULL, NULL, NULL},
		{HTTP_GET, "/v2/manifests/v1", ROUTE_NO_PATH, NULL, NULL, NULL},
		{HTTP_GET, "/v2/a/manifests/", ROUTE_NO_PATH, NULL, NULL, NULL},
		{HTTP_GET, "/v1/a/manifests/v1", ROUTE_NO_PATH, NULL, NULL, NULL},
		{HTTP_GET, "", ROUTE_NO_PATH, NULL, NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct route *route = NULL;
		cleanup_free char *name = NULL;
		cleanup_free char *reference = NULL;
		unsigned methods = 0;
		enum route_result result =
			route_find(cases[i].method, cases[i].path, &route, &name, &reference, &methods);
		if (result != cases[i].result)
			fail_msg("%s: %d", cases[i].path, result);
		if (result != ROUTE_FOUND)
			continue;
		assert_string_equal(route->pattern, cases[i].pattern);
		assert_string_equal(name ? name : "-", cases[i].name ? cases[i].name : "-");
		assert_string_equal(reference ? reference : "-", cases[i].reference ? cases[i].reference : "-");
	}
}

static void test_download_ranges(void **state)
{
	static const struct {
		const char *header;
		uint64_t total;
		enum range_result result;
		uint64_t start, size;
	} cases[] = {
		{NULL, 10, RANGE_WHOLE, 0, 10},
		{"bytes=0-0", 10, RANGE_PART, 0, 1},
		{"bytes=3-", 10, RANGE_PART, 3, 7},
		{"bytes=3-99", 10, RANGE_PART, 3, 7},
		{"bytes=-4", 10, RANGE_PART, 6, 4},
		{"bytes=-40", 10, RANGE_PART, 0, 10},
		{"bytes=10-", 10, RANGE_UNSATISFIABLE, 0, 10},
		{"bytes=-0", 10, RANGE_UNSATISFIABLE, 0, 10},
		{"bytes=0-", 0, RANGE_UNSATISFIABLE, 0, 0},
		{"bytes=5-3", 10, RANGE_WHOLE, 0, 10},
		{"bytes=0-1,3-4", 10, RANGE_WHOLE, 0, 10},
		{"bytes=99999999999999999999-", 10, RANGE_WHOLE, 0, 10},
		{"lines=1-2", 10, RANGE_WHOLE, 0, 10},
		{"bytes=", 10, RANGE_WHOLE, 0, 10},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct byte_range range;
		assert_int_equal(range_of_download(cases[i].header, cases[i].total, &range), cases[i].result);
		assert_int_equal(range.start, cases[i].start);
		assert_int_equal(range.size, cases[i].size);
	}
}

static void test_upload_ranges(void **state)
{
	struct byte_range range;
	assert_int_equal(range_of_upload("0-9", &range), 0);
	assert_int_equal(range.size, 10);
	assert_int_equal(range_of_upload("bytes 5-9/20", &range), 0);
	assert_int_equal(range.start, 5);
	static const char *const bad[] = {"", "-", "9-5", "a-b", "1-2x", "1", "-5"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(range_of_upload(bad[i], &range), -1);
}

static void test_scopes(void **state)
{
	struct error err = {0};
	cleanup_scope_list struct scope_list list = {0};
	assert_int_equal(scope_list_parse(&list, "repository:a/b:pull,push registry:catalog:*", &err), 0);
	assert_int_equal(scope_list_parse(&list, "repository(plugin):c:delete,fly repository:a/b:delete", &err), 0);
	assert_int_equal(list.count, 3);
	assert_int_equal(scope_list_permissions(&list, "repository", "a/b"), PERMISSION_ALL);
	assert_int_equal(scope_list_permissions(&list, "registry", "catalog"), PERMISSION_ALL);
	assert_int_equal(scope_list_permissions(&list, "repository", "c"), PERMISSION_DELETE);
	assert_int_equal(scope_list_permissions(&list, "repository", "a"), 0);
	static const char *const bad[] = {"x", "a:b", ":a:b", "a::b"};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(scope_list_parse(&list, bad[i], &err), -1);
	cleanup_json json_t *json = scope_list_to_json(&list);
	cleanup_scope_list struct scope_list again = {0};
	assert_int_equal(scope_list_from_json(&again, json, &err), 0);
	assert_int_equal(again.count, list.count);
	assert_int_equal(scope_list_permissions(&again, "repository", "c"), PERMISSION_DELETE);
}

static void test_scopes_are_bounded(void **state)
{
	struct error err = {0};
	cleanup_scope_list struct scope_list list = {0};
	for (int i = 0; i < SCOPE_LIMIT; i++) {
		cleanup_free char *text = format_string("repository:a%d:pull", i);
		assert_int_equal(scope_list_parse(&list, text, &err), 0);
	}
	assert_int_equal(scope_list_parse(&list, "repository:more:pull", &err), -1);
}

static void test_patterns(void **state)
{
	assert_true(pattern_matches("*", "a/b"));
	assert_true(pattern_matches("a/*", "a/b/c"));
	assert_false(pattern_matches("a/*", "a"));
	assert_false(pattern_matches("a/*", "a/"));
	assert_false(pattern_matches("a/*", "ab/c"));
	assert_true(pattern_matches("a/b", "a/b"));
	assert_false(pattern_matches("a/b", "a/bc"));
	assert_true(pattern_is_valid("regid/*"));
	assert_false(pattern_is_valid("re*"));
	assert_false(pattern_is_valid("../*"));
	assert_false(pattern_is_valid(""));
	assert_true(repository_is_of("regid/s2", "regid"));
	assert_false(repository_is_of("regid2/s2", "regid"));
	assert_false(repository_is_of("/s2", ""));
	unsigned permissions;
	assert_int_equal(permissions_parse("write,delete", &permissions, NULL), 0);
	assert_int_equal(permissions, PERMISSION_ALL);
	assert_int_equal(permissions_parse("admin", &permissions, NULL), -1);
	assert_int_equal(permissions_parse("", &permissions, NULL), -1);
}

static void test_form(void **state)
{
	const char *form = "a=1&pass=b%20c%2B+d&ass=x&bad=%zz%00&end=%4";
	cleanup_free char *pass = form_get(form, "pass");
	cleanup_free char *ass = form_get(form, "ass");
	cleanup_free char *bad = form_get(form, "bad");
	cleanup_free char *end = form_get(form, "end");
	assert_string_equal(pass, "b c+ d");
	assert_string_equal(ass, "x");
	assert_string_equal(bad, "%zz%00");
	assert_string_equal(end, "%4");
	assert_null(form_get(form, "missing"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_routes),
		cmocka_unit_test(test_download_ranges),
		cmocka_unit_test(test_upload_ranges),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_scopes_are_bounded),
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_form),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
