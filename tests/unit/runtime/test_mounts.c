/* What is mounted where, what is hidden, and what an image or a volume can not do about it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/capability.h"
#include "runtime/rootfs.h"
#include "sandbox.h"

static void default_mounts(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox_run(sandbox, "read:/proc/self/mounts", "list:/dev", "stat:/dev/null", "link:/dev/fd", "link:/dev/ptmx",
		    NULL);
	sandbox_expect(sandbox, "overlay / overlay rw,");
	sandbox_expect(sandbox, "proc /proc proc rw,nosuid,nodev,noexec,relatime 0 0\n");
	sandbox_expect(sandbox, "/dev tmpfs rw,nosuid,size=65536k,mode=755");
	sandbox_expect(sandbox, "/dev/pts devpts rw,nosuid,noexec,relatime,gid=5,mode=620,ptmxmode=666");
	sandbox_expect(sandbox, "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=65536k");
	sandbox_expect(sandbox, "/dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime");
	sandbox_expect(sandbox, "/sys sysfs ro,nosuid,nodev,noexec,relatime");
	sandbox_expect(sandbox, "stat=20666 0:0 1:3");
	sandbox_expect(sandbox, "link=/proc/self/fd\nlink=pts/ptmx\n");
	/* Nothing of the host's tree is left. */
	sandbox_expect_not(sandbox, "ext4");
	sandbox_expect_not(sandbox, "/mnt");
	sandbox->spec.shm_bytes = 1 << 20;
	sandbox_run(sandbox, "read:/proc/self/mounts", NULL);
	sandbox_expect(sandbox, "/dev/shm tmpfs rw,nosuid,nodev,noexec,relatime,size=1024k");
}

/* Each path of Docker's lists that this kernel has. */
static void masks(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	static const char *const hidden[] = {"/proc/acpi",
					     "/proc/asound",
					     "/proc/interrupts",
					     "/proc/kcore",
					     "/proc/keys",
					     "/proc/latency_stats",
					     "/proc/sched_debug",
					     "/proc/scsi",
					     "/proc/timer_list",
					     "/proc/timer_stats",
					     "/sys/devices/virtual/powercap",
					     "/sys/firmware"};
	static const char *const read_only[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"};
	size_t seen = 0;
	for (size_t i = 0; i < ARRAY_SIZE(hidden); i++) {
		struct stat status;
		char word[64];
		if (stat(hidden[i], &status) < 0)
			continue;
		seen++;
		snprintf(word, sizeof word, "%s:%s", S_ISDIR(status.st_mode) ? "list" : "stat", hidden[i]);
		sandbox_run(sandbox, word, NULL);
		sandbox_expect(sandbox, S_ISDIR(status.st_mode) ? "list=\n" : "stat=20666 0:0 1:3");
	}
	assert_true(seen > 3);
	for (size_t i = 0; i < ARRAY_SIZE(read_only); i++) {
		char word[64];
		if (access(read_only[i], F_OK) < 0)
			continue;
		snprintf(word, sizeof word, "proc %s proc ro,nosuid,nodev,noexec,", read_only[i]);
		sandbox_run(sandbox, "read:/proc/self/mounts", NULL);
		sandbox_expect(sandbox, word);
	}
	sandbox_run(sandbox, "write:/proc/sys/kernel/hostname", "write:/proc/sys/vm/overcommit_ratio",
		    "remount:/proc/sys", NULL);
	sandbox_expect(sandbox, "write=EROFS\nwrite=EROFS\nremount=EPERM\n");
	sandbox->spec.privileged = true;
	sandbox->spec.capabilities = capability_all();
	sandbox->spec.seccomp = NULL;
	sandbox_run(sandbox, "stat:/proc/timer_list", "write:/proc/sys/vm/overcommit_ratio", "read:/proc/self/mounts",
		    "device:c1:11", NULL);
	sandbox_expect_not(sandbox, "stat=20666");
	sandbox_expect(sandbox, "write=EINVAL\n");
	sandbox_expect(sandbox, "/sys sysfs rw,");
	sandbox_expect(sandbox, "device=ok\n");
}

static void read_only_root(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox->spec.read_only_root = true;
	sandbox->spec.working_directory = "/made";
	sandbox_run(sandbox, "make:/file", "make:/etc/passwd", "make:/dev/shm/file", "cwd", NULL);
	sandbox_expect(sandbox, "make=EROFS\nmake=EROFS\nmake=ok\ncwd=/made\n");
}

/* FROM scratch: nothing but the upper folder. */
static void root_without_layers(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	cleanup_close int probe = open(getenv("PROBE"), O_RDONLY | O_CLOEXEC);
	cleanup_close int copy = openat(sandbox->spec.upper_fd, "probe", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
	assert_int_equal(copy_file_data(probe, copy, NULL), 0);
	close(steal_fd(&copy));
	sandbox->spec.layer_count = 0;
	cleanup_close int hosts = openat(sandbox->folder_fd, "hosts", O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(write(hosts, "10.0.0.1 boat\n", 14), 14);
	sandbox->spec.hosts_fd = hosts;
	const char *arguments[] = {"/probe", "read:/etc/hosts", "list:/", "env:HOME", NULL};
	sandbox->spec.arguments = arguments;
	sandbox_run(sandbox, NULL);
	sandbox_expect(sandbox, "read=[10.0.0.1 boat\n]");
	sandbox_expect(sandbox, "env=/\n");
}

/* 20 layers, by both ways of telling them to the kernel: the top one wins. */
static void many_layers(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	int layers[20];
	for (int i = 0; i < 19; i++) {
		char name[16];
		snprintf(name, sizeof name, "layer%d", i);
		layers[i] = open_folder_at(sandbox->folder_fd, name, true, 0755, NULL);
		cleanup_close int file = openat(layers[i], "which", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
		assert_true(write(file, name, strlen(name)) > 0);
	}
	layers[19] = sandbox->layer_fd;
	sandbox->spec.layer_fds = layers;
	sandbox->spec.layer_count = 20;
	sandbox_run(sandbox, "read:/which", NULL);
	sandbox_expect(sandbox, "read=[layer0]");
	struct error err;
	cleanup_close int classic = rootfs_overlay_classic(&sandbox->spec, &err);
	assert_true(classic >= 0);
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	assert_int_equal(read_file_at(classic, "which", 64, &text, &err), 0);
	assert_string_equal(buffer_text(&text), "layer0");
	for (int i = 0; i < 19; i++)
		close(layers[i]);
}

/* Row 17 and 23: an image whose /proc, /sys or /dev is a link. */
static void image_with_links_for_mount_points(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	static const char *const names[] = {"proc", "sys", "dev"};
	struct stat status;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		/* What earlier runs have made in the upper folder would hide the layer's. */
		for (size_t j = 0; j < ARRAY_SIZE(names); j++)
			assert_int_equal(remove_tree_at(sandbox->spec.upper_fd, names[j], NULL), 0);
		sandbox_link(sandbox, "/tmp", names[i]);
		sandbox_run(sandbox, "ids", NULL);
		sandbox_expect_error(sandbox, "the image has a symbolic link there");
		sandbox_remove(sandbox, names[i]);
		sandbox_link(sandbox, "../../../../../../tmp/coracle-escape", names[i]);
		sandbox_run(sandbox, "ids", NULL);
		sandbox_expect_error(sandbox, "the image has a symbolic link there");
		sandbox_remove(sandbox, names[i]);
		assert_int_equal(stat("/tmp/coracle-escape", &status), -1);
	}
	assert_int_equal(remove_tree_at(sandbox->spec.upper_fd, "proc", NULL), 0);
	sandbox_write(sandbox, "proc", "a file\n");
	sandbox_run(sandbox, "ids", NULL);
	sandbox_expect_error(sandbox, "/proc");
}

static struct spec_mount bind_of(const struct sandbox *sandbox, const char *name, const char *target)
{
	int fd = open_folder_at(sandbox->folder_fd, name, true, 0755, NULL);
	assert_true(fd >= 0);
	return (struct spec_mount){.kind = SPEC_MOUNT_BIND, .source_fd = fd, .target = target};
}

static void run_with_mount(struct sandbox *sandbox, const struct spec_mount *mount, const char *first,
			   const char *second)
{
	sandbox->spec.mounts = mount;
	sandbox->spec.mount_count = 1;
	sandbox_run(sandbox, first, second, NULL);
}

static void volumes(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	struct spec_mount mount = bind_of(sandbox, "volume", "/data/deep");
	run_with_mount(sandbox, &mount, "make:/data/deep/file", "stat:/data/deep/file");
	sandbox_expect(sandbox, "make=ok\nstat=100644");
	struct stat status;
	assert_int_equal(fstatat(mount.source_fd, "file", &status, 0), 0);
	mount.read_only = true;
	run_with_mount(sandbox, &mount, "make:/data/deep/other", "stat:/data/deep/file");
	sandbox_expect(sandbox, "make=EROFS\nstat=100644");
	/* A file on a file, and a folder on a file. */
	struct spec_mount file = {.kind = SPEC_MOUNT_BIND,
				  .source_fd = openat(mount.source_fd, "file", O_PATH | O_CLOEXEC),
				  .target = "/opt/x/file"};
	run_with_mount(sandbox, &file, "stat:/opt/x/file", NULL);
	sandbox_expect(sandbox, "stat=100644");
	mount.target = "/etc/passwd";
	run_with_mount(sandbox, &mount, "ids", NULL);
	sandbox_expect_error(sandbox, "/etc/passwd");
	close(file.source_fd);
	close(mount.source_fd);
}

/* Rows 17, 19, 37: over and into /proc, through links of the image, and onto the root. */
static void volumes_in_forbidden_places(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox_link(sandbox, "/proc", "evil");
	sandbox_link(sandbox, "/sys/kernel", "evilsys");
	sandbox_link(sandbox, "../../../../../../etc", "out");
	struct spec_mount mount = bind_of(sandbox, "volume", "/proc");
	static const char *const targets[] = {"/proc",	  "/proc/sys", "/evil",		  "/evil/self",
					      "/evilsys", "/",	       "/proc/self/fd/0", "/evil/../proc/1"};
	for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
		mount.target = targets[i];
		run_with_mount(sandbox, &mount, "ids", NULL);
		sandbox_expect_error(sandbox, targets[i]);
	}
	/* A link that points out of the root leads to the container's /etc. */
	mount.target = "/out";
	run_with_mount(sandbox, &mount, "make:/etc/marker", "list:/etc");
	sandbox_expect(sandbox, "make=ok\nlist=marker \n");
	struct stat status;
	assert_int_equal(fstatat(mount.source_fd, "marker", &status, 0), 0);
	assert_int_equal(stat("/etc/marker", &status), -1);
	close(mount.source_fd);
}

static void tmpfs(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	struct spec_mount mount = {.kind = SPEC_MOUNT_TMPFS, .source_fd = -1, .target = "/scratch"};
	run_with_mount(sandbox, &mount, "read:/proc/self/mounts", NULL);
	sandbox_expect(sandbox, "/scratch tmpfs rw,nosuid,nodev,noexec,relatime");
	mount.options = "size=64m,mode=1770,exec,uid=5";
	run_with_mount(sandbox, &mount, "read:/proc/self/mounts", "stat:/scratch");
	sandbox_expect(sandbox, "/scratch tmpfs rw,nosuid,nodev,relatime,size=65536k,mode=1770,uid=5");
	sandbox_expect(sandbox, "stat=41770 5:0");
	mount.options = "size=64m,source=/etc";
	run_with_mount(sandbox, &mount, "ids", NULL);
	sandbox_expect_error(sandbox, "invalid tmpfs option [\"source=/etc\"]");
}

/* A volume that is empty gets what the image has there; one that is not keeps what it has. */
static void copy_up(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox_make_folder(sandbox, "seed");
	sandbox_make_folder(sandbox, "seed/sub");
	sandbox_write(sandbox, "seed/sub/file", "content\n");
	sandbox_link(sandbox, "/etc/shadow", "seed/link");
	assert_int_equal(linkat(sandbox->layer_fd, "seed/sub/file", sandbox->layer_fd, "seed/second", 0), 0);
	assert_int_equal(fchownat(sandbox->layer_fd, "seed/sub/file", 7, 8, 0), 0);
	assert_int_equal(fchmodat(sandbox->layer_fd, "seed", 0751, 0), 0);
	cleanup_close int file = openat(sandbox->layer_fd, "seed/sub/file", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fsetxattr(file, "user.flavour", "salt", 4, 0), 0);
	struct spec_mount mount = bind_of(sandbox, "volume", "/seed");
	mount.copy_up = true;
	run_with_mount(sandbox, &mount, "read:/seed/sub/file", "list:/seed");
	sandbox_expect(sandbox, "read=[content\n]");
	struct stat status;
	assert_int_equal(fstatat(mount.source_fd, "second", &status, 0), 0);
	assert_int_equal(status.st_nlink, 2);
	assert_int_equal(status.st_uid, 7);
	assert_int_equal(fstat(mount.source_fd, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0751);
	char text[64] = "";
	assert_true(readlinkat(mount.source_fd, "link", text, sizeof text - 1) > 0);
	assert_string_equal(text, "/etc/shadow");
	cleanup_close int copy = openat(mount.source_fd, "sub/file", O_RDONLY | O_CLOEXEC);
	memset(text, 0, sizeof text);
	assert_int_equal(fgetxattr(copy, "user.flavour", text, sizeof text), 4);
	assert_string_equal(text, "salt");
	unlinkat(mount.source_fd, "link", 0);
	mount.read_only = true;
	run_with_mount(sandbox, &mount, "list:/seed", "make:/seed/more");
	sandbox_expect_not(sandbox, "link");
	sandbox_expect(sandbox, "make=EROFS\n");
	close(mount.source_fd);
}

/* Swaps a folder of the volume with a link to the host's root, over and over. */
static pid_t start_racer(int volume_fd)
{
	pid_t racer = fork();
	if (racer == 0) {
		for (;;)
			renameat2(volume_fd, "a", volume_fd, "link", RENAME_EXCHANGE);
	}
	return racer;
}

/* Row 19: the mount point is swapped for a link during set-up. Whatever the outcome, the host has neither mount nor
 * folder. */
static void mount_point_swapped_during_set_up(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	struct spec_mount mounts[2] = {bind_of(sandbox, "volume", "/vol"),
				       bind_of(sandbox, "canary", "/vol/a/coracle-race")};
	assert_int_equal(mkdirat(mounts[0].source_fd, "a", 0755), 0);
	assert_int_equal(symlinkat("../../../../../../..", mounts[0].source_fd, "link"), 0);
	sandbox->spec.mounts = mounts;
	sandbox->spec.mount_count = 2;
	cleanup_buffer struct buffer before = BUFFER_INIT(0), after = BUFFER_INIT(0);
	assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &before, NULL), 0);
	pid_t racer = start_racer(mounts[0].source_fd);
	int started = 0;
	for (int i = 0; i < 40; i++) {
		sandbox_run(sandbox, "ids", NULL);
		started += sandbox->exit_code == 0;
	}
	kill(racer, SIGKILL);
	waitpid(racer, NULL, 0);
	assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &after, NULL), 0);
	assert_string_equal(buffer_text(&before), buffer_text(&after));
	struct stat status;
	assert_int_equal(stat("/coracle-race", &status), -1);
	assert_true(started > 0);
	close(mounts[0].source_fd);
	close(mounts[1].source_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define SANDBOX_TEST(function) cmocka_unit_test_setup_teardown(function, sandbox_setup, sandbox_teardown)
		SANDBOX_TEST(default_mounts),
		SANDBOX_TEST(masks),
		SANDBOX_TEST(read_only_root),
		SANDBOX_TEST(root_without_layers),
		SANDBOX_TEST(many_layers),
		SANDBOX_TEST(image_with_links_for_mount_points),
		SANDBOX_TEST(volumes),
		SANDBOX_TEST(volumes_in_forbidden_places),
		SANDBOX_TEST(tmpfs),
		SANDBOX_TEST(copy_up),
		SANDBOX_TEST(mount_point_swapped_during_set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
