#include "runtime/cgroup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/time.h"
#include "runtime/cgroup_versions.h"
#include "runtime/device_filter.h"

#define REMOVE_TIMEOUT	(10 * NANOSECONDS_PER_SECOND)
#define DEPTH_LIMIT	16
#define PROCESSES_LIMIT ((size_t)16 * 1024 * 1024)

/* A limit that nobody keeps would be a lie: without the means, a start that asks for one fails. */
static int refuse_limits(const struct spec_resources *resources, struct error *err)
{
	const struct {
		bool wanted;
		const char *option;
	} limits[] = {
		{resources->memory_bytes > 0, "--memory"},
		{resources->memory_swap_bytes > 0, "--memory-swap"},
		{resources->memory_reservation_bytes > 0, "--memory-reservation"},
		{resources->sets_swappiness, "--memory-swappiness"},
		{resources->oom_kill_disable, "--oom-kill-disable"},
		{resources->pids_limit > 0, "--pids-limit"},
		{resources->cpu_quota_us > 0, "--cpus"},
		{resources->cpu_period_us > 0, "--cpu-period"},
		{resources->cpu_shares > 0, "--cpu-shares"},
		{resources->cpu_rt_period_us > 0, "--cpu-rt-period"},
		{resources->cpu_rt_runtime_us > 0, "--cpu-rt-runtime"},
		{resources->cpuset_cpus, "--cpuset-cpus"},
		{resources->cpuset_mems, "--cpuset-mems"},
		{resources->block_weight > 0, "--blkio-weight"},
		{resources->block_limit_count > 0, "--device-read-bps and its like"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (limits[i].wanted)
			return error_set(err, ERROR_UNSUPPORTED,
					 "%s: this host has no control groups mounted; mount cgroup2 on /sys/fs/cgroup",
					 limits[i].option);
	return 0;
}

static int check_path(const char *path, struct error *err)
{
	if (!path || path[0] != '/' || path[1] == '\0' || strlen(path) >= CGROUP_PATH_LIMIT || strstr(path, "/.") ||
	    strstr(path, "//"))
		return error_set(err, ERROR_INVALID, "invalid control group \"%s\"", path ? path : "");
	return 0;
}

int cgroup_create(const char *path, const struct spec_resources *resources, struct error *err)
{
	const struct cgroup_layout *layout;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (layout->version == CGROUP_NONE)
		return refuse_limits(resources, err);
	int made = layout->version == CGROUP_V2 ? cgroup_v2_create(layout, path, resources, err)
						: cgroup_v1_create(layout, path, resources, err);
	if (made < 0) {
		cgroup_destroy(path, NULL);
		return error_wrap(err, "make the control group %s", path);
	}
	return 0;
}

int cgroup_enter(const char *path, pid_t pid, struct error *err)
{
	const struct cgroup_layout *layout;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (layout->version == CGROUP_NONE)
		return 0;
	int entered = layout->version == CGROUP_V2 ? cgroup_v2_enter(layout, path, pid, err)
						   : cgroup_v1_enter(layout, path, pid, err);
	return entered < 0 ? error_wrap(err, "put process %d into the control group %s", pid, path) : 0;
}

static int open_whole(const struct cgroup_hierarchy *hierarchy, const char *path, const char *file, int flags,
		      struct error *err)
{
	cleanup_free char *whole = format_string("%s%s%s", hierarchy->mount_point, path, file);
	int fd = open(whole, flags | O_CLOEXEC);
	return fd < 0 ? error_set_errno(err, errno, "open %s", whole) : fd;
}

int cgroup_restrict_devices(const char *path, const struct device_rule *rules, size_t count, bool *ret_guarded,
			    struct error *err)
{
	const struct cgroup_layout *layout;
	*ret_guarded = false;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (layout->version == CGROUP_V1)
		return cgroup_v1_restrict_devices(layout, path, rules, count, ret_guarded, err);
	if (layout->version == CGROUP_NONE)
		return 0;
	cleanup_close int group = open_whole(&layout->hierarchies[0], path, "", O_RDONLY | O_DIRECTORY, err);
	if (group < 0 || device_filter_attach(group, rules, count, err) < 0)
		return -1;
	*ret_guarded = true;
	return 0;
}

int cgroup_can_restrict_devices(bool *ret_guarded, struct error *err)
{
	const struct cgroup_layout *layout;
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	*ret_guarded = layout->version == CGROUP_V2 || cgroup_layout_find(layout, CGROUP_DEVICES) != NULL;
	return 0;
}

static_assert(CGROUP_PROCS_LIMIT == CGROUP_CONTROLLER_COUNT, "a hierarchy has at least one controller");

int cgroup_open(const char *path, int *ret_fd, int ret_procs[CGROUP_PROCS_LIMIT], size_t *ret_count, struct error *err)
{
	const struct cgroup_layout *layout;
	*ret_fd = -1;
	*ret_count = 0;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	/* bpf(2) and CLONE_INTO_CGROUP want a descriptor that is open, not O_PATH. */
	if (layout->version == CGROUP_V2) {
		*ret_fd = open_whole(&layout->hierarchies[0], path, "", O_RDONLY | O_DIRECTORY, err);
		return *ret_fd < 0 ? -1 : 0;
	}
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		/*
		 * "tasks", not "cgroup.procs": a thread that moves itself, and itself alone, needs no lock over all
		 * thread groups, for which the kernel waits a grace period of ten milliseconds. The child has one
		 * thread.
		 */
		struct error problem = {0};
		int tasks = open_whole(&layout->hierarchies[i], path, "/tasks", O_WRONLY, &problem);
		if (tasks < 0 && problem.kind == ERROR_NOT_FOUND && cgroup_is_optional(&layout->hierarchies[i]))
			continue;
		if (tasks < 0) {
			while (*ret_count > 0)
				close(ret_procs[--*ret_count]);
			if (err)
				*err = problem;
			return -1;
		}
		ret_procs[(*ret_count)++] = tasks;
	}
	return 0;
}

int cgroup_enter_self(const int *procs, size_t count, struct error *err)
{
	for (size_t i = 0; i < count; i++) {
		if (write_full(procs[i], "0", 1, err) < 0)
			return error_wrap(err, "enter the control group");
	}
	return 0;
}

int cgroup_destroy(const char *path, struct error *err)
{
	const struct cgroup_layout *layout;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (layout->version == CGROUP_NONE)
		return 0;
	int destroyed = layout->version == CGROUP_V2 ? cgroup_v2_destroy(layout, path, err)
						     : cgroup_v1_destroy(layout, path, err);
	return destroyed < 0 ? error_wrap(err, "remove the control group %s", path) : 0;
}

int cgroup_open_group(const struct cgroup_hierarchy *hierarchy, const char *path, bool make)
{
	char whole[2 * CGROUP_PATH_LIMIT];
	snprintf(whole, sizeof whole, "%s%s", hierarchy->mount_point, path);
	/* The folder above is there but for the first container of this boot. */
	if (make && mkdir(whole, 0755) < 0 && errno == ENOENT) {
		for (char *at = whole + strlen(hierarchy->mount_point) + 1; *at; at++) {
			if (*at != '/')
				continue;
			*at = '\0';
			if (mkdir(whole, 0755) < 0 && errno != EEXIST)
				return -1;
			*at = '/';
		}
		if (mkdir(whole, 0755) < 0 && errno != EEXIST)
			return -1;
	}
	return open(whole, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

int cgroup_read_processes(const char *path, struct buffer *ret_text, struct error *err)
{
	const struct cgroup_layout *layout;
	if (check_path(path, err) < 0 || cgroup_layout_get(&layout, err) < 0)
		return -1;
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		if (layout->version == CGROUP_V1 && cgroup_is_optional(&layout->hierarchies[i]))
			continue;
		cleanup_close int group = cgroup_open_group(&layout->hierarchies[i], path, false);
		if (group < 0)
			return error_set_errno(err, errno, "open %s%s", layout->hierarchies[i].mount_point, path);
		return read_file_at(group, "cgroup.procs", PROCESSES_LIMIT, ret_text, err);
	}
	return error_set(err, ERROR_UNSUPPORTED, "this host has no control groups mounted");
}

int cgroup_kill_listed(int group_fd, size_t *ret_count, struct error *err)
{
	*ret_count = 0;
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(group_fd, "cgroup.procs", PROCESSES_LIMIT, &text, err) < 0)
		return -1;
	const char *at = buffer_text(&text);
	while (*at) {
		char *end;
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		/* 0 is a process of a pid namespace that we do not see; kill(0) would be ourselves. */
		if (pid > 0 && kill((pid_t)pid, SIGKILL) < 0 && errno != ESRCH)
			return error_set_errno(err, errno, "kill process %ld", pid);
		++*ret_count;
		at = end + (*end == '\n');
	}
	return 0;
}

static int remove_below(int parent_fd, const char *name, int depth)
{
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -1;
	int number = errno;
	int folder =
		depth < DEPTH_LIMIT ? openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
	cleanup_directory DIR *directory = folder < 0 ? NULL : fdopendir(folder);
	if (!directory) {
		if (folder >= 0)
			close(folder);
		errno = number;
		return -1;
	}
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			remove_below(folder, entry->d_name, depth + 1);
	}
	return unlinkat(parent_fd, name, AT_REMOVEDIR);
}

int cgroup_remove_group(const struct cgroup_hierarchy *hierarchy, const char *path, struct error *err)
{
	char whole[2 * CGROUP_PATH_LIMIT];
	snprintf(whole, sizeof whole, "%s%s", hierarchy->mount_point, path);
	nanoseconds deadline = time_monotonic() + REMOVE_TIMEOUT;
	struct timespec pause = {.tv_nsec = 100000};
	/* A process that has just died is still counted for a moment. */
	while (remove_below(AT_FDCWD, whole, 0) < 0 && errno != ENOENT) {
		if (errno != EBUSY || time_monotonic() > deadline)
			return error_set_errno(err, errno, "remove %s", whole);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
	return 0;
}
