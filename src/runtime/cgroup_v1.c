#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/time.h"
#include "runtime/cgroup_versions.h"
#include "runtime/device_filter.h"

#define KILL_TIMEOUT (10 * NANOSECONDS_PER_SECOND)
#define CPU_PERIOD   100000

static int write_number(int group_fd, const char *file, int64_t value, struct error *err)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRId64, value);
	return write_kernel_file_at(group_fd, file, text, err);
}

static int set_memory(int group_fd, const struct spec_resources *resources, struct error *err)
{
	if (resources->memory_bytes > 0 &&
	    write_number(group_fd, "memory.limit_in_bytes", resources->memory_bytes, err) < 0)
		return -1;
	/* Memory and swap together can not be below memory alone, so it comes second. */
	if (resources->memory_swap_bytes > 0 &&
	    write_number(group_fd, "memory.memsw.limit_in_bytes", resources->memory_swap_bytes, err) < 0) {
		if (!err || err->kind != ERROR_NOT_FOUND)
			return -1;
		/* The kernel does not count swap: as Docker does, the limit on memory stands alone. */
		error_clear(err);
	}
	return 0;
}

static int set_cpu(int group_fd, const struct spec_resources *resources, struct error *err)
{
	if (resources->cpu_shares > 0 && write_number(group_fd, "cpu.shares", resources->cpu_shares, err) < 0)
		return -1;
	int64_t period = resources->cpu_period_us > 0 ? resources->cpu_period_us : CPU_PERIOD;
	if ((resources->cpu_quota_us > 0 || resources->cpu_period_us > 0) &&
	    write_number(group_fd, "cpu.cfs_period_us", period, err) < 0)
		return -1;
	if (resources->cpu_quota_us > 0 && write_number(group_fd, "cpu.cfs_quota_us", resources->cpu_quota_us, err) < 0)
		return -1;
	return 0;
}

static int copy_cpuset(int from_fd, int to_fd, const char *file, struct error *err)
{
	cleanup_buffer struct buffer own = BUFFER_INIT(0), above = BUFFER_INIT(0);
	if (read_file_at(to_fd, file, 4096, &own, err) < 0)
		return -1;
	if (buffer_text(&own)[strspn(buffer_text(&own), " \n")])
		return 0;
	if (read_file_at(from_fd, file, 4096, &above, err) < 0)
		return -1;
	return write_kernel_file_at(to_fd, file, buffer_text(&above), err);
}

/* What a group has not said it does not have: each one on the way takes what the one above has. */
static int set_cpuset(const struct cgroup_hierarchy *hierarchy, const char *path,
		      const struct spec_resources *resources, struct error *err)
{
	char part[CGROUP_PATH_LIMIT];
	cleanup_close int above = cgroup_open_group(hierarchy, "", false);
	snprintf(part, sizeof part, "%s", path);
	for (char *at = part + 1; above >= 0; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char end = *at;
		*at = '\0';
		int group = cgroup_open_group(hierarchy, part, false);
		if (group < 0 || copy_cpuset(above, group, "cpuset.cpus", err) < 0 ||
		    copy_cpuset(above, group, "cpuset.mems", err) < 0) {
			int number = errno;
			if (group < 0)
				return error_set_errno(err, number, "open %s%s", hierarchy->mount_point, part);
			close(group);
			return -1;
		}
		close(above);
		above = group;
		if (!end)
			break;
		*at = end;
	}
	if (above < 0)
		return error_set_errno(err, errno, "open %s", hierarchy->mount_point);
	if (resources->cpuset_cpus && write_kernel_file_at(above, "cpuset.cpus", resources->cpuset_cpus, err) < 0)
		return error_wrap(err, "--cpuset-cpus %s", resources->cpuset_cpus);
	if (resources->cpuset_mems && write_kernel_file_at(above, "cpuset.mems", resources->cpuset_mems, err) < 0)
		return error_wrap(err, "--cpuset-mems %s", resources->cpuset_mems);
	return 0;
}

static int need(const struct cgroup_layout *layout, enum cgroup_controller controller, bool wanted, const char *option,
		struct error *err)
{
	if (!wanted || cgroup_layout_find(layout, controller))
		return 0;
	return error_set(err, ERROR_UNSUPPORTED, "%s: this host has not mounted the %s controller", option,
			 cgroup_controller_names[controller]);
}

int cgroup_v1_create(const struct cgroup_layout *layout, const char *path, const struct spec_resources *resources,
		     struct error *err)
{
	bool wants_cpuset = resources->cpuset_cpus || resources->cpuset_mems;
	if (need(layout, CGROUP_MEMORY, resources->memory_bytes > 0 || resources->memory_swap_bytes > 0, "--memory",
		 err) < 0 ||
	    need(layout, CGROUP_PIDS, resources->pids_limit > 0, "--pids-limit", err) < 0 ||
	    need(layout, CGROUP_CPU, resources->cpu_quota_us > 0, "--cpus", err) < 0 ||
	    need(layout, CGROUP_CPU, resources->cpu_period_us > 0, "--cpu-period", err) < 0 ||
	    need(layout, CGROUP_CPU, resources->cpu_shares > 0, "--cpu-shares", err) < 0 ||
	    need(layout, CGROUP_CPUSET, wants_cpuset, "--cpuset-cpus", err) < 0)
		return -1;
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		const struct cgroup_hierarchy *hierarchy = &layout->hierarchies[i];
		if (!wants_cpuset && cgroup_is_optional(hierarchy))
			continue;
		cleanup_close int group = cgroup_open_group(hierarchy, path, true);
		if (group < 0)
			return error_set_errno(err, errno, "make %s%s", hierarchy->mount_point, path);
		if (hierarchy->controllers & 1U << CGROUP_MEMORY && set_memory(group, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_CPU && set_cpu(group, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_CPUSET && set_cpuset(hierarchy, path, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_PIDS && resources->pids_limit > 0 &&
		    write_number(group, "pids.max", resources->pids_limit, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_v1_enter(const struct cgroup_layout *layout, const char *path, pid_t pid, struct error *err)
{
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		cleanup_close int group = cgroup_open_group(&layout->hierarchies[i], path, false);
		if (group < 0 && errno == ENOENT && cgroup_is_optional(&layout->hierarchies[i]))
			continue;
		if (group < 0)
			return error_set_errno(err, errno, "open %s%s", layout->hierarchies[i].mount_point, path);
		if (write_number(group, "cgroup.procs", pid, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_v1_restrict_devices(const struct cgroup_layout *layout, const char *path, bool *ret_guarded,
			       struct error *err)
{
	const struct cgroup_hierarchy *hierarchy = cgroup_layout_find(layout, CGROUP_DEVICES);
	*ret_guarded = false;
	if (!hierarchy)
		return 0;
	cleanup_close int group = cgroup_open_group(hierarchy, path, false);
	if (group < 0)
		return error_set_errno(err, errno, "open %s%s", hierarchy->mount_point, path);
	if (write_kernel_file_at(group, "devices.deny", "a", err) < 0)
		return -1;
	cleanup_close int allow = openat(group, "devices.allow", O_WRONLY | O_CLOEXEC);
	if (allow < 0)
		return error_set_errno(err, errno, "open devices.allow");
	for (size_t i = 0; i < device_default_rule_count; i++) {
		const struct device_rule *rule = &device_default_rules[i];
		char text[48], major[12] = "*", minor[12] = "*";
		if (rule->major >= 0)
			snprintf(major, sizeof major, "%d", rule->major);
		if (rule->minor >= 0)
			snprintf(minor, sizeof minor, "%d", rule->minor);
		int length = snprintf(text, sizeof text, "%c %s:%s %s", rule->type, major, minor, rule->access);
		if (write_full(allow, text, (size_t)length, err) < 0)
			return error_wrap(err, "devices.allow \"%s\"", text);
	}
	*ret_guarded = true;
	return 0;
}

/* Kills until none is left: with the group frozen, so that none can fork away meanwhile. */
static int kill_all(const struct cgroup_layout *layout, const char *path, struct error *err)
{
	const struct cgroup_hierarchy *freezer = cgroup_layout_find(layout, CGROUP_FREEZER);
	const struct cgroup_hierarchy *hierarchy = freezer ? freezer : &layout->hierarchies[0];
	cleanup_close int group = cgroup_open_group(hierarchy, path, false);
	if (group < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open %s%s", hierarchy->mount_point, path);
	nanoseconds deadline = time_monotonic() + KILL_TIMEOUT;
	struct timespec pause = {.tv_nsec = 100000};
	for (;;) {
		size_t count;
		if (cgroup_kill_listed(group, &count, err) < 0)
			return err && err->kind == ERROR_NOT_FOUND ? 0 : -1;
		if (count == 0)
			return 0;
		if (time_monotonic() > deadline)
			return error_set(err, ERROR_SYSTEM, "%zu processes do not die", count);
		/* Frozen they can not fork away; thawed they can die. A group that --pause had frozen is thawed as
		 * well. */
		if (freezer) {
			write_kernel_file_at(group, "freezer.state", "FROZEN", NULL);
			cgroup_kill_listed(group, &count, NULL);
			write_kernel_file_at(group, "freezer.state", "THAWED", NULL);
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
}

int cgroup_v1_destroy(const struct cgroup_layout *layout, const char *path, struct error *err)
{
	if (kill_all(layout, path, err) < 0)
		return -1;
	/* One that stays is no reason to leave the others. */
	int result = 0;
	for (size_t i = 0; i < layout->hierarchy_count; i++)
		if (cgroup_remove_group(&layout->hierarchies[i], path, result < 0 ? NULL : err) < 0)
			result = -1;
	return result;
}
