/* unique_code_make: the hexadecimal SHA-256 of the lower-case user id followed by the exercise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/unique_code.h"

static void code_is_the_digest(void **state)
{
	char code[UNIQUE_CODE_SIZE];
	/* printf 'regida3' | sha256sum */
	unique_code_make("RegID", "a3", code);
	assert_string_equal(code, "b67b471de712d083b07803a3819dbc3f64424781c4979d06408aafe87b8dd764");
	unique_code_make("", "", code);
	assert_string_equal(code, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(code_is_the_digest)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
