/* RUN --mount: its text, and the cleaning of mount points in a tree that belongs to the step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "build/executor_mount.h"
#include "build/secret.h"

static const struct expansion no_variables = {.escape = '\\'};

static void expect_refused(const char *text, const char *message)
{
	CLEANUP(run_mount_release) struct run_mount mount = {0};
	struct error err = {0};
	assert_int_equal(run_mount_parse(text, &no_variables, &mount, &err), -1);
	assert_string_equal(err.message, message);
}

static void test_fields(void **state)
{
	CLEANUP(run_mount_release) struct run_mount mount = {0};
	assert_int_equal(run_mount_parse("type=cache,target=/c,id=x,sharing=locked,mode=0700,uid=7,gid=8,ro",
					 &no_variables, &mount, NULL),
			 0);
	assert_int_equal(mount.type, RUN_MOUNT_CACHE);
	assert_string_equal(mount.target, "/c");
	assert_int_equal(mount.sharing, RUN_MOUNT_LOCKED);
	assert_int_equal(mount.mode, 0700);
	assert_int_equal(mount.user, 7);
	assert_int_equal(mount.group, 8);
	assert_true(mount.read_only);
}

static void test_defaults(void **state)
{
	static const struct {
		const char *text;
		bool read_only;
	} cases[] = {{"target=/x", true},
		     {"target=/x,rw", false},
		     {"target=/x,readonly=false", false},
		     {"type=cache,target=/x", false},
		     {"type=tmpfs,target=/x", false},
		     {"type=secret,id=x", true}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		CLEANUP(run_mount_release) struct run_mount mount = {0};
		assert_int_equal(run_mount_parse(cases[i].text, &no_variables, &mount, NULL), 0);
		assert_int_equal(mount.read_only, cases[i].read_only);
	}
}

static void test_quotes_and_variables(void **state)
{
	struct string_list arguments = {0};
	string_list_add(&arguments, "WHERE=/there");
	struct expansion expansion = {.arguments = &arguments, .escape = '\\'};
	CLEANUP(run_mount_release) struct run_mount mount = {0};
	assert_int_equal(run_mount_parse("\"source=a,b\",target=$WHERE", &expansion, &mount, NULL), 0);
	assert_string_equal(mount.source, "a,b");
	assert_string_equal(mount.target, "/there");
	string_list_release(&arguments);
}

static void test_refusals(void **state)
{
	expect_refused("type=bnd,target=/x", "unsupported mount type \"bnd\" (did you mean bind?)");
	expect_refused("target=/x,bind-propagation=shared",
		       "unexpected key 'bind-propagation' in 'bind-propagation=shared'");
	expect_refused("target=/x,sorce=y", "unexpected key 'sorce' in 'sorce=y' (did you mean source?)");
	expect_refused("target=/x,size=1m", "unexpected key 'size' for mount type 'bind'");
	expect_refused("target=/x,mode=0700", "mode not allowed for \"bind\" type mounts");
	expect_refused("target=/x,nothing", "invalid field 'nothing' must be a key=value pair");
	expect_refused("type=secret", "invalid secret mount. one of source, target required");
	expect_refused("type=secret,id=x,source=y", "both source and id can't be set");
	expect_refused("type=cache,target=/x,sharing=lokced",
		       "unsupported sharing value \"lokced\" (did you mean locked?)");
	expect_refused("type=cache,target=/x,mode=9", "invalid value 9 for mode");
	expect_refused("type=tmpfs,target=/x,size=-1", "invalid value for size: -1");
}

static void test_from_takes_no_variable(void **state)
{
	CLEANUP(run_mount_release) struct run_mount mount = {0};
	struct error err = {0};
	assert_int_equal(run_mount_parse("from=$X,target=/x", NULL, &mount, &err), -1);
	assert_string_equal(err.message, "'$X' doesn't support variable expansion, define alias stage instead");
}

static void make_file(int folder, const char *name)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

/* CVE-2024-23652: the step puts a link to a folder of the host where its mount point was. */
static void test_a_link_is_not_followed(void **state)
{
	char path[] = "/tmp/coracle-mount.XXXXXX";
	assert_non_null(mkdtemp(path));
	int top = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(top, "host", 0700), 0);
	assert_int_equal(mkdirat(top, "upper", 0700), 0);
	assert_int_equal(mkdirat(top, "upper/clean", 0700), 0);
	int host = openat(top, "host", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int upper = openat(top, "upper", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	make_file(host, "canary");
	make_file(upper, "clean/stub");
	cleanup_free char *absolute = format_string("%s/host", path);
	assert_int_equal(symlinkat(absolute, upper, "absolute"), 0);
	assert_int_equal(symlinkat("../host", upper, "relative"), 0);
	assert_int_equal(symlinkat("/nowhere", upper, "last"), 0);
	struct step_mount items[] = {
		{.target = (char[]){"/absolute/canary"}, .first_missing = (char[]){"/absolute"}},
		{.target = (char[]){"/relative/canary"}, .first_missing = (char[]){"/relative"}},
		{.target = (char[]){"/last"}, .first_missing = (char[]){"/last"}},
		{.target = (char[]){"/clean/stub"}, .first_missing = (char[]){"/clean"}},
	};
	struct step_mounts mounts = {.items = items, .count = ARRAY_SIZE(items)};
	assert_int_equal(step_mounts_clean(&mounts, upper, NULL), 0);
	assert_int_equal(faccessat(host, "canary", F_OK, 0), 0);
	struct stat status;
	assert_int_equal(fstatat(upper, "last", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(upper, "absolute", &status, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(fstatat(upper, "clean", &status, AT_SYMLINK_NOFOLLOW), -1);
	close(host);
	close(upper);
	close(top);
	assert_int_equal(remove_tree_at(AT_FDCWD, path, NULL), 0);
}

static void test_secrets(void **state)
{
	struct string_list secrets = {0};
	string_list_add(&secrets, "id=one,env=CORACLE_TEST_SECRET");
	CLEANUP(secret_release) struct buffer text = BUFFER_INIT(SECRET_SIZE_LIMIT);
	setenv("CORACLE_TEST_SECRET", "hidden", 1);
	assert_int_equal(secret_check(&secrets, NULL), 0);
	assert_int_equal(secret_read(&secrets, "other", &text, NULL), 0);
	assert_int_equal(secret_read(&secrets, "one", &text, NULL), 1);
	assert_string_equal(buffer_text(&text), "hidden");
	static const char *const wrong[] = {"", "src=x", "id", "id=x,type=cloud", "id=x,typ=file"};
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct string_list list = {0};
		string_list_add(&list, wrong[i]);
		assert_int_equal(secret_check(&list, NULL), -1);
		string_list_release(&list);
	}
	string_list_release(&secrets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_quotes_and_variables),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_from_takes_no_variable),
		cmocka_unit_test(test_a_link_is_not_followed),
		cmocka_unit_test(test_secrets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
