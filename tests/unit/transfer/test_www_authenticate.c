#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include <string.h>

#include "transfer/www_authenticate.h"

static void parse(const char *text, struct challenge_list *list)
{
	struct error err = {0};
	if (www_authenticate_parse(text, list, &err) < 0)
		fail_msg("%s: %s", text, err.message);
}

static void test_docker_hub(void **state)
{
	cleanup_challenge_list struct challenge_list list = {0};
	parse("Bearer realm=\"https://auth.docker.io/token\",service=\"registry.docker.io\","
	      "scope=\"repository:samalba/my-app:pull,push\",error=\"invalid_token\"",
	      &list);
	assert_int_equal(list.count, 1);
	const struct challenge *challenge = challenge_list_find(&list, CHALLENGE_BEARER);
	assert_string_equal(challenge->realm, "https://auth.docker.io/token");
	assert_string_equal(challenge->service, "registry.docker.io");
	assert_string_equal(challenge->scope, "repository:samalba/my-app:pull,push");
	assert_string_equal(challenge->error, "invalid_token");
	assert_null(challenge_list_find(&list, CHALLENGE_BASIC));
}

static void test_several(void **state)
{
	cleanup_challenge_list struct challenge_list list = {0};
	parse("Negotiate, NTLM TlRMTVNTUAAB==, bAsIc  Realm = \"a \\\"b\\\" c\" , charset=\"UTF-8\", Digest nonce=abc",
	      &list);
	parse("BEARER realm=token", &list);
	parse("", &list);
	parse(" , ,", &list);
	assert_int_equal(list.count, 5);
	assert_string_equal(challenge_list_find(&list, CHALLENGE_BASIC)->realm, "a \"b\" c");
	assert_string_equal(challenge_list_find(&list, CHALLENGE_BEARER)->realm, "token");
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"realm=\"x\"",
		"Bearer realm=\"x",
		"Bearer realm=\"x\\",
		"Bearer realm=\"x\" service=\"y\"",
		"Bearer realm=\"x\",realm=\"y\"",
		"Bearer realm=\"x\"; service=y",
		"Bearer\trealm=x",
		"Bearer \x01",
		"Bearer realm=\"a\r\nb\"",
		"(comment) Basic",
		"Bearer abc def",
		"Bearer =",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_challenge_list struct challenge_list list = {0};
		struct error err = {0};
		parse("Basic realm=kept", &list);
		if (www_authenticate_parse(texts[i], &list, &err) == 0)
			fail_msg("accepted: %s", texts[i]);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_int_equal(list.count, 1);
	}
}

static void test_bounds(void **state)
{
	cleanup_challenge_list struct challenge_list list = {0};
	struct error err = {0};
	assert_int_equal(www_authenticate_parse("a,b,c,d,e,f,g,h,i", &list, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	assert_int_equal(list.count, 0);
	char many[512] = "Bearer a0=1";
	for (int i = 1; i < 20; i++)
		snprintf(many + strlen(many), sizeof many - strlen(many), ",a%d=1", i);
	assert_int_equal(www_authenticate_parse(many, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	cleanup_free char *huge = allocate(WWW_AUTHENTICATE_TEXT_LIMIT + 2);
	memset(huge, 'a', WWW_AUTHENTICATE_TEXT_LIMIT + 1);
	assert_int_equal(www_authenticate_parse(huge, &list, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

/* Every prefix of a good header, and every byte of it changed, ends without a crash (the sanitizers watch). */
static void test_mutations(void **state)
{
	static const char good[] = "Bearer realm=\"https://a.b/c\\\"d\",service=x, Basic realm=\"y\", NTLM abc==";
	for (size_t i = 0; i < sizeof good; i++) {
		cleanup_challenge_list struct challenge_list list = {0};
		cleanup_free char *text = duplicate_bytes(good, i);
		www_authenticate_parse(text, &list, NULL);
	}
	for (size_t i = 0; i + 1 < sizeof good; i++)
		for (int byte = 1; byte < 256; byte++) {
			cleanup_challenge_list struct challenge_list list = {0};
			cleanup_free char *text = duplicate_bytes(good, sizeof good - 1);
			text[i] = (char)byte;
			www_authenticate_parse(text, &list, NULL);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_docker_hub), cmocka_unit_test(test_several),   cmocka_unit_test(test_refused),
		cmocka_unit_test(test_bounds),	   cmocka_unit_test(test_mutations),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
