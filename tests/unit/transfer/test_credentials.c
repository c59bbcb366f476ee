#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

/* These come first: cmocka.h does not include them. */
#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "base/json.h"
#include "transfer/credentials.h"

static char folder[] = "/tmp/coracle-credentials-XXXXXX";

static void write_file(const char *name, const char *text, mode_t mode)
{
	cleanup_close int fd = open_folder(folder, false, 0, NULL);
	assert_int_equal(atomic_file_write(fd, name, text, strlen(text), mode, ATOMIC_FILE_REPLACEABLE, NULL), 0);
}

static json_t *read_config(void)
{
	cleanup_close int fd = open_folder(folder, false, 0, NULL);
	cleanup_buffer struct buffer text = {0};
	json_t *document = NULL;
	assert_int_equal(read_file_at(fd, "config.json", 65536, &text, NULL), 0);
	assert_int_equal(json_parse(text.bytes, text.size, &document, NULL), 0);
	return document;
}

static void expect(const char *domain, const char *username, const char *password)
{
	cleanup_credentials struct credentials credentials = {0};
	struct error err = {0};
	if (credentials_find(domain, &credentials, &err) < 0)
		fail_msg("%s: %s", domain, err.message);
	if (!username) {
		assert_null(credentials.username);
		return;
	}
	assert_non_null(credentials.username);
	assert_string_equal(credentials.username, username);
	assert_string_equal(credentials.password, password);
}

static int make_folder(void **state)
{
	memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
	if (!mkdtemp(folder))
		return -1;
	return setenv("DOCKER_CONFIG", folder, 1);
}

static int remove_folder(void **state)
{
	return remove_tree_at(AT_FDCWD, folder, NULL);
}

static void test_round_trip(void **state)
{
	cleanup_free char *path = NULL;
	struct error err = {0};
	bool found;
	expect("ghcr.test", NULL, NULL);
	write_file("config.json", "{\"psFormat\":\"x\",\"auths\":{\"other.test\":{\"auth\":\"YTpi\",\"email\":\"e\"}}}",
		   0644);
	assert_int_equal(credentials_store("ghcr.test", "regid", "pa:ss wörd", &path, &err), 0);
	cleanup_free char *expected = format_string("%s/config.json", folder);
	assert_string_equal(path, expected);
	struct stat status;
	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0600);
	expect("ghcr.test", "regid", "pa:ss wörd");
	expect("other.test", "a", "b");
	expect("ghcr.test:443", NULL, NULL);
	expect("sub.ghcr.test", NULL, NULL);
	assert_int_equal(credentials_erase("ghcr.test", &found, &err), 0);
	assert_true(found);
	expect("ghcr.test", NULL, NULL);
	assert_int_equal(credentials_erase("ghcr.test", &found, &err), 0);
	assert_false(found);
	cleanup_json json_t *document = read_config();
	assert_string_equal(json_string_value(json_object_get(document, "psFormat")), "x");
	json_t *other = json_object_get(json_object_get(document, "auths"), "other.test");
	assert_string_equal(json_string_value(json_object_get(other, "email")), "e");
}

static void test_spellings(void **state)
{
	write_file("config.json",
		   "{\"auths\":{\"https://a.test/v1/\":{\"auth\":\"YTpi\"},\"http://b.test:5000\":{\"auth\":\"YTpi\"},"
		   "\"https://index.docker.io/v1/"
		   "\":{\"auth\":\"aHViOnB3\"},\"c.test\":{\"username\":\"u\",\"password\":\"p\"},"
		   "\"empty.test\":{}}}",
		   0600);
	expect("a.test", "a", "b");
	expect("b.test:5000", "a", "b");
	expect("b.test", NULL, NULL);
	expect("docker.io", "hub", "pw");
	expect("c.test", "u", "p");
	expect("empty.test", NULL, NULL);
	/* One registry, one entry. */
	cleanup_free char *path = NULL;
	assert_int_equal(credentials_store("a.test", "new", "pw", &path, NULL), 0);
	expect("a.test", "new", "pw");
	cleanup_json json_t *document = read_config();
	assert_null(json_object_get(json_object_get(document, "auths"), "a.test"));
}

static void test_malformed(void **state)
{
	static const char *const texts[] = {
		"[]",
		"{",
		"{\"auths\":[]}",
		"{\"auths\":{\"a.test\":[]}}",
		"{\"auths\":{\"a.test\":{\"auth\":\"?\"}}}",
		"{\"auths\":{\"a.test\":{\"auth\":\"YWJj\"}}}", /* no colon */
		"{\"auths\":{\"a.test\":{\"auth\":1}}}",
		"{\"credsStore\":\"../evil\"}",
		"{\"credsStore\":\"does-not-exist\"}",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		cleanup_credentials struct credentials credentials = {0};
		struct error err = {0};
		write_file("config.json", texts[i], 0600);
		if (credentials_find("a.test", &credentials, &err) == 0)
			fail_msg("accepted: %s", texts[i]);
		assert_true(err.message[0] != '\0');
	}
}

/* CVE-2021-41092: a helper that fails is an error, and what the file has besides is not used. */
static void test_helpers(void **state)
{
	const char *old = getenv("PATH");
	cleanup_free char *before = duplicate_string(old ? old : "");
	cleanup_free char *path = format_string("%s:%s", folder, before);
	setenv("PATH", path, 1);
	write_file("docker-credential-good",
		   "#!/bin/sh\nread server\ncase $1/$server in\n"
		   "get/a.test) echo '{\"ServerURL\":\"a.test\",\"Username\":\"from\",\"Secret\":\"helper\"}';;\n"
		   "store/*|erase/a.test) echo \"$1 $server\" >>\"$DOCKER_CONFIG/log\";;\n"
		   "*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n",
		   0755);
	write_file("docker-credential-bad", "#!/bin/sh\necho broken; exit 3\n", 0755);
	write_file("config.json",
		   "{\"credsStore\":\"bad\",\"credHelpers\":{\"a.test\":\"good\",\"b.test\":\"good\"},"
		   "\"auths\":{\"c.test\":{\"auth\":\"YTpi\"}}}",
		   0600);
	struct error err = {0};
	bool found;
	cleanup_credentials struct credentials credentials = {0};
	cleanup_free char *stored = NULL;
	expect("a.test", "from", "helper");
	expect("b.test", NULL, NULL);
	assert_int_equal(credentials_find("c.test", &credentials, &err), -1);
	assert_non_null(strstr(err.message, "docker-credential-bad"));
	assert_int_equal(credentials_store("b.test", "u", "secret-word", &stored, &err), 0);
	assert_null(stored);
	cleanup_free char *text = NULL;
	cleanup_json json_t *document = read_config();
	text = json_text(document);
	assert_null(strstr(text, "secret-word"));
	assert_int_equal(credentials_erase("a.test", &found, &err), 0);
	assert_true(found);
	assert_int_equal(credentials_store("c.test", "u", "p", &stored, &err), -1);
	setenv("PATH", before, 1);
}

static void test_no_home(void **state)
{
	struct error err = {0};
	cleanup_free char *path = NULL;
	unsetenv("DOCKER_CONFIG");
	cleanup_free char *home = duplicate_string(getenv("HOME"));
	unsetenv("HOME");
	expect("a.test", NULL, NULL);
	assert_int_equal(credentials_store("a.test", "u", "p", &path, &err), -1);
	assert_non_null(strstr(err.message, "HOME"));
	if (home)
		setenv("HOME", home, 1);
}

static void test_names(void **state)
{
	cleanup_free char *path = NULL;
	struct error err = {0};
	assert_int_equal(credentials_store("a.test", "", "p", &path, &err), -1);
	assert_int_equal(err.kind, ERROR_USAGE);
	assert_int_equal(credentials_store("a.test", "a:b", "p", &path, &err), -1);
	assert_int_equal(credentials_store("a.test", "\xff\xfe", "p", &path, &err), 0); /* base64 hides it */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_round_trip, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_spellings, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_malformed, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_helpers, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_no_home, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(test_names, make_folder, remove_folder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
