/* --ulimit, as Docker takes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "engine/ulimit.h"

static void limits_are_soft_and_hard(void **state)
{
	static const struct {
		const char *text;
		int resource;
		uint64_t soft, hard;
	} cases[] = {
		{"nofile=512:1024", RLIMIT_NOFILE, 512, 1024},
		{"nofile=512", RLIMIT_NOFILE, 512, 512},
		{"core=-1", RLIMIT_CORE, RLIM_INFINITY, RLIM_INFINITY},
		{"core=5:-1", RLIMIT_CORE, 5, RLIM_INFINITY},
		{"nproc=0", RLIMIT_NPROC, 0, 0},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct spec_limit limit;
		assert_int_equal(ulimit_parse(cases[i].text, &limit, NULL), 0);
		assert_int_equal(limit.resource, cases[i].resource);
		assert_true(limit.soft == cases[i].soft && limit.hard == cases[i].hard);
	}
}

static void other_texts_are_refused(void **state)
{
	static const char *const texts[] = {"",		  "nofile",
					    "nofile=",	  "nofile=x",
					    "nofile=1x",  "nofile=1:",
					    "NOFILE=1",	  "nofile=1:2:3",
					    "nofile=2:1", "=1",
					    "nofile=-2",  "core=-1:5",
					    "nofile= 1",  "nofile=99999999999999999999"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct spec_limit limit = {.resource = -7};
		struct error err = {0};
		assert_int_equal(ulimit_parse(texts[i], &limit, &err), -1);
		assert_int_equal(err.kind, ERROR_USAGE);
		assert_int_equal(limit.resource, -7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_soft_and_hard),
		cmocka_unit_test(other_texts_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
