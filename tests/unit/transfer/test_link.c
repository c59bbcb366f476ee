#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include "base/memory.h"
#include "transfer/link.h"

static void test_next(void **state)
{
	static const struct {
		const char *header;
		const char *next; /* NULL: none */
	} cases[] = {
		{"</v2/_catalog?last=b&n=100>; rel=\"next\"", "/v2/_catalog?last=b&n=100"},
		{"</v2/x/tags/list?n=2&last=v1>; rel=next", "/v2/x/tags/list?n=2&last=v1"},
		{"<https://a.test/v2/_catalog?last=b>;title=\"a;b, <c>\" ; REL = \"prev Next\"",
		 "https://a.test/v2/_catalog?last=b"},
		{"<a>; rel=\"prev\", <b>; rel=\"next\"", "b"},
		{"  <a>;rel=next , <b>;rel=next", "a"},
		{"<>; rel=next", ""},
		{"<a>; rel=\"nextish\"", NULL},
		{"<a>; rel=\"", NULL},
		{"<a>; rel", NULL},
		{"<a>; rel=prev; title=\"next\"", NULL},
		{"<a>; title=\"; rel=next\"", NULL},
		{"<a>", NULL},
		{"<a", NULL},
		{"a; rel=next", NULL},
		{"<a>; title=\"\\", NULL},
		{",,,", NULL},
		{"", NULL},
		{NULL, NULL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *next = link_next(cases[i].header);
		if (!cases[i].next)
			assert_null(next);
		else
			assert_string_equal(next, cases[i].next);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_next)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
