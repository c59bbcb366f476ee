/* Bearer tokens and the attacks on them (CVE-2025-24976), access tokens, passwords. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "registry/access_token.h"
#include "registry/bearer.h"
#include "registry/password.h"

#define NOW	(1800000000 * NANOSECONDS_PER_SECOND)
#define SERVICE "ghcr.test"

static char *issue(const struct jwt_key *key, const char *service)
{
	struct error err = {0};
	char *text;
	cleanup_identity struct identity *identity = identity_new(IDENTITY_CREDENTIALS);
	snprintf(identity->user, sizeof identity->user, "regid");
	snprintf(identity->token_id, sizeof identity->token_id, "0123456789ab");
	cleanup_scope_list struct scope_list scopes = {0};
	scope_list_add(&scopes, "repository", "regid/s2", PERMISSION_PULL);
	assert_int_equal(bearer_issue(key, identity, &scopes, service, NOW, &text, &err), 0);
	return text;
}

static void expect_refused(const struct jwt_key *key, const char *text, nanoseconds now, const char *why)
{
	struct error err = {0};
	struct identity *identity = NULL;
	assert_int_equal(bearer_verify(key, text, SERVICE, now, &identity, &err), -1);
	assert_int_equal(err.kind, ERROR_UNAUTHORIZED);
	if (!strstr(err.message, why))
		fail_msg("\"%s\" does not say \"%s\"", err.message, why);
}

static void test_round_trip(void **state)
{
	struct error err = {0};
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_free char *text = issue(key, SERVICE);
	cleanup_identity struct identity *identity = NULL;
	assert_int_equal(bearer_verify(key, text, SERVICE, NOW + NANOSECONDS_PER_SECOND, &identity, &err), 0);
	assert_string_equal(identity->user, "regid");
	assert_string_equal(identity->token_id, "0123456789ab");
	assert_int_equal(scope_list_permissions(&identity->scopes, "repository", "regid/s2"), PERMISSION_PULL);
	assert_int_equal(scope_list_permissions(&identity->scopes, "repository", "regid/s3"), 0);
}

static void test_times_and_audience(void **state)
{
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_free char *text = issue(key, SERVICE);
	cleanup_free char *other = issue(key, "elsewhere.test");
	expect_refused(key, text, NOW + BEARER_SECONDS * NANOSECONDS_PER_SECOND, "expired");
	expect_refused(key, text, NOW - NANOSECONDS_PER_SECOND, "not valid yet");
	expect_refused(key, other, NOW, "another service");
}

static void test_foreign_key(void **state)
{
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_jwt_key struct jwt_key *attacker = jwt_key_generate();
	cleanup_free char *text = issue(attacker, SERVICE);
	expect_refused(key, text, NOW, "signature");
}

/* The header is replaced by one that names no algorithm, HMAC, or the attacker's own key. */
static void test_header_attacks(void **state)
{
	static const char *const headers[] = {
		"{\"alg\":\"none\",\"typ\":\"JWT\"}",
		"{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
		"{\"alg\":\"EdDSA\",\"jwk\":{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"}}",
	};
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_free char *text = issue(key, SERVICE);
	char *payload = strchr(text, '.');
	char *signature = strchr(payload + 1, '.');
	for (size_t i = 0; i < ARRAY_SIZE(headers); i++) {
		cleanup_free char *header = base64url_encode(headers[i], strlen(headers[i]));
		cleanup_free char *whole = format_string("%s%s", header, payload);
		cleanup_free char *bare = format_string("%s%.*s.", header, (int)(signature - payload), payload);
		expect_refused(key, whole, NOW, "signature");
		expect_refused(key, bare, NOW, "signature");
	}
}

static void test_every_byte_counts(void **state)
{
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_free char *text = issue(key, SERVICE);
	for (size_t i = 0; text[i]; i++) {
		char kept = text[i];
		text[i] = kept == 'A' ? 'B' : 'A';
		expect_refused(key, text, NOW, "invalid token");
		text[i] = kept;
	}
	static const char *const garbage[] = {"", ".", "..", "...", "a.b.c", "a.b", "=.=.="};
	for (size_t i = 0; i < ARRAY_SIZE(garbage); i++)
		expect_refused(key, garbage[i], NOW, "invalid token");
}

static void test_cache_checks_each_time(void **state)
{
	struct error err = {0};
	cleanup_jwt_key struct jwt_key *key = jwt_key_generate();
	cleanup_free char *text = issue(key, SERVICE);
	struct bearer_cache *cache = bearer_cache_new();
	for (int i = 0; i < 2; i++) {
		cleanup_identity struct identity *identity = NULL;
		assert_int_equal(bearer_cache_verify(cache, key, text, SERVICE, NOW, &identity, &err), 0);
	}
	struct identity *identity = NULL;
	assert_int_equal(
		bearer_cache_verify(cache, key, text, SERVICE, NOW + 301 * NANOSECONDS_PER_SECOND, &identity, &err),
		-1);
	assert_int_equal(bearer_cache_verify(cache, key, text, "elsewhere.test", NOW, &identity, &err), -1);
	bearer_cache_free(cache);
}

static void test_access_token(void **state)
{
	char text[ACCESS_TOKEN_TEXT_SIZE], other[ACCESS_TOKEN_TEXT_SIZE];
	access_token_generate(text);
	access_token_generate(other);
	assert_string_not_equal(text, other);
	assert_int_equal(strlen(text), 44);
	assert_memory_equal(text, "crt_", 4);
	assert_true(access_token_is_valid(text));
	for (size_t i = 4; text[i]; i++) {
		char kept = text[i];
		text[i] = kept == 'x' ? 'y' : 'x';
		assert_false(access_token_is_valid(text));
		text[i] = kept;
	}
	text[43] = '\0';
	assert_false(access_token_is_valid(text));
	assert_false(access_token_is_valid(""));
}

static void test_password(void **state)
{
	struct error err = {0};
	cleanup_free char *hash = NULL;
	struct password_checker *checker = password_checker_new();
	assert_int_equal(password_hash("correct horse", &hash, &err), 0);
	assert_null(strstr(hash, "horse"));
	for (int i = 0; i < 2; i++)
		assert_int_equal(password_check(checker, hash, "correct horse", &err), 0);
	assert_int_equal(password_check(checker, hash, "correct hors", &err), -1);
	assert_int_equal(err.kind, ERROR_UNAUTHORIZED);
	assert_int_equal(password_check(checker, "scrypt$1$1$1$$", "x", &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
	password_checker_free(checker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	  cmocka_unit_test(test_times_and_audience),
		cmocka_unit_test(test_foreign_key),	  cmocka_unit_test(test_header_attacks),
		cmocka_unit_test(test_every_byte_counts), cmocka_unit_test(test_cache_checks_each_time),
		cmocka_unit_test(test_access_token),	  cmocka_unit_test(test_password),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
