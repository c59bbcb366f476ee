#include "layer_test.h"

#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/process.h"

static const struct layer_diff_options keep = {.form = LAYER_FORM_DIFF, .owner = LAYER_OWNER_KEEP};

static void diff_to(struct scene *scene, const struct layer_diff_options *options, struct buffer *tar)
{
	struct error err = {0};
	struct sink sink = sink_to_buffer(tar);
	*tar = BUFFER_INIT((size_t)64 * 1024 * 1024);
	if (layer_diff(scene->layer_fd, options, &sink, NULL, &err) < 0)
		fail_msg("%s", err.message);
}

static void diff_fails(struct scene *scene, const char *expected)
{
	struct error err = {0};
	struct buffer tar = BUFFER_INIT((size_t)64 * 1024 * 1024);
	struct sink sink = sink_to_buffer(&tar);
	assert_int_equal(layer_diff(scene->layer_fd, &keep, &sink, NULL, &err), -1);
	if (!strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
	buffer_release(&tar);
}

static void write_file(int folder_fd, const char *name, const char *text)
{
	int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* Empties the layer's folder. */
static void renew_layer(struct scene *scene)
{
	struct error err = {0};
	close(scene->layer_fd);
	assert_int_equal(remove_tree_at(scene->folder_fd, "layer", &err), 0);
	scene->layer_fd = open_folder_at(scene->folder_fd, "layer", true, 0755, &err);
}

static void make_tree(struct scene *scene)
{
	static const char capability[20] = {1, 0, 0, 2, 0, 4};
	int fd = scene->layer_fd;
	assert_int_equal(mkdirat(fd, "d", 0750), 0);
	assert_int_equal(mkdirat(fd, "d/empty", 0700), 0);
	write_file(fd, "d/file", "contents");
	write_file(fd, "d/caf\xc3\xa9", "utf-8");
	write_file(fd, "d/caf\xe9", "latin-1");
	assert_int_equal(fchownat(fd, "d/file", 1000, 1001, 0), 0);
	assert_int_equal(fchmodat(fd, "d/file", 04711, 0), 0);
	assert_int_equal(linkat(fd, "d/file", fd, "z-link", 0), 0);
	assert_int_equal(linkat(fd, "d/file", fd, "a-link", 0), 0);
	assert_int_equal(symlinkat("../\xfc"
				   "berall",
				   fd, "symbolic"),
			 0);
	assert_int_equal(mknodat(fd, "fifo", S_IFIFO | 0600, 0), 0);
	assert_int_equal(mknodat(fd, "null", S_IFCHR | 0666, makedev(1, 3)), 0);
	assert_int_equal(mknodat(fd, "d/gone", S_IFCHR, makedev(0, 0)), 0);
	int file = openat(fd, "d/file", O_RDWR | O_CLOEXEC);
	assert_int_equal(fsetxattr(file, "security.capability", capability, sizeof capability, 0), 0);
	assert_int_equal(fsetxattr(file, "user.b", "2", 1, 0), 0);
	assert_int_equal(fsetxattr(file, "user.a", "1", 1, 0), 0);
	close(file);
	int folder = openat(fd, "d/empty", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(folder, "trusted.overlay.opaque", "y", 1, 0), 0);
	assert_int_equal(fsetxattr(folder, "trusted.overlay.impure", "y", 1, 0), 0);
	close(folder);
	struct timespec times[2] = {{.tv_sec = 4000}, {.tv_sec = 4000}};
	assert_int_equal(utimensat(fd, "d", times, 0), 0);
}

static void apply_of_diff_is_the_same(void **state)
{
	struct scene *scene = *state;
	struct buffer first, second;
	make_tree(scene);
	diff_to(scene, &keep, &first);
	renew_layer(scene);
	struct memory_source memory = {first.bytes, first.size, 0};
	struct source source = source_from_memory(&memory);
	struct layer_totals totals;
	struct error err = {0};
	if (layer_apply(&source, scene->layer_fd, NULL, &totals, &err) < 0)
		fail_msg("%s", err.message);
	assert_file(scene, "d/file", "contents");
	assert_file(scene, "d/caf\xc3\xa9", "utf-8");
	assert_file(scene, "d/caf\xe9", "latin-1");
	assert_int_equal(totals.bytes, 8 + 5 + 7);
	struct stat file = status_of(scene, "d/file");
	assert_int_equal(file.st_mode, S_IFREG | 04711);
	assert_int_equal(file.st_uid, 1000);
	assert_int_equal(file.st_gid, 1001);
	assert_int_equal(file.st_nlink, 3);
	assert_int_equal(status_of(scene, "z-link").st_ino, file.st_ino);
	assert_int_equal(status_of(scene, "d").st_mtim.tv_sec, 4000);
	assert_int_equal(status_of(scene, "d").st_mode, S_IFDIR | 0750);
	assert_int_equal(status_of(scene, "null").st_rdev, makedev(1, 3));
	assert_whiteout(scene, "d/gone");
	assert_true(is_opaque(scene, "d/empty"));
	assert_false(is_opaque(scene, "d"));
	char text[64] = "";
	assert_int_equal(readlinkat(scene->layer_fd, "symbolic", text, sizeof text), 10);
	int fd = openat(scene->layer_fd, "d/file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fgetxattr(fd, "security.capability", text, sizeof text), 20);
	assert_int_equal(fgetxattr(fd, "user.a", text, sizeof text), 1);
	close(fd);
	diff_to(scene, &keep, &second);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.bytes, second.bytes, first.size);
	buffer_release(&first);
	buffer_release(&second);
}

static void options_change_owner_and_time(void **state)
{
	struct scene *scene = *state;
	struct layer_diff_options options = {.owner = LAYER_OWNER_ROOT, .time_limit = 100};
	struct buffer tar;
	write_file(scene->layer_fd, "f", "x");
	assert_int_equal(fchownat(scene->layer_fd, "f", 5, 6, 0), 0);
	diff_to(scene, &options, &tar);
	renew_layer(scene);
	struct memory_source memory = {tar.bytes, tar.size, 0};
	struct source source = source_from_memory(&memory);
	struct error err = {0};
	assert_int_equal(layer_apply(&source, scene->layer_fd, NULL, NULL, &err), 0);
	assert_int_equal(status_of(scene, "f").st_uid, 0);
	assert_int_equal(status_of(scene, "f").st_gid, 0);
	assert_int_equal(status_of(scene, "f").st_mtim.tv_sec, 100);
	/* ustar says all of it: one header, one block of contents, two of end. */
	assert_int_equal(tar.size, 4 * 512);
	buffer_release(&tar);
}

/* Where ustar's fields end. */
static void what_ustar_cannot_say(void **state)
{
	struct scene *scene = *state;
	struct buffer first, second;
	char path[700] = "";
	static const size_t lengths[] = {99, 100, 101, 155, 200, 255};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++) {
		char name[256];
		memset(name, 'a' + (int)i, lengths[i]);
		name[lengths[i]] = '\0';
		write_file(scene->layer_fd, name, "x");
		assert_int_equal(symlinkat(name, scene->layer_fd, name + lengths[i] / 2), 0);
		name[0] = 'D';
		assert_int_equal(mkdirat(scene->layer_fd, name, 0755), 0);
	}
	for (size_t i = 0; i < 6; i++) {
		snprintf(path + strlen(path), sizeof path - strlen(path), "%s%0*zu", i ? "/" : "", 70, i);
		assert_int_equal(mkdirat(scene->layer_fd, path, 0755), 0);
	}
	write_file(scene->layer_fd, "file", "x");
	assert_int_equal(fchownat(scene->layer_fd, "file", 4000000000U, 3000000, 0), 0);
	struct timespec times[2] = {{.tv_sec = -5}, {.tv_sec = -5}};
	assert_int_equal(utimensat(scene->layer_fd, "file", times, 0), 0);
	char value[5000];
	memset(value, 'v', sizeof value);
	int fd = openat(scene->layer_fd, "file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "user.small", value, 77, 0), 0);
	assert_int_equal(fsetxattr(fd, "user.smaller", value, 78, 0), 0);
	close(fd);
	diff_to(scene, &keep, &first);
	renew_layer(scene);
	struct memory_source memory = {first.bytes, first.size, 0};
	struct source source = source_from_memory(&memory);
	struct error err = {0};
	if (layer_apply(&source, scene->layer_fd, NULL, NULL, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(status_of(scene, "file").st_uid, 4000000000U);
	assert_int_equal(status_of(scene, "file").st_mtim.tv_sec, -5);
	assert_true(S_ISDIR(status_of(scene, path).st_mode));
	diff_to(scene, &keep, &second);
	assert_int_equal(first.size, second.size);
	assert_memory_equal(first.bytes, second.bytes, first.size);
	buffer_release(&first);
	buffer_release(&second);
}

static void whole_tree_has_no_whiteouts(void **state)
{
	struct scene *scene = *state;
	struct layer_diff_options options = {.form = LAYER_FORM_TREE};
	struct buffer tar;
	write_file(scene->layer_fd, ".wh.name", "x");
	assert_int_equal(mkdirat(scene->layer_fd, "d", 0755), 0);
	int fd = openat(scene->layer_fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "trusted.overlay.opaque", "y", 1, 0), 0);
	close(fd);
	diff_to(scene, &options, &tar);
	assert_null(memmem(tar.bytes, tar.size, "opq", 3));
	assert_non_null(memmem(tar.bytes, tar.size, ".wh.name", 8));
	buffer_release(&tar);
	diff_fails(scene, "rename it");
}

static void what_a_layer_cannot_say(void **state)
{
	struct scene *scene = *state;
	struct buffer tar;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(address.sun_path, sizeof address.sun_path, "%s/layer/socket", scene->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	diff_to(scene, &keep, &tar);
	assert_int_equal(tar.size, 1024);
	buffer_release(&tar);
	close(fd);
	assert_int_equal(mkdirat(scene->layer_fd, "d", 0755), 0);
	fd = openat(scene->layer_fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(fsetxattr(fd, "trusted.overlay.redirect", "/e", 2, 0), 0);
	close(fd);
	diff_fails(scene, "redirect");
}

/* Another program reads it, and its archives are read here. */
static void tar_agrees(void **state)
{
	struct scene *scene = *state;
	if (access("/usr/bin/tar", X_OK) < 0)
		skip();
	struct buffer tar;
	make_tree(scene);
	assert_int_equal(unlinkat(scene->layer_fd, "d/gone", 0), 0);
	diff_to(scene, &keep, &tar);
	write_file(scene->outside_fd, "archive", "");
	int fd = openat(scene->outside_fd, "archive", O_WRONLY | O_CLOEXEC);
	assert_int_equal(write(fd, tar.bytes, tar.size), tar.size);
	close(fd);
	buffer_release(&tar);
	renew_layer(scene);
	char archive[64], folder[64];
	snprintf(archive, sizeof archive, "%s/outside/archive", scene->path);
	snprintf(folder, sizeof folder, "%s/layer", scene->path);
	const char *const extract[] = {
		"/usr/bin/tar", "--warning=no-unknown-keyword", "-xpf", archive, "-C", folder, NULL};
	const char *const create[] = {"/usr/bin/tar", "--sparse", "--format=gnu", "--xattrs", "-cf",
				      archive,	      "-C",	  folder,	  ".",	      NULL};
	const char *const *const commands[] = {extract, create};
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		struct process_options options = {.arguments = (char *const *)commands[i], .standard_fds = {-1, 1, 2}};
		struct error err = {0};
		pid_t pid;
		int result = -1;
		assert_int_equal(process_start(&options, &pid, &err), 0);
		assert_int_equal(process_wait(pid, &result, &err), 0);
		assert_int_equal(result, 0);
		assert_file(scene, "d/caf\xe9", "latin-1");
		assert_file(scene, "d/caf\xc3\xa9", "utf-8");
		assert_int_equal(status_of(scene, "d/file").st_nlink, 3);
		if (i == 0)
			continue;
		renew_layer(scene);
		fd = openat(scene->outside_fd, "archive", O_RDONLY | O_CLOEXEC);
		struct source source = source_from_fd(&fd);
		if (layer_apply(&source, scene->layer_fd, NULL, NULL, &err) < 0)
			fail_msg("%s", err.message);
		close(fd);
		assert_file(scene, "d/caf\xe9", "latin-1");
		assert_int_equal(status_of(scene, "d/file").st_nlink, 3);
	}
}

static void mount_overlay(const struct scene *scene, const char *lower, const char *upper)
{
	char options[512], target[64];
	snprintf(target, sizeof target, "%s/merged", scene->path);
	if (upper)
		snprintf(options, sizeof options, "lowerdir=%s/%s,upperdir=%s/%s,workdir=%s/work", scene->path, lower,
			 scene->path, upper, scene->path);
	else
		snprintf(options, sizeof options, "lowerdir=%s/layer:%s/%s", scene->path, scene->path, lower);
	if (mount("overlay", target, "overlay", 0, options) < 0)
		fail_msg("mount overlay: %s", options);
}

/* The kernel itself makes the marks, and reads the ones that were made from an archive. */
static void overlay_agrees(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		skip();
	/* The descriptor that there is belongs to the mounts outside. */
	close(scene->folder_fd);
	scene->folder_fd = open_folder(scene->path, false, 0, &err);
	static const char *const folders[] = {"base", "base/opaque", "base/removed", "upper", "work", "merged"};
	for (size_t i = 0; i < ARRAY_SIZE(folders); i++)
		assert_int_equal(mkdirat(scene->folder_fd, folders[i], 0755), 0);
	write_file(scene->folder_fd, "base/gone", "x");
	write_file(scene->folder_fd, "base/stays", "x");
	write_file(scene->folder_fd, "base/opaque/old", "x");
	write_file(scene->folder_fd, "base/removed/old", "x");
	mount_overlay(scene, "base", "upper");
	assert_int_equal(unlinkat(scene->folder_fd, "merged/gone", 0), 0);
	assert_int_equal(remove_tree_at(scene->folder_fd, "merged/removed", &err), 0);
	assert_int_equal(remove_tree_at(scene->folder_fd, "merged/opaque", &err), 0);
	assert_int_equal(mkdirat(scene->folder_fd, "merged/opaque", 0700), 0);
	write_file(scene->folder_fd, "merged/opaque/new", "y");
	char target[64];
	snprintf(target, sizeof target, "%s/merged", scene->path);
	assert_int_equal(umount2(target, 0), 0);

	struct buffer tar = BUFFER_INIT((size_t)1024 * 1024);
	struct sink sink = sink_to_buffer(&tar);
	cleanup_close int upper_fd = open_folder_at(scene->folder_fd, "upper", false, 0, &err);
	if (layer_diff(upper_fd, &keep, &sink, NULL, &err) < 0)
		fail_msg("%s", err.message);
	struct memory_source memory = {tar.bytes, tar.size, 0};
	struct source source = source_from_memory(&memory);
	if (layer_apply(&source, scene->layer_fd, NULL, NULL, &err) < 0)
		fail_msg("%s", err.message);
	buffer_release(&tar);
	mount_overlay(scene, "base", NULL);
	struct stat status;
	assert_int_equal(fstatat(scene->folder_fd, "merged/stays", &status, 0), 0);
	assert_int_equal(fstatat(scene->folder_fd, "merged/gone", &status, 0), -1);
	assert_int_equal(fstatat(scene->folder_fd, "merged/removed", &status, 0), -1);
	assert_int_equal(fstatat(scene->folder_fd, "merged/opaque/new", &status, 0), 0);
	assert_int_equal(fstatat(scene->folder_fd, "merged/opaque/old", &status, 0), -1);
	assert_int_equal(umount2(target, 0), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scene_setup, scene_teardown)

int main(void)
{
	if (geteuid() != 0) {
		fprintf(stderr, "this test needs root\n");
		return 77;
	}
	const struct CMUnitTest tests[] = {
		TEST(apply_of_diff_is_the_same),
		TEST(what_ustar_cannot_say),
		TEST(options_change_owner_and_time),
		TEST(whole_tree_has_no_whiteouts),
		TEST(what_a_layer_cannot_say),
		TEST(tar_agrees),
		TEST(overlay_agrees),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
