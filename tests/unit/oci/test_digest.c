#include "cmocka_headers.h"

#include <string.h>

#include "oci/digest.h"

#define EMPTY_SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_SHA512                                                                                                     \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643c" \
	"e80e"                                                                                                         \
	"2a9ac94fa54ca49f"

static void known_digests(void **state)
{
	(void)state;
	struct digest digest;
	digest_of_bytes("", 0, &digest);
	assert_string_equal(digest.text, "sha256:" EMPTY_SHA256);
	assert_string_equal(digest_hex(&digest), EMPTY_SHA256);
	struct hasher *hasher = hasher_new(DIGEST_SHA512);
	hasher_update(hasher, "a", 1);
	hasher_update(hasher, "", 0);
	hasher_update(hasher, "bc", 2);
	hasher_finish(hasher, &digest);
	hasher_free(hasher);
	assert_string_equal(digest.text, "sha512:" ABC_SHA512);
	assert_int_equal(digest_algorithm_of(&digest), DIGEST_SHA512);
	assert_string_equal(digest_algorithm_name(DIGEST_SHA512), "sha512");
}

/* CVE-2024-3727. */
static void only_digests_pass(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"",
		":",
		"sha256",
		"sha256:",
		EMPTY_SHA256,
		"sha256:../../x",
		"sha256:" EMPTY_SHA256 "0",
		"sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
		"SHA256:" EMPTY_SHA256,
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85",
		"sha512:" EMPTY_SHA256,
		"md5:d41d8cd98f00b204e9800998ecf8427e",
		"sha256:" EMPTY_SHA256 "/",
		"sha256:" EMPTY_SHA256 "\n",
		" sha256:" EMPTY_SHA256,
		"../sha256:" EMPTY_SHA256,
		"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8/.",
	};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct digest digest = {"untouched"};
		struct error err = {0};
		if (digest_parse(wrong[i], &digest, &err) == 0)
			fail_msg("\"%s\" passed", wrong[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_string_equal(digest.text, "untouched");
		assert_null(strchr(err.message, '\n'));
	}
	struct digest digest;
	assert_int_equal(digest_parse("sha256:" EMPTY_SHA256, &digest, NULL), 0);
	assert_true(digest_is_set(&digest));
	assert_int_equal(digest_parse("sha512:" ABC_SHA512, &digest, NULL), 0);
	assert_string_equal(digest.text, "sha512:" ABC_SHA512);
}

static void bytes_are_verified(void **state)
{
	(void)state;
	struct digest digest;
	struct error err = {0};
	digest_parse("sha512:" ABC_SHA512, &digest, NULL);
	assert_int_equal(digest_verify_bytes(&digest, "abc", 3, &err), 0);
	assert_int_equal(digest_verify_bytes(&digest, "abd", 3, &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_digests),
		cmocka_unit_test(only_digests_pass),
		cmocka_unit_test(bytes_are_verified),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
