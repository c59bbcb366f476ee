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
	if (resources->memory_reservation_bytes > 0 &&
	    write_number(group_fd, "memory.soft_limit_in_bytes", resources->memory_reservation_bytes, err) < 0)
		return -1;
	if (resources->sets_swappiness &&
	    write_number(group_fd, "memory.swappiness", resources->memory_swappiness, err) < 0)
		return -1;
	if (resources->oom_kill_disable && write_number(group_fd, "memory.oom_control", 1, err) < 0)
		return -1;
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

static int64_t read_number(int group_fd, const char *file)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	return read_file_at(group_fd, file, 64, &text, NULL) < 0 ? -1 : strtoll(buffer_text(&text), NULL, 10);
}

/* Each group on the way must have at least what those below it get. */
static int set_realtime(const struct cgroup_hierarchy *hierarchy, const char *path,
			const struct spec_resources *resources, struct error *err)
{
	char part[CGROUP_PATH_LIMIT];
	snprintf(part, sizeof part, "%s", path);
	for (char *at = part + 1;; at++) {
		if (*at != '/' && *at != '\0')
			continue;
		char end = *at;
		*at = '\0';
		cleanup_close int group = cgroup_open_group(hierarchy, part, false);
		if (group < 0)
			return error_set_errno(err, errno, "open %s%s", hierarchy->mount_point, part);
		if (read_number(group, "cpu.rt_runtime_us") < 0)
			return error_set(err, ERROR_UNSUPPORTED,
					 "Your kernel does not support CPU real-time scheduler");
		bool is_last = end == '\0';
		if ((is_last || read_number(group, "cpu.rt_period_us") < resources->cpu_rt_period_us) &&
		    resources->cpu_rt_period_us > 0 &&
		    write_number(group, "cpu.rt_period_us", resources->cpu_rt_period_us, err) < 0)
			return error_wrap(err, "--cpu-rt-period");
		if ((is_last || read_number(group, "cpu.rt_runtime_us") < resources->cpu_rt_runtime_us) &&
		    resources->cpu_rt_runtime_us > 0 &&
		    write_number(group, "cpu.rt_runtime_us", resources->cpu_rt_runtime_us, err) < 0)
			return error_wrap(err, "--cpu-rt-runtime");
		if (is_last)
			return 0;
		*at = end;
	}
}

/* With the BFQ scheduler as a module of its own the names begin otherwise. */
static int write_weight(int group_fd, const char *file, const char *bfq_file, const char *text, struct error *err)
{
	struct error problem = {0};
	if (write_kernel_file_at(group_fd, file, text, &problem) == 0)
		return 0;
	if (problem.kind == ERROR_NOT_FOUND) {
		error_clear(&problem);
		if (write_kernel_file_at(group_fd, bfq_file, text, &problem) == 0)
			return 0;
	}
	if (problem.kind == ERROR_NOT_FOUND)
		return error_set(err, ERROR_UNSUPPORTED,
				 "Your kernel does not support Block I/O weight (%s): a scheduler of weights, BFQ, is "
				 "needed",
				 bfq_file);
	if (err)
		*err = problem;
	return -1;
}

static int set_block(int group_fd, const struct spec_resources *resources, struct error *err)
{
	static const char *const files[] = {
		[SPEC_BLOCK_READ_BYTES] = "blkio.throttle.read_bps_device",
		[SPEC_BLOCK_WRITE_BYTES] = "blkio.throttle.write_bps_device",
		[SPEC_BLOCK_READ_OPERATIONS] = "blkio.throttle.read_iops_device",
		[SPEC_BLOCK_WRITE_OPERATIONS] = "blkio.throttle.write_iops_device",
	};
	char text[64];
	if (resources->block_weight > 0) {
		snprintf(text, sizeof text, "%" PRId64, resources->block_weight);
		if (write_weight(group_fd, "blkio.weight", "blkio.bfq.weight", text, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < resources->block_limit_count; i++) {
		const struct spec_block_limit *limit = &resources->block_limits[i];
		snprintf(text, sizeof text, "%u:%u %" PRIu64, limit->major, limit->minor, limit->value);
		int result =
			limit->kind == SPEC_BLOCK_WEIGHT
				? write_weight(group_fd, "blkio.weight_device", "blkio.bfq.weight_device", text, err)
				: write_kernel_file_at(group_fd, files[limit->kind], text, err);
		if (result < 0)
			return error_wrap(err, "limit the block device %u:%u", limit->major, limit->minor);
	}
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

static int check_controllers(const struct cgroup_layout *layout, const struct spec_resources *resources,
			     struct error *err)
{
	const struct {
		enum cgroup_controller controller;
		bool wanted;
		const char *option;
	} needs[] = {
		{CGROUP_MEMORY, resources->memory_bytes > 0 || resources->memory_swap_bytes > 0, "--memory"},
		{CGROUP_MEMORY, resources->memory_reservation_bytes > 0, "--memory-reservation"},
		{CGROUP_MEMORY, resources->sets_swappiness, "--memory-swappiness"},
		{CGROUP_MEMORY, resources->oom_kill_disable, "--oom-kill-disable"},
		{CGROUP_PIDS, resources->pids_limit > 0, "--pids-limit"},
		{CGROUP_CPU, resources->cpu_quota_us > 0, "--cpus"},
		{CGROUP_CPU, resources->cpu_period_us > 0, "--cpu-period"},
		{CGROUP_CPU, resources->cpu_shares > 0, "--cpu-shares"},
		{CGROUP_CPU, resources->cpu_rt_period_us > 0 || resources->cpu_rt_runtime_us > 0, "--cpu-rt-runtime"},
		{CGROUP_CPUSET, resources->cpuset_cpus || resources->cpuset_mems, "--cpuset-cpus"},
		{CGROUP_BLKIO, resources->block_weight > 0, "--blkio-weight"},
		{CGROUP_BLKIO, resources->block_limit_count > 0, "--device-read-bps and its like"},
	};
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++)
		if (need(layout, needs[i].controller, needs[i].wanted, needs[i].option, err) < 0)
			return -1;
	return 0;
}

int cgroup_v1_create(const struct cgroup_layout *layout, const char *path, const struct spec_resources *resources,
		     struct error *err)
{
	bool wants_cpuset = resources->cpuset_cpus || resources->cpuset_mems;
	bool wants_block = resources->block_weight > 0 || resources->block_limit_count > 0;
	bool wants_realtime = resources->cpu_rt_period_us > 0 || resources->cpu_rt_runtime_us > 0;
	unsigned optional = (wants_cpuset ? 1U << CGROUP_CPUSET : 0) | (wants_block ? 1U << CGROUP_BLKIO : 0);
	if (check_controllers(layout, resources, err) < 0)
		return -1;
	for (size_t i = 0; i < layout->hierarchy_count; i++) {
		const struct cgroup_hierarchy *hierarchy = &layout->hierarchies[i];
		if (cgroup_is_optional(hierarchy) && !(hierarchy->controllers & optional))
			continue;
		cleanup_close int group = cgroup_open_group(hierarchy, path, true);
		if (group < 0)
			return error_set_errno(err, errno, "make %s%s", hierarchy->mount_point, path);
		if (hierarchy->controllers & 1U << CGROUP_MEMORY && set_memory(group, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_CPU && set_cpu(group, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_CPU && wants_realtime &&
		    set_realtime(hierarchy, path, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_CPUSET && set_cpuset(hierarchy, path, resources, err) < 0)
			return -1;
		if (hierarchy->controllers & 1U << CGROUP_BLKIO && set_block(group, resources, err) < 0)
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

static int allow_device(int allow_fd, const struct device_rule *rule, struct error *err)
{
	char text[48], major[12] = "*", minor[12] = "*";
	if (rule->major >= 0)
		snprintf(major, sizeof major, "%d", rule->major);
	if (rule->minor >= 0)
		snprintf(minor, sizeof minor, "%d", rule->minor);
	int length = snprintf(text, sizeof text, "%c %s:%s %s", rule->type, major, minor, rule->access);
	if (write_full(allow_fd, text, (size_t)length, err) < 0)
		return error_wrap(err, "devices.allow \"%s\"", text);
	return 0;
}

int cgroup_v1_restrict_devices(const struct cgroup_layout *layout, const char *path, const struct device_rule *rules,
			       size_t count, bool *ret_guarded, struct error *err)
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
	for (size_t i = 0; i < device_default_rule_count; i++)
		if (allow_device(allow, &device_default_rules[i], err) < 0)
			return -1;
	for (size_t i = 0; i < count; i++) {
		/* The kernel takes "a" as all devices, whatever numbers follow: two rules say what was meant. */
		struct device_rule rule = rules[i];
		bool is_both = rule.type == 'a';
		rule.type = is_both ? 'c' : rule.type;
		if (allow_device(allow, &rule, err) < 0)
			return -1;
		rule.type = 'b';
		if (is_both && allow_device(allow, &rule, err) < 0)
			return -1;
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
