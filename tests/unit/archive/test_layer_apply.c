#include "layer_test.h"

#include <locale.h>
#include <stdio.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static void kinds_of_entries(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, (struct tar_member){.name = "./", .type = '5', .mode = 0711, .time = 5});
	tar_add(&scene->tar,
		(struct tar_member){.name = "./d/", .type = '5', .mode = 02750, .uid = 7, .gid = 8, .time = 10});
	tar_add(&scene->tar, (struct tar_member){.name = "/d/f",
						 .type = '0',
						 .bytes = "hello",
						 .size = 5,
						 .mode = 04755,
						 .uid = 1000,
						 .gid = 1001,
						 .time = 20});
	tar_add(&scene->tar, (struct tar_member){.name = "d/mine", .type = '0', .time = 21});
	tar_add(&scene->tar, TAR_LINK("d/l", "/etc/passwd"));
	tar_add(&scene->tar, TAR_HARD_LINK("h", "./d/f"));
	tar_add(&scene->tar,
		(struct tar_member){.name = "null", .type = '3', .device_major = 1, .device_minor = 3, .mode = 0666});
	tar_add(&scene->tar,
		(struct tar_member){.name = "disk", .type = '4', .device_major = 8, .device_minor = 1, .mode = 0660});
	tar_add(&scene->tar, (struct tar_member){.name = "fifo", .type = '6', .mode = 0622, .uid = 3});
	apply_ok(scene);
	assert_file(scene, "d/f", "hello");
	struct stat file = status_of(scene, "d/f"), folder = status_of(scene, "d"), link = status_of(scene, "d/l");
	assert_int_equal(file.st_mode, S_IFREG | 04755);
	assert_int_equal(file.st_uid, 1000);
	assert_int_equal(file.st_gid, 1001);
	assert_int_equal(file.st_nlink, 2);
	assert_int_equal(file.st_ino, status_of(scene, "h").st_ino);
	assert_int_equal(file.st_mtim.tv_sec, 20);
	assert_int_equal(folder.st_mode, S_IFDIR | 02750);
	assert_int_equal(folder.st_uid, 7);
	assert_int_equal(folder.st_mtim.tv_sec, 10);
	/* A setgid folder does not give its group to what an archive puts in. */
	assert_int_equal(status_of(scene, "d/mine").st_gid, 0);
	assert_true(S_ISLNK(link.st_mode));
	assert_int_equal(link.st_gid, 0);
	assert_int_equal(status_of(scene, "null").st_rdev, makedev(1, 3));
	assert_int_equal(status_of(scene, "null").st_mode, S_IFCHR | 0666);
	assert_int_equal(status_of(scene, "disk").st_mode, S_IFBLK | 0660);
	assert_int_equal(status_of(scene, "fifo").st_mode, S_IFIFO | 0622);
	assert_int_equal(status_of(scene, "fifo").st_uid, 3);
	assert_int_equal(status_of(scene, ".").st_mode, S_IFDIR | 0711);
	assert_int_equal(status_of(scene, ".").st_mtim.tv_sec, 5);
}

static void missing_parents_are_made(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FILE("a/b/c/f", "x"));
	tar_add(&scene->tar, TAR_FILE("a//b/./g", "y"));
	apply_ok(scene);
	assert_file(scene, "a/b/c/f", "x");
	assert_file(scene, "a/b/g", "y");
	assert_int_equal(status_of(scene, "a/b").st_mode, S_IFDIR | 0755);
}

static void later_entries_replace(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FILE("twice", "old"));
	tar_add(&scene->tar, TAR_HARD_LINK("other", "twice"));
	tar_add(&scene->tar, TAR_FILE("twice", "new"));
	tar_add(&scene->tar, TAR_FILE("d/deep/f", "x"));
	tar_add(&scene->tar, TAR_FILE("d", "a file now"));
	tar_add(&scene->tar, TAR_FILE("f", "x"));
	tar_add(&scene->tar, TAR_FOLDER("f"));
	tar_add(&scene->tar, TAR_FILE("f/in", "y"));
	tar_add(&scene->tar, (struct tar_member){.name = "f", .type = '5', .mode = 0700});
	tar_add(&scene->tar, TAR_LINK("l", "f"));
	tar_add(&scene->tar, TAR_FILE("l", "no link"));
	tar_add(&scene->tar, TAR_LINK("m", "f"));
	tar_add(&scene->tar, TAR_FOLDER("m"));
	tar_add(&scene->tar, TAR_HARD_LINK("self", "other"));
	tar_add(&scene->tar, TAR_HARD_LINK("self", "self"));
	apply_ok(scene);
	assert_file(scene, "twice", "new");
	assert_file(scene, "other", "old");
	assert_file(scene, "d", "a file now");
	assert_file(scene, "f/in", "y");
	assert_int_equal(status_of(scene, "f").st_mode, S_IFDIR | 0700);
	assert_file(scene, "l", "no link");
	assert_true(S_ISDIR(status_of(scene, "m").st_mode));
	assert_file(scene, "self", "old");
}

static void names_are_bytes(void **state)
{
	struct scene *scene = *state;
	char long_name[901];
	for (size_t i = 0; i < 900; i++)
		long_name[i] = i % 100 == 99 ? '/' : 'n';
	long_name[899] = 'n';
	long_name[900] = '\0';
	/* "e" and a combining accent: a reader that composes Unicode makes another name of it. */
	struct pax_record decomposed = {"path", "e\xcc\x81", 3};
	struct pax_record latin[] = {{"hdrcharset", "BINARY", 6}, {"path", "caf\xe9", 4}};
	struct pax_record wrong = {"path", "wrong\xff", 6};
	struct pax_record deep = {"path", long_name, 900};
	struct pax_record target = {"linkpath", "gr\xc3\xbc\xc3\x9f", 6};
	tar_add(&scene->tar, TAR_FILE("\xc3\xbc-ustar", "1"));
	tar_add(&scene->tar, TAR_FILE("\xfc-ustar", "2"));
	tar_add_pax(&scene->tar, &decomposed, 1);
	tar_add(&scene->tar, TAR_FILE("x", "3"));
	tar_add_pax(&scene->tar, latin, 2);
	tar_add(&scene->tar, TAR_FILE("x", "4"));
	tar_add_pax(&scene->tar, &wrong, 1);
	tar_add(&scene->tar, TAR_FILE("x", "5"));
	tar_add_pax(&scene->tar, &deep, 1);
	tar_add(&scene->tar, TAR_FILE("x", "6"));
	tar_add_pax(&scene->tar, &target, 1);
	tar_add(&scene->tar, TAR_LINK("l", "x"));
	tar_add(&scene->tar,
		(struct tar_member){.name = "././@LongLink", .type = 'L', .bytes = "gn\xc3\xbc", .size = 5});
	tar_add(&scene->tar, TAR_FILE("x", "7"));
	apply_ok(scene);
	assert_file(scene, "\xc3\xbc-ustar", "1");
	assert_file(scene, "\xfc-ustar", "2");
	assert_file(scene, "e\xcc\x81", "3");
	assert_file(scene, "caf\xe9", "4");
	assert_file(scene, "wrong\xff", "5");
	assert_file(scene, long_name, "6");
	assert_file(scene, "gn\xc3\xbc", "7");
	char text[16] = "";
	assert_int_equal(readlinkat(scene->layer_fd, "l", text, sizeof text), 6);
	assert_string_equal(text, "gr\xc3\xbc\xc3\x9f");
}

/* Programs may set a locale; libarchive would then compose Unicode. */
static void names_are_bytes_in_any_locale(void **state)
{
	if (!setlocale(LC_ALL, "C.UTF-8"))
		skip();
	names_are_bytes(state);
	setlocale(LC_ALL, "C");
}

static void attributes_and_times(void **state)
{
	struct scene *scene = *state;
	static const char capability[20] = {1, 0, 0, 2, 0, 4};
	struct pax_record records[] = {{"mtime", "1700000000.123456789", 20},
				       {"SCHILY.xattr.security.capability", capability, sizeof capability},
				       {"SCHILY.xattr.user.note", "a\nb", 3},
				       {"SCHILY.xattr.security.selinux", "label", 5}};
	tar_add_pax(&scene->tar, records, 4);
	tar_add(&scene->tar, (struct tar_member){.name = "f", .type = '0', .uid = 5, .mode = 0755});
	apply_ok(scene);
	int fd = openat(scene->layer_fd, "f", O_RDONLY | O_CLOEXEC);
	char value[64];
	assert_int_equal(fgetxattr(fd, "security.capability", value, sizeof value), sizeof capability);
	assert_memory_equal(value, capability, sizeof capability);
	assert_int_equal(fgetxattr(fd, "user.note", value, sizeof value), 3);
	assert_memory_equal(value, "a\nb", 3);
	assert_int_equal(fgetxattr(fd, "security.selinux", value, sizeof value), -1);
	close(fd);
	assert_int_equal(status_of(scene, "f").st_mtim.tv_sec, 1700000000);
	assert_int_equal(status_of(scene, "f").st_mtim.tv_nsec, 123456789);
	struct pax_record overlay = {"SCHILY.xattr.trusted.overlay.redirect", "/etc", 4};
	tar_add_pax(&scene->tar, &overlay, 1);
	tar_add(&scene->tar, TAR_FOLDER("d"));
	apply_fails(scene, "trusted.overlay");
}

static void whiteouts(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FILE("d/.wh.gone", ""));
	tar_add(&scene->tar, TAR_FILE("d/stays", "x"));
	tar_add(&scene->tar, TAR_FILE("o/sibling", "y"));
	tar_add(&scene->tar, TAR_FILE("o/.wh..wh..opq", ""));
	tar_add(&scene->tar, TAR_FILE("o/later", "z"));
	tar_add(&scene->tar, TAR_FILE(".wh..wh.aufs", ""));
	tar_add(&scene->tar, TAR_FOLDER(".wh..wh.plnk"));
	tar_add(&scene->tar, TAR_FILE(".wh..wh.plnk/1.2", "q"));
	apply_ok(scene);
	assert_whiteout(scene, "d/gone");
	assert_file(scene, "d/stays", "x");
	assert_false(is_opaque(scene, "d"));
	assert_true(is_opaque(scene, "o"));
	assert_file(scene, "o/sibling", "y");
	assert_file(scene, "o/later", "z");
	assert_absent(scene, ".wh..wh.aufs");
	assert_absent(scene, ".wh..wh.plnk");
}

/* Or a layer that is unpacked a second later would seem to have changed. */
static void one_archive_gives_one_tree(void **state)
{
	struct scene *scene = *state;
	static const char *const made[] = {"a", "a/b", "a/gone", "a/b/f"};
	tar_add(&scene->tar, (struct tar_member){.name = "a/.wh.gone", .type = '0', .time = 1000});
	tar_add(&scene->tar, (struct tar_member){.name = "a/b/f", .type = '0', .time = 1000});
	tar_add(&scene->tar, (struct tar_member){.name = "named/", .type = '5', .time = 2000});
	tar_add(&scene->tar, (struct tar_member){.name = "named/f", .type = '0', .time = 3000});
	apply_ok(scene);
	for (size_t i = 0; i < ARRAY_SIZE(made); i++)
		assert_int_equal(status_of(scene, made[i]).st_mtim.tv_sec, 1000);
	assert_int_equal(status_of(scene, "named").st_mtim.tv_sec, 2000);
}

static void whiteout_and_file_of_one_name(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FILE("first", "x"));
	tar_add(&scene->tar, TAR_FILE(".wh.first", ""));
	tar_add(&scene->tar, TAR_FILE(".wh.second", ""));
	tar_add(&scene->tar, TAR_FILE("second", "y"));
	tar_add(&scene->tar, TAR_FILE("third/f", "z"));
	tar_add(&scene->tar, TAR_FILE(".wh.third", ""));
	tar_add(&scene->tar, TAR_FILE(".wh.fourth", ""));
	tar_add(&scene->tar, TAR_FOLDER("fourth"));
	tar_add(&scene->tar, TAR_FILE(".wh.fifth", ""));
	tar_add(&scene->tar, TAR_FILE("fifth/in/f", "v"));
	apply_ok(scene);
	assert_file(scene, "first", "x");
	assert_file(scene, "second", "y");
	assert_file(scene, "third/f", "z");
	assert_true(is_opaque(scene, "third"));
	assert_true(is_opaque(scene, "fourth"));
	assert_true(is_opaque(scene, "fifth"));
	assert_file(scene, "fifth/in/f", "v");
}

static void wrong_whiteouts_are_refused(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FILE(".wh.", ""));
	apply_fails(scene, "names nothing");
	tar_add(&scene->tar, TAR_FILE(".wh...", ""));
	apply_fails(scene, "names nothing");
	tar_add(&scene->tar, TAR_FILE(".wh.x/y", ""));
	apply_fails(scene, "cannot hold files");
	tar_add(&scene->tar, (struct tar_member){.name = "zero", .type = '3'});
	apply_fails(scene, "0/0");
}

static void links_as_parents_stay_inside(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_FOLDER("usr/lib"));
	tar_add(&scene->tar, TAR_LINK("lib", "usr/lib"));
	tar_add(&scene->tar, TAR_FILE("lib/f", "x"));
	tar_add(&scene->tar, TAR_LINK("absolute", "/usr"));
	tar_add(&scene->tar, TAR_FILE("absolute/g", "y"));
	apply_ok(scene);
	assert_file(scene, "usr/lib/f", "x");
	assert_file(scene, "usr/g", "y");
	assert_true(S_ISLNK(status_of(scene, "lib").st_mode));
	tar_add(&scene->tar, TAR_LINK("dangling", "nowhere"));
	tar_add(&scene->tar, TAR_FILE("dangling/f", "x"));
	apply_fails(scene, "a link to what is not in this layer");
	tar_add(&scene->tar, TAR_LINK("loop", "loop"));
	tar_add(&scene->tar, TAR_FILE("loop/f", "x"));
	apply_fails(scene, NULL);
	tar_add(&scene->tar, TAR_FILE("plain", "x"));
	tar_add(&scene->tar, TAR_FILE("plain/f", "x"));
	apply_fails(scene, "no folder");
}

static void hard_link_needs_its_target(void **state)
{
	struct scene *scene = *state;
	tar_add(&scene->tar, TAR_HARD_LINK("h", "usr/bin/perl"));
	apply_fails(scene, "\"h\": a hard link to \"usr/bin/perl\", which is not in this layer");
	tar_add(&scene->tar, TAR_FILE(".wh.gone", ""));
	tar_add(&scene->tar, TAR_HARD_LINK("h", "gone"));
	apply_fails(scene, "not in this layer");
	tar_add(&scene->tar, TAR_FOLDER("d"));
	tar_add(&scene->tar, TAR_HARD_LINK("h", "d"));
	apply_fails(scene, "a hard link to a folder");
}

static void sparse_files_stay_sparse(void **state)
{
	struct scene *scene = *state;
	/* GNU's form 1.0: the map stands before the data. 4 MiB, of which 4 bytes are data at 1 MiB. */
	char body[512 + 4] = "2\n1048576\n4\n4194304\n0\n";
	memcpy(body + 512, "data", 4);
	struct pax_record records[] = {{"GNU.sparse.major", "1", 1},
				       {"GNU.sparse.minor", "0", 1},
				       {"GNU.sparse.name", "sparse", 6},
				       {"GNU.sparse.realsize", "4194304", 7}};
	tar_add_pax(&scene->tar, records, 4);
	tar_add(&scene->tar, (struct tar_member){.name = "x", .type = '0', .bytes = body, .size = sizeof body});
	apply_ok(scene);
	struct stat status = status_of(scene, "sparse");
	assert_int_equal(status.st_size, 4194304);
	assert_true(status.st_blocks < 64);
	char text[8] = "";
	int fd = openat(scene->layer_fd, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, text, 5, 1048576), 5);
	assert_memory_equal(text, "data\0", 5);
	close(fd);
}

static int apply_limited(struct scene *scene, struct layer_limits limits, struct layer_totals *totals,
			 struct error *err)
{
	tar_add_end(&scene->tar);
	struct memory_source memory = {scene->tar.bytes, scene->tar.size, 0};
	struct source source = source_from_memory(&memory);
	int result = layer_apply(&source, scene->layer_fd, &limits, totals, err);
	buffer_clear(&scene->tar);
	return result;
}

static void limits_hold(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	struct layer_totals totals = {0};
	tar_add(&scene->tar, TAR_FILE("f", "12345"));
	tar_add(&scene->tar, TAR_FILE("g", "12345"));
	assert_int_equal(apply_limited(scene, (struct layer_limits){.bytes = 10, .entries = 2}, &totals, &err), 0);
	assert_int_equal(totals.bytes, 10);
	assert_int_equal(totals.entries, 2);
	tar_add(&scene->tar, TAR_FILE("f", "12345"));
	tar_add(&scene->tar, TAR_FILE("g", "123456"));
	assert_int_equal(apply_limited(scene, (struct layer_limits){.bytes = 10}, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
	tar_add(&scene->tar, TAR_FILE("a/b/c/d", ""));
	assert_int_equal(apply_limited(scene, (struct layer_limits){.entries = 3}, NULL, &err), 0);
	tar_add(&scene->tar, TAR_FILE("q/b/c/d", ""));
	tar_add(&scene->tar, TAR_FILE("e", ""));
	assert_int_equal(apply_limited(scene, (struct layer_limits){.entries = 3}, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_LIMIT);
}

static void damaged_archives_are_refused(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	struct memory_source empty = {"", 0, 0};
	struct source source = source_from_memory(&empty);
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), 0);
	struct memory_source text = {"this is no archive, however long it may be", 42, 0};
	source = source_from_memory(&text);
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
	tar_add(&scene->tar, TAR_FILE("f", "some text"));
	struct memory_source cut = {scene->tar.bytes, 512 + 5, 0};
	source = source_from_memory(&cut);
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_CORRUPT);
	scene->tar.bytes[0] ^= 1;
	apply_fails(scene, "damaged");
	tar_add(&scene->tar, (struct tar_member){.name = "PaxHeader", .type = 'x', .bytes = "99 path=", .size = 8});
	tar_add(&scene->tar, TAR_FILE("f", "x"));
	apply_fails(scene, "alformed");
}

static ssize_t broken_read(void *context, void *bytes, size_t size, struct error *err)
{
	(void)context, (void)bytes, (void)size;
	return error_set(err, ERROR_NETWORK, "the line is dead");
}

static void error_of_the_source_comes_through(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	struct source source = {broken_read, NULL};
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), -1);
	assert_int_equal(err.kind, ERROR_NETWORK);
	assert_non_null(strstr(err.message, "the line is dead"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	/* Special files and owners. */
	if (geteuid() != 0) {
		fprintf(stderr, "this test needs root\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		TEST(kinds_of_entries),
		TEST(missing_parents_are_made),
		TEST(later_entries_replace),
		TEST(names_are_bytes),
		TEST(names_are_bytes_in_any_locale),
		TEST(attributes_and_times),
		TEST(whiteouts),
		TEST(one_archive_gives_one_tree),
		TEST(whiteout_and_file_of_one_name),
		TEST(wrong_whiteouts_are_refused),
		TEST(links_as_parents_stay_inside),
		TEST(hard_link_needs_its_target),
		TEST(sparse_files_stay_sparse),
		TEST(limits_hold),
		TEST(damaged_archives_are_refused),
		TEST(error_of_the_source_comes_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
