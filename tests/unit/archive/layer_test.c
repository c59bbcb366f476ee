#include "layer_test.h"

#include <stdlib.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TAR_CAP ((size_t)256 * 1024 * 1024)

int scene_setup(void **state)
{
	struct scene *scene = allocate(sizeof *scene);
	struct error err = {0};
	memcpy(scene->path, "/tmp/coracle-layer-XXXXXX", 26);
	if (!mkdtemp(scene->path))
		return -1;
	scene->folder_fd = open_folder(scene->path, false, 0, &err);
	scene->layer_fd = open_folder_at(scene->folder_fd, "layer", true, 0755, &err);
	scene->outside_fd = open_folder_at(scene->folder_fd, "outside", true, 0750, &err);
	int canary = openat(scene->outside_fd, "canary", O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	struct timespec times[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	if (canary < 0 || write(canary, "alive", 5) != 5 || fchmod(canary, 0640) < 0 || futimens(canary, times) < 0 ||
	    futimens(scene->outside_fd, times) < 0)
		return -1;
	close(canary);
	scene->tar = BUFFER_INIT(TAR_CAP);
	*state = scene;
	return 0;
}

int scene_teardown(void **state)
{
	struct scene *scene = *state;
	struct error err = {0};
	close(scene->layer_fd);
	close(scene->outside_fd);
	close(scene->folder_fd);
	int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int result = remove_tree_at(tmp, scene->path + strlen("/tmp/"), &err);
	close(tmp);
	buffer_release(&scene->tar);
	free(scene);
	return result;
}

void assert_canary_untouched(const struct scene *scene)
{
	struct stat status;
	struct buffer text = BUFFER_INIT(64);
	struct error err = {0};
	assert_int_equal(read_file_at(scene->outside_fd, "canary", 64, &text, &err), 0);
	assert_string_equal(buffer_text(&text), "alive");
	buffer_release(&text);
	assert_int_equal(fstatat(scene->outside_fd, "canary", &status, 0), 0);
	assert_int_equal(status.st_mode, S_IFREG | 0640);
	assert_int_equal(status.st_uid, 0);
	assert_int_equal(status.st_nlink, 1);
	assert_int_equal(status.st_mtim.tv_sec, 1000);
	assert_int_equal(fstat(scene->outside_fd, &status), 0);
	assert_int_equal(status.st_mode, S_IFDIR | 0750);
	/* Nothing was put in or taken out. */
	assert_int_equal(status.st_mtim.tv_sec, 1000);
	char value[8];
	assert_int_equal(fgetxattr(scene->outside_fd, "trusted.overlay.opaque", value, sizeof value), -1);
}

static int apply(struct scene *scene, struct error *err)
{
	tar_add_end(&scene->tar);
	struct memory_source memory = {scene->tar.bytes, scene->tar.size, 0};
	struct source source = source_from_memory(&memory);
	int result = layer_apply(&source, scene->layer_fd, NULL, NULL, err);
	if (result == 0)
		assert_int_equal(memory.position, memory.size);
	buffer_clear(&scene->tar);
	return result;
}

void apply_ok(struct scene *scene)
{
	struct error err = {0};
	if (apply(scene, &err) < 0)
		fail_msg("%s", err.message);
}

void apply_fails(struct scene *scene, const char *expected)
{
	struct error err = {0};
	assert_int_equal(apply(scene, &err), -1);
	if (expected && !strstr(err.message, expected))
		fail_msg("\"%s\" does not say \"%s\"", err.message, expected);
}

void assert_file(const struct scene *scene, const char *path, const char *text)
{
	struct buffer found = BUFFER_INIT(65536);
	struct error err = {0};
	if (read_file_at(scene->layer_fd, path, 65536, &found, &err) < 0)
		fail_msg("%s", err.message);
	assert_string_equal(buffer_text(&found), text);
	buffer_release(&found);
}

void assert_absent(const struct scene *scene, const char *path)
{
	struct stat status;
	assert_int_equal(fstatat(scene->layer_fd, path, &status, AT_SYMLINK_NOFOLLOW), -1);
}

struct stat status_of(const struct scene *scene, const char *path)
{
	struct stat status;
	if (fstatat(scene->layer_fd, path, &status, AT_SYMLINK_NOFOLLOW) < 0)
		fail_msg("%s is not there", path);
	return status;
}

void assert_whiteout(const struct scene *scene, const char *path)
{
	struct stat status = status_of(scene, path);
	assert_true(S_ISCHR(status.st_mode));
	assert_int_equal(status.st_rdev, makedev(0, 0));
}

bool is_opaque(const struct scene *scene, const char *path)
{
	int fd = openat(scene->layer_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char value[8] = "";
	ssize_t size = fgetxattr(fd, "trusted.overlay.opaque", value, sizeof value);
	close(fd);
	return size == 1 && value[0] == 'y';
}
