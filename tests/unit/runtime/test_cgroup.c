/* Control groups: what mountinfo says, limits, devices, and the end of a group. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/cgroup.h"
#include "runtime/cgroup_versions.h"
#include "runtime/device_filter.h"
#include "sandbox.h"

static void layout_of_version_1(void **state)
{
	static const char text[] =
		"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
		"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
		"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
		"33 31 0:30 /docker/abc /elsewhere rw,relatime - cgroup cgroup rw,memory\n"
		"35 31 0:32 / /sys/fs/cgroup/mem\\040ory rw,relatime - cgroup cgroup rw,memory\n"
		"36 31 0:33 / /second rw,relatime - cgroup cgroup rw,memory\n"
		"40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd\n"
		"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n"
		"broken line\n42";
	struct cgroup_layout layout;
	cgroup_layout_parse(text, false, &layout);
	assert_int_equal(layout.version, CGROUP_V1);
	assert_int_equal(layout.hierarchy_count, 2);
	assert_string_equal(cgroup_layout_find(&layout, CGROUP_CPUACCT)->mount_point, "/sys/fs/cgroup/cpu,cpuacct");
	assert_ptr_equal(cgroup_layout_find(&layout, CGROUP_CPU), cgroup_layout_find(&layout, CGROUP_CPUACCT));
	assert_string_equal(cgroup_layout_find(&layout, CGROUP_MEMORY)->mount_point, "/sys/fs/cgroup/mem ory");
	assert_null(cgroup_layout_find(&layout, CGROUP_PIDS));
	char path[CGROUP_PATH_LIMIT];
	assert_true(cgroup_layout_find_unified(text, path));
	assert_string_equal(path, "/sys/fs/cgroup/unified");
}

static void layout_of_version_2_and_none(void **state)
{
	struct cgroup_layout layout;
	cgroup_layout_parse("30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n", true, &layout);
	assert_int_equal(layout.version, CGROUP_V2);
	assert_string_equal(layout.hierarchies[0].mount_point, "/sys/fs/cgroup");
	cgroup_layout_parse("22 27 0:21 / /proc rw,relatime - proc proc rw\n", false, &layout);
	assert_int_equal(layout.version, CGROUP_NONE);
	cgroup_layout_parse("", true, &layout);
	assert_int_equal(layout.version, CGROUP_NONE);
}

static void names_that_leave_the_hierarchy(void **state)
{
	struct spec_resources none = {0};
	struct error err;
	static const char *const names[] = {"", "/", "coracle", "/../x", "/coracle/..", "//x", "/a/./b"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(cgroup_create(names[i], &none, &err), -1);
		assert_int_equal(err.kind, ERROR_INVALID);
		assert_int_equal(cgroup_destroy(names[i], &err), -1);
	}
}

/* Row 32, and that a container sees no group but its own. */
static void groups_inside(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox->spec.resources = (struct spec_resources){
		.memory_bytes = 64 << 20, .pids_limit = 50, .cpu_quota_us = 50000, .cpu_shares = 512};
	sandbox_run(sandbox, "read:/proc/self/cgroup", "list:/sys/fs/cgroup", "read:/proc/self/mounts", NULL);
	sandbox_expect_not(sandbox, "coracle/test");
	const struct cgroup_layout *layout;
	assert_int_equal(cgroup_layout_get(&layout, NULL), 0);
	if (layout->version != CGROUP_V1) {
		sandbox_run(sandbox, "write:/sys/fs/cgroup/memory.max", "make:/sys/fs/cgroup/x", NULL);
		sandbox_expect(sandbox, "write=EROFS\n");
		return;
	}
	sandbox_run(sandbox, "read:/sys/fs/cgroup/memory/memory.limit_in_bytes", "read:/sys/fs/cgroup/pids/pids.max",
		    "read:/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "read:/sys/fs/cgroup/cpu/cpu.shares",
		    "read:/sys/fs/cgroup/memory/cgroup.procs", "write:/sys/fs/cgroup/memory/release_agent",
		    "write:/sys/fs/cgroup/memory/memory.limit_in_bytes", "write:/sys/fs/cgroup/devices/devices.allow",
		    "make:/sys/fs/cgroup/x", "remount:/sys/fs/cgroup/memory", NULL);
	sandbox_expect(sandbox, "read=[67108864\n]\nread=[50\n]\nread=[50000\n]\nread=[512\n]\n");
	sandbox_expect(sandbox, "read=[1\n]\n");
	sandbox_expect(sandbox, "write=ENOENT\nwrite=EROFS\nwrite=EROFS\nmake=EROFS\nremount=EPERM\n");
}

static void devices_of_version_1(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	sandbox_run(sandbox, "device:c1:3", "device:c1:9", "device:c1:11", "device:c1:1", "device:b254:0",
		    "device:c10:229", NULL);
	sandbox_expect(sandbox, "device=ok\ndevice=ok\ndevice=EPERM\ndevice=EPERM\ndevice=EPERM\ndevice=EPERM\n");
}

static int in_group(const struct cgroup_layout *layout, const char *path, const char *device)
{
	pid_t pid = fork();
	if (pid == 0) {
		if (cgroup_v2_enter(layout, path, getpid(), NULL) < 0)
			_exit(99);
		int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
		_exit(fd >= 0 ? 0 : errno);
	}
	int status;
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status);
}

/* Version 2 on whatever cgroup2 mount there is: the filter, entering, killing, removing. */
static void version_2(void **state)
{
	sandbox_need_root();
	cleanup_buffer struct buffer mountinfo = BUFFER_INIT(0);
	struct error err;
	assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mountinfo, &err), 0);
	struct cgroup_layout layout;
	cgroup_layout_parse(buffer_text(&mountinfo), true, &layout);
	if (layout.version != CGROUP_V2) {
		print_message("skip: no cgroup2 is mounted here\n");
		skip();
	}
	const char *path = "/coracle/test-version-2";
	struct spec_resources none = {0};
	if (cgroup_v2_create(&layout, path, &none, &err) < 0)
		fail_msg("%s", err.message);
	cleanup_free char *folder = format_string("%s%s", layout.hierarchies[0].mount_point, path);
	cleanup_close int group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(in_group(&layout, path, "/dev/kmsg"), 0);
	if (device_filter_attach(group, NULL, 0, &err) < 0)
		fail_msg("%s", err.message);
	assert_int_equal(in_group(&layout, path, "/dev/kmsg"), EPERM);
	assert_int_equal(in_group(&layout, path, "/dev/null"), 0);
	assert_int_equal(in_group(&layout, path, "/dev/urandom"), 0);
	assert_int_equal(in_group(&layout, path, "/dev/loop0"), EPERM);
	pid_t sleeper = fork();
	if (sleeper == 0) {
		signal(SIGTERM, SIG_IGN);
		for (;;)
			pause();
	}
	assert_int_equal(cgroup_v2_enter(&layout, path, sleeper, &err), 0);
	assert_int_equal(mkdirat(group, "child", 0755), 0);
	struct spec_resources impossible = {.pids_limit = 5};
	/* A limit that the mount's controllers can not keep is refused, and names its option. */
	if (faccessat(group, "pids.max", F_OK, 0) < 0) {
		assert_int_equal(cgroup_v2_create(&layout, path, &impossible, &err), -1);
		assert_non_null(strstr(err.message, "--pids-limit"));
	}
	/* The sleeper is reaped by its parent; the group lets go of it nevertheless. */
	if (cgroup_v2_destroy(&layout, path, &err) < 0)
		fail_msg("%s", err.message);
	int status;
	assert_int_equal(waitpid(sleeper, &status, 0), sleeper);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	struct stat gone;
	assert_int_equal(stat(folder, &gone), -1);
	assert_int_equal(cgroup_v2_destroy(&layout, path, &err), 0);
	cleanup_free char *parent = format_string("%s/coracle", layout.hierarchies[0].mount_point);
	rmdir(parent);
}

/* What outlives its container's first process is killed with the group. */
static void destroy_kills(void **state)
{
	struct sandbox *sandbox = *state;
	sandbox_need_root();
	struct spec_resources none = {0};
	assert_int_equal(cgroup_create(sandbox->cgroup, &none, &sandbox->error), 0);
	pid_t sleeper = fork();
	if (sleeper == 0) {
		for (;;)
			pause();
	}
	assert_int_equal(cgroup_enter(sandbox->cgroup, sleeper, &sandbox->error), 0);
	if (cgroup_destroy(sandbox->cgroup, &sandbox->error) < 0)
		fail_msg("%s", sandbox->error.message);
	int status;
	assert_int_equal(waitpid(sleeper, &status, 0), sleeper);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(cgroup_destroy(sandbox->cgroup, &sandbox->error), 0);
}

/* Rules of a container's own, beside the default ones. */
static void rules_of_version_2(void **state)
{
	sandbox_need_root();
	cleanup_buffer struct buffer mountinfo = BUFFER_INIT(0);
	struct error err = {0};
	struct cgroup_layout layout;
	assert_int_equal(read_file_at(AT_FDCWD, "/proc/self/mountinfo", 1 << 20, &mountinfo, &err), 0);
	cgroup_layout_parse(buffer_text(&mountinfo), true, &layout);
	if (layout.version != CGROUP_V2)
		skip();
	static const struct {
		struct device_rule rule;
		int kmsg, loop;
	} cases[] = {{{'c', 1, 11, "r"}, 0, EPERM},
		     {{'c', 1, -1, "rw"}, 0, EPERM},
		     {{'c', 1, 11, "w"}, EPERM, EPERM},
		     {{'b', 1, 11, "rwm"}, EPERM, EPERM},
		     {{'a', 1, 11, "rwm"}, 0, EPERM}};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const char *path = "/coracle/test-rules";
		struct spec_resources none = {0};
		assert_int_equal(cgroup_v2_create(&layout, path, &none, &err), 0);
		cleanup_free char *folder = format_string("%s%s", layout.hierarchies[0].mount_point, path);
		cleanup_close int group = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (device_filter_attach(group, &cases[i].rule, 1, &err) < 0)
			fail_msg("%s", err.message);
		assert_int_equal(in_group(&layout, path, "/dev/kmsg"), cases[i].kmsg);
		assert_int_equal(in_group(&layout, path, "/dev/loop0"), cases[i].loop);
		assert_int_equal(cgroup_v2_destroy(&layout, path, &err), 0);
	}
	cleanup_free char *parent = format_string("%s/coracle", layout.hierarchies[0].mount_point);
	rmdir(parent);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout_of_version_1),
		cmocka_unit_test(layout_of_version_2_and_none),
		cmocka_unit_test(names_that_leave_the_hierarchy),
		cmocka_unit_test_setup_teardown(groups_inside, sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(devices_of_version_1, sandbox_setup, sandbox_teardown),
		cmocka_unit_test_setup_teardown(destroy_kills, sandbox_setup, sandbox_teardown),
		cmocka_unit_test(version_2),
		cmocka_unit_test(rules_of_version_2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
