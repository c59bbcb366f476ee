#include "cmocka_headers.h"

#include <string.h>

#include "oci/reference.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void good_names(void **state)
{
	(void)state;
	static const struct {
		const char *text, *full, *familiar;
		bool implied;
	} rows[] = {
		{"debian", "docker.io/library/debian:latest", "debian:latest", true},
		{"debian:bookworm", "docker.io/library/debian:bookworm", "debian:bookworm", true},
		{"user/app", "docker.io/user/app:latest", "user/app:latest", true},
		{"docker.io/debian", "docker.io/library/debian:latest", "debian:latest", false},
		{"docker.io/library/debian", "docker.io/library/debian:latest", "debian:latest", false},
		{"index.docker.io/debian", "docker.io/library/debian:latest", "debian:latest", false},
		{"index.docker.io/user/app:1", "docker.io/user/app:1", "user/app:1", false},
		{"docker.io/library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest", false},
		{"localhost/x", "localhost/x:latest", "localhost/x:latest", false},
		{"local/x", "docker.io/local/x:latest", "local/x:latest", true},
		{"ghcr.io/REGid/x", NULL, NULL, false},
		{"ghcr.io/regid/s2-standalone:v0.75", "ghcr.io/regid/s2-standalone:v0.75",
		 "ghcr.io/regid/s2-standalone:v0.75", false},
		{"127.0.0.1:5000/x", "127.0.0.1:5000/x:latest", "127.0.0.1:5000/x:latest", false},
		{"host:5000/x:y", "host:5000/x:y", "host:5000/x:y", false},
		{"[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest", false},
		{"[fd00:1:2::3]/x", "[fd00:1:2::3]/x:latest", "[fd00:1:2::3]/x:latest", false},
		{"UPPER.example/x", "UPPER.example/x:latest", "UPPER.example/x:latest", false},
		{"Upper/x", "Upper/x:latest", "Upper/x:latest", false},
		{"debian@" DIGEST, "docker.io/library/debian@" DIGEST, "debian@" DIGEST, true},
		{"debian:1@" DIGEST, "docker.io/library/debian:1@" DIGEST, "debian:1@" DIGEST, true},
		{"a__b/c-d.e---f_g:A_b.C-d", "docker.io/a__b/c-d.e---f_g:A_b.C-d", "a__b/c-d.e---f_g:A_b.C-d", true},
		{"debian:1..2", "docker.io/library/debian:1..2", "debian:1..2", true},
		{"host:5000", "docker.io/library/host:5000", "host:5000", true},
		{HEX "0", "docker.io/library/" HEX "0:latest", HEX "0:latest", true},
		{"x/" HEX, "docker.io/x/" HEX ":latest", "x/" HEX ":latest", true},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_reference struct reference reference = {0};
		struct error err = {0};
		if (!rows[i].full) {
			assert_int_equal(reference_parse(rows[i].text, &reference, &err), -1);
			continue;
		}
		if (reference_parse(rows[i].text, &reference, &err) < 0)
			fail_msg("%s: %s", rows[i].text, err.message);
		cleanup_free char *full = reference_text(&reference);
		cleanup_free char *familiar = reference_familiar_text(&reference);
		assert_string_equal(full, rows[i].full);
		assert_string_equal(familiar, rows[i].familiar);
		assert_int_equal(reference.domain_is_implied, rows[i].implied);
		/* What is printed can be read again. */
		cleanup_reference struct reference again = {0};
		assert_int_equal(reference_parse(familiar, &again, &err), 0);
		cleanup_free char *full_again = reference_text(&again);
		assert_string_equal(full_again, full);
	}
}

static void bad_names(void **state)
{
	(void)state;
#define INVALID "invalid reference format"
	static const char *const rows[][2] = {
		{"", INVALID},
		{"Foo", "invalid reference format: repository name (library/Foo) must be lowercase"},
		{"ghcr.io/REGID/s2:v1", "invalid reference format: repository name (REGID/s2) must be lowercase"},
		{"user/App:1", "invalid reference format: repository name (user/App) must be lowercase"},
		{HEX, "invalid repository name (" HEX "), cannot specify 64-byte hexadecimal strings"},
		{":tag", INVALID},
		{"a:", INVALID},
		{"a:.x", INVALID},
		{"a:x/y", INVALID},
		{"a b", INVALID},
		{"a@", INVALID},
		{"a@sha256:12", INVALID},
		{"a@" DIGEST ":tag", INVALID},
		{"@" DIGEST, INVALID},
		{"-a", INVALID},
		{"a-", INVALID},
		{"a..b", INVALID},
		{"a___b", INVALID},
		{"a//b", INVALID},
		{"/a", INVALID},
		{"a/", INVALID},
		{"a/../b", INVALID},
		{"../a", INVALID},
		{"host:port/x", INVALID},
		{"host:/x", INVALID},
		{"-h.com/x", INVALID},
		{"h-.com/x", INVALID},
		{"a_b.com/x", INVALID},
		{"[::1/x", INVALID},
		{"[]/x", INVALID},
		{"http://x/y", INVALID},
		{"a\n", INVALID},
		{"caf\xc3\xa9", INVALID},
		{"a@md5:d41d8cd98f00b204e9800998ecf8427e", "unsupported digest algorithm"},
		{"a@sha256:0123456789abcdef0123456789abcdef", "invalid checksum digest length"},
		{"a@sha256:ABCDEF6789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		 "invalid checksum digest format"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct reference reference = {0};
		struct error err = {0};
		if (reference_parse(rows[i][0], &reference, &err) == 0)
			fail_msg("\"%s\" passed", rows[i][0]);
		assert_null(reference.path);
		bool is_digest = strstr(rows[i][1], "digest") != NULL;
		if (is_digest)
			assert_non_null(strstr(err.message, rows[i][1]));
		else
			assert_string_equal(err.message, rows[i][1]);
	}
}

static void limits(void **state)
{
	(void)state;
	char name[300] = "example.com/", tag[140];
	size_t start = strlen(name);
	memset(name + start, 'a', sizeof name - start);
	name[255] = '\0';
	cleanup_reference struct reference reference = {0};
	struct error err = {0};
	assert_int_equal(reference_parse(name, &reference, &err), 0);
	name[255] = 'a';
	name[256] = '\0';
	struct reference other = {0};
	assert_int_equal(reference_parse(name, &other, &err), -1);
	assert_string_equal(err.message, "repository name must not be more than 255 characters");
	memset(tag, 't', sizeof tag);
	tag[128] = '\0';
	assert_true(reference_tag_is_valid(tag));
	tag[128] = 't';
	tag[129] = '\0';
	assert_false(reference_tag_is_valid(tag));
	assert_false(reference_tag_is_valid(""));
	assert_false(reference_tag_is_valid("-a"));
	assert_true(reference_tag_is_valid("_a-B.c"));
	assert_true(reference_path_is_valid("a/b-c/d"));
	assert_false(reference_path_is_valid(""));
	assert_false(reference_path_is_valid("a/../b"));
	assert_false(reference_path_is_valid("A"));
}

static void familiar_names_from_the_store(void **state)
{
	(void)state;
	static const char *const rows[][2] = {{"docker.io/library/debian", "debian"},
					      {"docker.io/user/app", "user/app"},
					      {"ghcr.io/library/x", "ghcr.io/library/x"}};
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		cleanup_free char *text = reference_familiarize(rows[i][0]);
		assert_string_equal(text, rows[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(limits),
		cmocka_unit_test(familiar_names_from_the_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
