/* One body of tests for both kinds of metadata; and accounts, which are in the database only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "registry/accounts.h"
#include "registry/metadata.h"
#include "registry/permission.h"

struct fixture {
	char folder[64];
	struct database_pool *pool;
	struct metadata *metadata;
};

static int open_sqlite(void **state)
{
	struct error err = {0};
	struct fixture *fixture = allocate(sizeof *fixture);
	snprintf(fixture->folder, sizeof fixture->folder, "/tmp/coracle-registry-XXXXXX");
	assert_non_null(mkdtemp(fixture->folder));
	if (database_pool_open(fixture->folder, 2, &fixture->pool, &err) < 0)
		fail_msg("%s", err.message);
	fixture->metadata = metadata_open_sqlite(fixture->pool);
	*state = fixture;
	return 0;
}

static int open_memory(void **state)
{
	struct fixture *fixture = allocate(sizeof *fixture);
	fixture->metadata = metadata_open_memory();
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;
	metadata_free(fixture->metadata);
	database_pool_close(fixture->pool);
	if (fixture->folder[0])
		remove_tree_at(AT_FDCWD, fixture->folder, NULL);
	free(fixture);
	return 0;
}

static struct digest digest_of(const char *text)
{
	struct digest digest;
	digest_of_bytes(text, strlen(text), &digest);
	return digest;
}

#define METADATA(state) (((struct fixture *)*(state))->metadata)
#define CALL(name, ...) (metadata->operations->name(metadata, __VA_ARGS__))
#define MISSING(call)                                                                                                  \
	do {                                                                                                           \
		assert_int_equal(call, -1);                                                                            \
		assert_int_equal(err.kind, ERROR_NOT_FOUND);                                                           \
	} while (0)

static void test_blobs(void **state)
{
	struct metadata *metadata = METADATA(state);
	struct error err = {0};
	struct digest blob = digest_of("blob");
	uint64_t size = 0;
	MISSING(CALL(blob_find, "a/b", &blob, &size, &err));
	MISSING(CALL(blob_unlink, "a/b", &blob, &err));
	assert_int_equal(CALL(blob_link, "a/b", &blob, 4, &err), 0);
	assert_int_equal(CALL(blob_link, "a/b", &blob, 4, &err), 0);
	assert_int_equal(CALL(blob_find, "a/b", &blob, &size, &err), 0);
	assert_int_equal(size, 4);
	MISSING(CALL(blob_find, "a/c", &blob, &size, &err));
	assert_int_equal(CALL(blob_unlink, "a/b", &blob, &err), 0);
	MISSING(CALL(blob_find, "a/b", &blob, &size, &err));
}

static int put(struct metadata *metadata, const char *text, const char *tag, const char *subject, struct error *err)
{
	struct digest config = digest_of("config");
	struct metadata_reference reference = {config, 6, false};
	struct metadata_manifest manifest = {
		.digest = digest_of(text), .media_type = (char *)"m/t", .size = strlen(text)};
	if (subject) {
		manifest.subject = digest_of(subject);
		manifest.artifact_type = (char *)"a/t";
		manifest.referrer = (char *)"{}";
	}
	return CALL(manifest_put, "r", &manifest, &reference, 1, tag, err);
}

static void test_manifests(void **state)
{
	struct metadata *metadata = METADATA(state);
	struct error err = {0};
	struct digest config = digest_of("config"), one = digest_of("one");
	cleanup_metadata_manifest struct metadata_manifest found = {0};
	MISSING(put(metadata, "one", "v1", NULL, &err));
	assert_non_null(strstr(err.message, config.text));
	assert_int_equal(CALL(blob_link, "r", &config, 7, &err), 0);
	assert_int_equal(put(metadata, "one", "v1", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_INVALID);
	assert_int_equal(CALL(blob_unlink, "r", &config, &err), 0);
	assert_int_equal(CALL(blob_link, "r", &config, 6, &err), 0);
	assert_int_equal(put(metadata, "one", "v1", NULL, &err), 0);
	assert_int_equal(put(metadata, "one", "v2", NULL, &err), 0);
	assert_int_equal(put(metadata, "two", "v1", NULL, &err), 0);
	assert_int_equal(CALL(tag_find, "r", "v2", &found, &err), 0);
	assert_true(digest_equal(&found.digest, &one));
	assert_string_equal(found.media_type, "m/t");
	metadata_manifest_release(&found);
	assert_int_equal(CALL(tag_find, "r", "v1", &found, &err), 0);
	assert_false(digest_equal(&found.digest, &one));
	metadata_manifest_release(&found);
	assert_int_equal(CALL(manifest_remove, "r", &one, &err), 0);
	MISSING(CALL(tag_find, "r", "v2", &found, &err));
	MISSING(CALL(manifest_find, "r", &one, &found, &err));
	MISSING(CALL(manifest_remove, "r", &one, &err));
	assert_int_equal(CALL(tag_remove, "r", "v1", &err), 0);
	MISSING(CALL(tag_remove, "r", "v1", &err));
	struct digest two = digest_of("two");
	assert_int_equal(CALL(manifest_find, "r", &two, &found, &err), 0);
}

static void test_lists(void **state)
{
	struct metadata *metadata = METADATA(state);
	struct error err = {0};
	struct digest config = digest_of("config");
	cleanup_string_list struct string_list names = {0};
	MISSING(CALL(tag_list, "r", "", 10, &names, &err));
	assert_int_equal(CALL(blob_link, "r", &config, 6, &err), 0);
	assert_int_equal(CALL(tag_list, "r", "", 10, &names, &err), 0);
	assert_int_equal(names.count, 0);
	assert_int_equal(put(metadata, "one", "b", NULL, &err), 0);
	assert_int_equal(put(metadata, "one", "a", NULL, &err), 0);
	assert_int_equal(put(metadata, "one", "C", NULL, &err), 0);
	assert_int_equal(CALL(tag_list, "r", "", 2, &names, &err), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "C");
	assert_string_equal(names.items[1], "a");
	string_list_release(&names);
	assert_int_equal(CALL(tag_list, "r", "a", 2, &names, &err), 0);
	assert_int_equal(names.count, 1);
	string_list_release(&names);
	assert_int_equal(CALL(blob_link, "q/s", &config, 6, &err), 0);
	assert_int_equal(CALL(repository_list, "", 9, &names, &err), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.items[0], "q/s");
	string_list_release(&names);
	assert_int_equal(put(metadata, "signature", NULL, "one", &err), 0);
	struct digest one = digest_of("one");
	assert_int_equal(CALL(referrer_list, "r", &one, NULL, 9, &names, &err), 0);
	assert_int_equal(names.count, 1);
	string_list_release(&names);
	assert_int_equal(CALL(referrer_list, "r", &one, "x/y", 9, &names, &err), 0);
	assert_int_equal(names.count, 0);
}

static void test_uploads(void **state)
{
	struct metadata *metadata = METADATA(state);
	struct error err = {0};
	struct metadata_upload upload = {.repository = (char *)"r", .owner = (char *)"u", .started = 5};
	cleanup_metadata_upload struct metadata_upload found = {0};
	for (int i = 0; i < 3; i++) {
		snprintf(upload.id, sizeof upload.id, "%032d", i);
		assert_int_equal(CALL(upload_add, &upload, 3, &err), 0);
	}
	snprintf(upload.id, sizeof upload.id, "%032d", 9);
	assert_int_equal(CALL(upload_add, &upload, 3, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	upload.owner = (char *)"other";
	upload.started = 50;
	assert_int_equal(CALL(upload_add, &upload, 3, &err), 0);
	assert_int_equal(CALL(upload_find, upload.id, &found, &err), 0);
	assert_string_equal(found.owner, "other");
	assert_int_equal(CALL(uploads_expire, 50, &err), 0);
	metadata_upload_release(&found);
	MISSING(CALL(upload_find, "00000000000000000000000000000001", &found, &err));
	assert_int_equal(CALL(upload_remove, upload.id, &err), 0);
	assert_int_equal(CALL(upload_remove, upload.id, &err), 0);
	MISSING(CALL(upload_find, upload.id, &found, &err));
}

static void test_accounts(void **state)
{
	struct database_pool *pool = ((struct fixture *)*state)->pool;
	struct error err = {0};
	char text[ACCESS_TOKEN_TEXT_SIZE];
	unsigned char hash[ACCESS_TOKEN_HASH_SIZE];
	unsigned permissions;
	cleanup_account_user struct account_user user = {0};
	cleanup_account_token struct account_token found = {0};
	struct account_token token = {.user = "regid", .permissions = PERMISSION_PULL};
	access_token_generate(text);
	access_token_hash(text, hash);
	MISSING(token_add(pool, &token, hash, &err));
	assert_int_equal(user_add(pool, "RegId", NULL, &err), 0);
	assert_int_equal(user_add(pool, "REGID", NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_CONFLICT);
	assert_int_equal(user_add(pool, "a/b", NULL, &err), -1);
	assert_int_equal(user_add(pool, "", NULL, &err), -1);
	assert_int_equal(user_find(pool, "regid", &user, &err), 0);
	assert_string_equal(user.name, "RegId");
	assert_int_equal(token_add(pool, &token, hash, &err), 0);
	assert_int_equal(token_find_by_hash(pool, hash, &found, &err), 0);
	assert_string_equal(found.user, "regid");
	assert_true(token_is_alive(&found, time_now()));
	account_token_release(&found);
	assert_int_equal(token_revoke(pool, token.id, &err), 0);
	assert_int_equal(token_find(pool, token.id, &found, &err), 0);
	assert_false(token_is_alive(&found, time_now()));
	assert_int_equal(user_permissions(pool, "regid", "regid/x", &permissions, &err), 0);
	assert_int_equal(permissions, PERMISSION_ALL);
	assert_int_equal(user_permissions(pool, "regid", "team/x", &permissions, &err), 0);
	assert_int_equal(permissions, 0);
	assert_int_equal(grant_set(pool, "regid", "team/*", PERMISSION_PULL, &err), 0);
	assert_int_equal(user_permissions(pool, "regid", "team/x", &permissions, &err), 0);
	assert_int_equal(permissions, PERMISSION_PULL);
	assert_int_equal(user_remove(pool, "regid", &err), 0);
	account_token_release(&found);
	MISSING(token_find(pool, token.id, &found, &err));
}

int main(void)
{
#define BOTH(test)                                                                                                     \
	cmocka_unit_test_setup_teardown(test, open_sqlite, close_fixture),                                             \
		cmocka_unit_test_setup_teardown(test, open_memory, close_fixture)
	const struct CMUnitTest tests[] = {
		BOTH(test_blobs),
		BOTH(test_manifests),
		BOTH(test_lists),
		BOTH(test_uploads),
		cmocka_unit_test_setup_teardown(test_accounts, open_sqlite, close_fixture),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
