/* Whose process: rows 24, 25 and 27. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "runtime/capability.h"
#include "runtime/user.h"
#include "sandbox.h"

static struct user user;
static struct error err;

static int resolve(struct sandbox *sandbox, const char *text)
{
	memset(&err, 0, sizeof err);
	return user_resolve(sandbox->layer_fd, text, &sandbox->spec.groups, &user, &err);
}

static void names_and_numbers(void **state)
{
	struct sandbox *sandbox = *state;
	static const struct {
		const char *text;
		unsigned uid, gid, groups;
		const char *home;
	} cases[] = {
		{"", 0, 0, 2, "/root"},
		{"root", 0, 0, 2, "/root"},
		{"cook", 1000, 1001, 2, "/home/cook"},
		{"1000", 1000, 1001, 2, "/home/cook"},
		{"1000:5", 1000, 5, 1, "/home/cook"},
		{"cook:audio", 1000, 29, 1, "/home/cook"},
		{"5000", 5000, 0, 1, "/"},
		{"5000:77", 5000, 77, 1, "/"},
		{"2147483647", 2147483647, 0, 1, "/"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (resolve(sandbox, cases[i].text) < 0)
			fail_msg("%s: %s", cases[i].text, err.message);
		assert_int_equal(user.uid, cases[i].uid);
		assert_int_equal(user.gid, cases[i].gid);
		assert_int_equal(user.group_count, cases[i].groups);
		assert_string_equal(user.home, cases[i].home);
		/* Row 25: the primary group is among the supplementary ones. */
		assert_int_equal(user.groups[0], user.gid);
	}
}

static void refused(void **state)
{
	struct sandbox *sandbox = *state;
	static const char *const texts[] = {
		"4294967296",
		"2147483648",
		"4294967295",
		"99999999999999999999999999",
		"1000:",
		":5",
		":",
		"-1",
		"+1",
		"-0",
		"1a",
		"0x0",
		"1000:-1",
		"1000:4294967296",
		"cook:2147483648",
		"1:2:3",
		"cook:ghost",
		"ghost",
		"broken",
		" 0",
		"0 ",
		"root\n",
		"cook:root:",
		"1000:1a",
	};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (resolve(sandbox, texts[i]) == 0)
			fail_msg("\"%s\" became uid %u", texts[i], user.uid);
		assert_int_equal(err.kind, ERROR_INVALID);
	}
	assert_int_equal(resolve(sandbox, "1a"), -1);
	assert_string_equal(err.message, "unable to find user 1a: no matching entries in passwd file");
	assert_int_equal(resolve(sandbox, "cook:ghost"), -1);
	assert_string_equal(err.message, "unable to find group ghost: no matching entries in group file");
	char longer[600];
	memset(longer, 'a', sizeof longer);
	longer[599] = '\0';
	assert_int_equal(resolve(sandbox, longer), -1);
}

static void odd_files(void **state)
{
	struct sandbox *sandbox = *state;
	/* Entries that are not whole, or out of range, are none: they never become uid 0. */
	sandbox_write(sandbox, "etc/passwd",
		      "\n:::\nshort:x:1\na:x:-5:0::/:\nb:x:4294967296:0::/:\nc:x:1:4294967296::/:\n"
		      "d:x::0::/:\ne:x: 7:0::/:\nlast:x:9:9::/last");
	static const char *const texts[] = {"short", "a", "b", "c", "d", "e"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(resolve(sandbox, texts[i]), -1);
	assert_int_equal(resolve(sandbox, "last"), 0);
	assert_int_equal(user.uid, 9);
	assert_string_equal(user.home, "/last");
	/* No files: numbers work. */
	sandbox_remove(sandbox, "etc");
	assert_int_equal(resolve(sandbox, ""), 0);
	assert_string_equal(user.home, "/");
	assert_int_equal(resolve(sandbox, "7:8"), 0);
	assert_int_equal(resolve(sandbox, "root"), -1);
}

/* Row 27: a pipe, a device, a giant. */
static void hostile_files(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_remove(sandbox, "etc/passwd");
	assert_int_equal(mkfifoat(sandbox->layer_fd, "etc/passwd", 0644), 0);
	assert_int_equal(resolve(sandbox, "cook"), -1);
	assert_non_null(strstr(err.message, "not a regular file"));
	sandbox_remove(sandbox, "etc/passwd");
	sandbox_link(sandbox, "/dev/zero", "etc/passwd");
	assert_int_equal(resolve(sandbox, "cook"), -1);
	sandbox_remove(sandbox, "etc/passwd");
	/* A link out of the root leads to nowhere, not to the host's file. */
	sandbox_link(sandbox, "../../../../../../etc/passwd", "etc/passwd");
	assert_int_equal(resolve(sandbox, "daemon"), -1);
	sandbox_remove(sandbox, "etc/passwd");
	sandbox_write(sandbox, "etc/passwd", "cook:x:1000:1001::/:\n");
	int fd = openat(sandbox->layer_fd, "etc/group", O_WRONLY | O_CLOEXEC);
	assert_int_equal(ftruncate(fd, 1 << 30), 0);
	close(fd);
	assert_int_equal(resolve(sandbox, "cook"), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

static void capability_names(void **state)
{
	uint64_t bits = 0;
	assert_int_equal(capability_parse("NET_ADMIN", &bits, &err), 0);
	assert_int_equal(bits, 1 << 12);
	assert_int_equal(capability_parse("cap_Sys_Admin", &bits, &err), 0);
	assert_int_equal(bits, 1 << 21);
	assert_int_equal(capability_parse("all", &bits, &err), 0);
	assert_int_equal(bits, capability_all());
	assert_true((bits & CAPABILITY_DEFAULT_SET) == CAPABILITY_DEFAULT_SET);
	static const char *const wrong[] = {"", "CAP_", "NET", "CAP_CAP_CHOWN", "CHOWN ", "CAP_ALL"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		bits = 5;
		assert_int_equal(capability_parse(wrong[i], &bits, &err), -1);
		assert_int_equal(bits, 5);
	}
	assert_int_equal(capability_parse("FLY", &bits, &err), -1);
	assert_string_equal(err.message, "invalid capability: \"FLY\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SANDBOX_TEST(function) cmocka_unit_test_setup_teardown(function, sandbox_setup, sandbox_teardown)
		SANDBOX_TEST(names_and_numbers),
		SANDBOX_TEST(refused),
		SANDBOX_TEST(odd_files),
		SANDBOX_TEST(hostile_files),
		cmocka_unit_test(capability_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
