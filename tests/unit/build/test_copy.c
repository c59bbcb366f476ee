/* COPY and ADD: where things go, what they keep, and that nothing leaves the target or the context. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/compression.h"
#include "archive/layer.h"
#include "base/fd.h"
#include "build/owner.h"
#include "support.h"

static int set_up(void **state)
{
	struct fixture *fixture = allocate(sizeof *fixture);
	fixture_open(fixture);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	fixture_close(*state);
	free(*state);
	return 0;
}

static void test_destinations(void **state)
{
	struct fixture *fixture = *state;
	static const struct {
		const char *lines, *path, *content;
	} cases[] = {
		{"COPY a /x", "x", "A"},
		{"COPY a /x/", "x/a", "A"},
		{"COPY a /x/y/z", "x/y/z", "A"},
		{"COPY a .", "a", "A"},
		{"WORKDIR /w\nCOPY a x", "w/x", "A"},
		{"WORKDIR /w\nCOPY a .", "w/a", "A"},
		{"WORKDIR /w\nCOPY a ../x", "x", "A"},
		{"WORKDIR /w\nCOPY a /w", "w/a", "A"},
		{"COPY a b /x/", "x/b", "B"},
		{"COPY ? /x/", "x/b", "B"},
		{"COPY d/[m-z] /x/", "x/n", "N"},
		{"COPY --parents d/n d/sub /x/", "x/d/n", "N"},
		{"COPY --parents d/n d/sub /x", "x/d/sub/m", "M"},
		{"COPY --parents d/*/m /x/", "x/d/sub/m", "M"},
		{"COPY --parents ./d/./sub /x/", "x/sub/m", "M"},
		{"COPY --parents d/./sub/m a /x/", "x/a", "A"},
		{"COPY --parents ?/./*/m /x/", "x/sub/m", "M"},
		{"COPY --parents d/./ /x/", "x/n", "N"},
		{"COPY --link a /x/y", "x/y", "A"},
		{"COPY --link --parents d/n /x/", "x/d/n", "N"},
		{"COPY [a-d]/n /x", "x", "N"},
		{"COPY none* a /x/", "x/a", "A"},
		{"COPY d /x", "x/n", "N"},
		{"COPY d /x/", "x/sub/m", "M"},
		{"COPY d/ .", "sub/m", "M"},
		{"COPY [\"with space\", \"/x y\"]", "x y", "S"},
		{"COPY ./a /x", "x", "A"},
		{"COPY /a /x", "x", "A"},
		{"COPY ../a /x", "x", "A"},
		{"COPY link /x", "x", "A"},
		{"COPY dlink /x", "x/n", "N"},
		{"COPY a /x\nCOPY b /x", "x", "B"},
		{"COPY d /x\nCOPY over /x", "x/n", "OVER"},
		{"COPY d /x\nCOPY over /x", "x/sub/m", "M"},
		{"COPY <<one <<two /x/\n1\none\n2\ntwo", "x/two", "2\n"},
		{"ENV V=v\nCOPY <<E /x\n$V\nE", "x", "v\n"},
		{"ENV V=v\nCOPY <<'E' /x\n$V\nE", "x", "$V\n"},
		{"ENV V=d\nCOPY $V/n /${V}x", "dx", "N"},
	};
	fixture_write(fixture, "a", "A");
	fixture_write(fixture, "b", "B");
	fixture_write(fixture, "d/n", "N");
	fixture_write(fixture, "d/sub/m", "M");
	fixture_write(fixture, "over/n", "OVER");
	fixture_write(fixture, "with space", "S");
	fixture_link(fixture, "link", "a");
	fixture_link(fixture, "dlink", "/d");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *text = format_string("FROM scratch\n%s\n", cases[i].lines);
		struct image image = fixture_must_build(fixture, text);
		cleanup_free char *content = fixture_read(fixture, &image, cases[i].path);
		if (strcmp(content, cases[i].content) != 0)
			fail_msg("%s: %s holds %s", cases[i].lines, cases[i].path, content);
	}
}

static struct stat status_of(struct fixture *fixture, const struct image *image, const char *path)
{
	cleanup_close int root = fixture_view(fixture, image);
	struct stat status;
	if (fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("no %s", path);
	return status;
}

static void test_metadata(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "d/tool", "x");
	fixture_write(fixture, "d/secret", "x");
	fixture_write(fixture, "passwd", "root:x:0:0::/:\napp:x:1234:55::/:\n");
	fixture_write(fixture, "group", "root:x:0:\nstaff:x:77:app\n");
	fixture_link(fixture, "d/away", "/nowhere/at/all");
	cleanup_free char *tool = format_string("%s/d/tool", fixture->context);
	cleanup_free char *other = format_string("%s/d/other", fixture->context);
	struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	assert_int_equal(chmod(tool, 04755), 0);
	assert_int_equal(chown(tool, 7, 7), 0);
	assert_int_equal(chmod(tool, 04755), 0);
	assert_int_equal(link(tool, other), 0);
	assert_int_equal(utimensat(AT_FDCWD, tool, times, 0), 0);
	struct image image =
		fixture_must_build(fixture, "FROM scratch AS s\nCOPY passwd group /etc/\nCOPY d /k\n"
					    "COPY --chown=app:staff d /o/p\nCOPY --chown=app d/secret /o/q\n"
					    "COPY --chown=5:6 --chmod=0640 d/tool /o/r\n"
					    "FROM scratch\nCOPY --from=s / /\n");
	struct stat status = status_of(fixture, &image, "k/tool");
	assert_int_equal(status.st_mode & 07777, 04755);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_mtim.tv_sec, 1000000);
	assert_int_equal(status.st_nlink, 2);
	assert_int_equal(status.st_ino, status_of(fixture, &image, "k/other").st_ino);
	assert_true(S_ISLNK(status_of(fixture, &image, "k/away").st_mode));
	status = status_of(fixture, &image, "o/p/tool");
	assert_int_equal(status.st_uid, 1234);
	assert_int_equal(status.st_gid, 77);
	assert_int_equal(status.st_mode & 07777, 04755);
	assert_int_equal(status_of(fixture, &image, "o").st_uid, 1234);
	assert_int_equal(status_of(fixture, &image, "o").st_mode & 07777, 0755);
	assert_int_equal(status_of(fixture, &image, "o/p/away").st_uid, 1234);
	status = status_of(fixture, &image, "o/q");
	assert_int_equal(status.st_gid, 1234);
	status = status_of(fixture, &image, "o/r");
	assert_int_equal(status.st_uid, 5);
	assert_int_equal(status.st_gid, 6);
	assert_int_equal(status.st_mode & 07777, 0640);
}

/* The target's links lead where a container would be led, and never to the host. */
static void test_links_in_the_target(void **state)
{
	struct fixture *fixture = *state;
	cleanup_free char *canary = format_string("%s/canary", fixture->folder);
	assert_int_equal(mkdir(canary, 0755), 0);
	cleanup_free char *file = format_string("%s/canary/file", fixture->folder);
	cleanup_close int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write_full(fd, "alive", 5, NULL), 0);
	fixture_write(fixture, "a", "A");
	fixture_link(fixture, "base/dir", canary);
	fixture_link(fixture, "base/up", "../../../../../../../../../..");
	fixture_link(fixture, "base/leaf", file);
	fixture_link(fixture, "base/lib", "usr/lib");
	fixture_write(fixture, "base/usr/lib/x", "x");
	fixture_write(fixture, "tree/lib/y", "Y");
	cleanup_free char *in_image = duplicate_string(canary + 1);
	cleanup_free char *text =
		format_string("FROM scratch\nCOPY base /\nCOPY <<E /%s/keep\nE\nCOPY a /dir/file\nCOPY a /leaf\n"
			      "COPY a /up/top\nWORKDIR /dir/made\nCOPY tree /\n",
			      in_image);
	struct image image = fixture_must_build(fixture, text);
	static const struct {
		const char *path, *content;
	} cases[] = {{"up/top", "A"}, {"top", "A"}, {"usr/lib/y", "Y"}, {"lib/x", "x"}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *content = fixture_read(fixture, &image, cases[i].path);
		assert_string_equal(content, cases[i].content);
	}
	cleanup_free char *inside = format_string("%s/file", in_image);
	cleanup_free char *content = fixture_read(fixture, &image, inside);
	assert_string_equal(content, "A");
	cleanup_buffer struct buffer alive = BUFFER_INIT(0);
	assert_int_equal(read_file_at(AT_FDCWD, file, 100, &alive, NULL), 0);
	assert_string_equal(buffer_text(&alive), "alive");
	cleanup_free char *made = format_string("%s/made", canary);
	assert_int_equal(access(made, F_OK), -1);
}

/* --link makes the same layer on any base: a link of the base is not gone through, but replaced. */
static void test_link(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "a", "A");
	fixture_write(fixture, "base/usr/lib/x", "x");
	fixture_link(fixture, "base/lib", "usr/lib");
	struct image on_base = fixture_must_build(fixture, "FROM scratch\nCOPY base /\nCOPY --link a /lib/a\n");
	struct image alone = fixture_must_build(fixture, "FROM scratch\nCOPY --link a /lib/a\n");
	cleanup_free char *absent = fixture_read(fixture, &on_base, "usr/lib/a");
	cleanup_free char *present = fixture_read(fixture, &on_base, "lib/a");
	assert_string_equal(absent, "(absent)");
	assert_string_equal(present, "A");
	cleanup_image_config struct image_config base_config = fixture_config(fixture, &on_base);
	cleanup_image_config struct image_config alone_config = fixture_config(fixture, &alone);
	assert_string_equal(base_config.diff_ids[1].text, alone_config.diff_ids[0].text);
	assert_non_null(strstr(fixture->output, "CACHED"));
	/* A name is looked up in the base, and then the base counts. */
	fixture_write(fixture, "base/etc/passwd", "app:x:1234:55::/:\n");
	struct image owned =
		fixture_must_build(fixture, "FROM scratch\nCOPY base /\nCOPY --link --chown=app a /lib/a\n");
	assert_int_equal(status_of(fixture, &owned, "lib/a").st_uid, 1234);
}

static void test_parents(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "d/sub/m", "M");
	fixture_write(fixture, "d/sub/n", "N");
	cleanup_free char *folder = format_string("%s/d", fixture->context);
	struct timespec times[2] = {{.tv_sec = 1000000}, {.tv_sec = 1000000}};
	assert_int_equal(chmod(folder, 0711), 0);
	assert_int_equal(utimensat(AT_FDCWD, folder, times, 0), 0);
	struct image image = fixture_must_build(
		fixture, "FROM scratch\nCOPY --parents --chown=7:8 d/sub/m d/sub/n /x/\nCOPY --parents *none* /x/\n");
	struct stat status = status_of(fixture, &image, "x/d");
	assert_int_equal(status.st_mode & 07777, 0711);
	assert_int_equal(status.st_uid, 7);
	assert_int_equal(status.st_mtim.tv_sec, 1000000);
	assert_int_equal(status_of(fixture, &image, "x/d/sub/n").st_gid, 8);
}

static void test_ignore_file(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, ".dockerignore", "*\n!src\nsrc/*.o\n!src/keep.o\n");
	fixture_write(fixture, "top", "x");
	fixture_write(fixture, "src/a.c", "C");
	fixture_write(fixture, "src/b.o", "O");
	fixture_write(fixture, "src/keep.o", "K");
	fixture_link(fixture, "alias", "src");
	static const char text[] = "FROM scratch\nCOPY . /x\nRUN y\n";
	struct image image = fixture_must_build(fixture, text);
	static const struct {
		const char *path, *content;
	} cases[] = {
		{"x/src/a.c", "C"},    {"x/src/b.o", "(absent)"},    {"x/src/keep.o", "K"},
		{"x/top", "(absent)"}, {"x/Dockerfile", "(absent)"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_free char *content = fixture_read(fixture, &image, cases[i].path);
		assert_string_equal(content, cases[i].content);
	}
	/* What is ignored changes no key. */
	fixture_write(fixture, "src/b.o", "changed");
	fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 1);
	fixture_write(fixture, "src/keep.o", "changed");
	fixture_must_build(fixture, text);
	assert_int_equal(fixture->runs, 2);
	/* Through a link, what is ignored stays so. */
	image = fixture_must_build(fixture, "FROM scratch\nCOPY alias /x\n");
	cleanup_free char *content = fixture_read(fixture, &image, "x/b.o");
	assert_string_equal(content, "(absent)");
}

static void write_archive(struct fixture *fixture, const char *name, enum compression kind)
{
	cleanup_free char *tree = format_string("%s/context/tree", fixture->folder);
	cleanup_free char *path = format_string("%s/context/%s", fixture->folder, name);
	cleanup_close int from = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int to = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	struct sink file = sink_to_fd(&to);
	struct compressor *compressor = NULL;
	assert_int_equal(compressor_new(kind, &file, &compressor, NULL), 0);
	struct sink sink = compressor_sink(compressor);
	struct layer_diff_options options = {.form = LAYER_FORM_TREE};
	struct layer_totals totals;
	assert_int_equal(layer_diff(from, &options, &sink, &totals, NULL), 0);
	assert_int_equal(compressor_finish(compressor, NULL), 0);
	compressor_free(compressor);
}

static void test_archives(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "tree/in/file", "F");
	fixture_write(fixture, "tree/top", "T");
	fixture_write(fixture, "not.tar", "this is no archive");
	fixture_write(fixture, "bad.tar.xz",
		      "\xfd"
		      "7zXZ");
	write_archive(fixture, "a.tar", COMPRESSION_NONE);
	write_archive(fixture, "a.tgz", COMPRESSION_GZIP);
	write_archive(fixture, "a.tar.zst", COMPRESSION_ZSTD);
	static const char *const names[] = {"a.tar", "a.tgz", "a.tar.zst"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		cleanup_free char *text = format_string(
			"FROM scratch\nCOPY <<E /x/in/old\nold\nE\nADD %s /x\nCOPY %s /kept/\nADD not.tar /y/\n",
			names[i], names[i]);
		struct image image = fixture_must_build(fixture, text);
		cleanup_free char *file = fixture_read(fixture, &image, "x/in/file");
		cleanup_free char *old = fixture_read(fixture, &image, "x/in/old");
		cleanup_free char *plain = fixture_read(fixture, &image, "y/not.tar");
		assert_string_equal(file, "F");
		assert_string_equal(old, "old\n");
		assert_string_equal(plain, "this is no archive");
		cleanup_free char *kept = format_string("kept/%s", names[i]);
		assert_true(S_ISREG(status_of(fixture, &image, kept).st_mode));
	}
	struct image image;
	/* Its first bytes alone make no archive. */
	image = fixture_must_build(fixture, "FROM scratch\nADD bad.tar.xz /x\n");
	assert_true(S_ISREG(status_of(fixture, &image, "x").st_mode));
}

static void test_owners(void **state)
{
	struct fixture *fixture = *state;
	fixture_write(fixture, "etc/passwd",
		      "root:x:0:0::/:\napp:x:10:20::/:\nbad:x:-1:0::/:\nbig:x:4294967296:0::/:\n");
	fixture_write(fixture, "etc/group", "g:x:30:\n");
	cleanup_close int root = open(fixture->context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	static const struct {
		const char *text;
		int64_t user, group; /* -1: refused */
	} cases[] = {
		{"0", 0, 0},
		{"5", 5, 5},
		{"5:6", 5, 6},
		{"app", 10, 10},
		{"app:g", 10, 30},
		{"2147483647", INT32_MAX, INT32_MAX},
		{"2147483648", -1, -1},
		{"4294967296", -1, -1},
		{"1000:", -1, -1},
		{":5", -1, -1},
		{"-1", -1, -1},
		{"1a", -1, -1},
		{"", -1, -1},
		{"nobody", -1, -1},
		{"app:none", -1, -1},
		{"bad", -1, -1},
		{"big", -1, -1},
		{"1:2:3", -1, -1},
		{"99999999999999999999", -1, -1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct owner owner;
		int result = owner_resolve(root, cases[i].text, &owner, NULL);
		assert_int_equal(result, cases[i].user < 0 ? -1 : 0);
		if (result == 0 && (owner.user != cases[i].user || owner.group != cases[i].group))
			fail_msg("%s gave %u:%u", cases[i].text, owner.user, owner.group);
	}
	/* A FIFO in the place of passwd neither hangs nor counts. */
	cleanup_free char *path = format_string("%s/etc/passwd", fixture->context);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0644), 0);
	struct owner owner;
	assert_int_equal(owner_resolve(root, "app", &owner, NULL), -1);
}

static void test_remote_files(void **state)
{
	struct fixture *fixture = *state;
	fixture->web = "text";
	struct image image = fixture_must_build(fixture, "FROM scratch\nADD https://a.test/b/c%20d?e /x/\n"
							 "ADD https://a.test/b/ /named\nADD https://a.test /y/\n"
							 "ADD --chown=7:8 --chmod=755 http://a.test/b /z\n");
	cleanup_close int root = fixture_view(fixture, &image);
	static const struct {
		const char *path;
		mode_t mode;
		uid_t user;
	} files[] = {{"x/c d", 0600, 0}, {"named", 0600, 0}, {"y/__unnamed__", 0600, 0}, {"z", 0755, 7}};
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct stat status;
		assert_int_equal(fstatat(root, files[i].path, &status, AT_SYMLINK_NOFOLLOW), 0);
		assert_int_equal(status.st_mode & 07777, files[i].mode);
		assert_int_equal(status.st_uid, files[i].user);
		assert_int_equal(status.st_mtime, 1000000000);
		assert_int_equal(status.st_size, 4);
	}
	assert_int_equal(fixture->fetches, 4);
	/* The same bytes from another host are the same step, and the server is asked each time, */
	struct image other;
	const char *with_sum = "FROM scratch\nARG SUM\nADD --checksum=$SUM https://a.test/b/c /x\n";
	fixture_must_build(fixture, "FROM scratch\nADD https://other.test/c%20d /x/\n");
	assert_non_null(strstr(fixture->output, "CACHED"));
	assert_int_equal(fixture->fetches, 5);
	/* but for a sum that is known here, from this URL. */
	struct digest digest;
	digest_of_bytes("text", 4, &digest);
	cleanup_free char *argument = format_string("SUM=%s", digest.text);
	string_list_add(&fixture->options.build_arguments, argument);
	fixture->options.no_cache = true;
	image = fixture_must_build(fixture, with_sum);
	assert_int_equal(fixture->fetches, 6);
	fixture->web = NULL;
	other = fixture_must_build(fixture, with_sum);
	assert_int_equal(fixture->fetches, 6);
	struct image_config first = fixture_config(fixture, &image), second = fixture_config(fixture, &other);
	assert_string_equal(first.diff_ids[0].text, second.diff_ids[0].text);
	image_config_release(&first);
	image_config_release(&second);
}

int main(void)
{
	if (geteuid() != 0)
		return 77;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_destinations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_metadata, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_links_in_the_target, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_parents, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ignore_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_archives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_owners, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_remote_files, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
