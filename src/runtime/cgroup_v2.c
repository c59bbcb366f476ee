/* Documentation/admin-guide/cgroup-v2.rst of the kernel is what this follows. */
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

#define KILL_TIMEOUT (10 * NANOSECONDS_PER_SECOND)
#define CPU_PERIOD   100000

/* Those behind the first three are made only where somebody asks for them. */
enum { FOR_ALL = 0x7, FOR_CPUSET = 1 << 3, FOR_IO = 1 << 4 };
static const char *const controllers[] = {"memory", "pids", "cpu", "cpuset", "io"};

static bool has_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	for (const char *at = text; (at = strstr(at, word)); at += length) {
		bool starts = at == text || at[-1] == ' ';
		if (starts && (at[length] == ' ' || at[length] == '\n' || at[length] == '\0'))
			return true;
	}
	return false;
}

/*
 * A controller reaches a group when each group above names it in cgroup.subtree_control. One that the host does not
 * have is passed over here: a limit that needs it fails later, on the file that is not there.
 */
static int enable_controllers(int group_fd, unsigned wanted, struct error *err)
{
	cleanup_buffer struct buffer available = BUFFER_INIT(0), enabled = BUFFER_INIT(0);
	if (read_file_at(group_fd, "cgroup.controllers", 4096, &available, err) < 0 ||
	    read_file_at(group_fd, "cgroup.subtree_control", 4096, &enabled, err) < 0)
		return -1;
	char text[64] = "";
	size_t used = 0;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (wanted & 1U << i && has_word(buffer_text(&available), controllers[i]) &&
		    !has_word(buffer_text(&enabled), controllers[i]))
			used += (size_t)snprintf(text + used, sizeof text - used, "%s+%s", used ? " " : "",
						 controllers[i]);
	}
	return used == 0 ? 0 : write_kernel_file_at(group_fd, "cgroup.subtree_control", text, err);
}

static int enable_down_to(const struct cgroup_hierarchy *hierarchy, const char *path, unsigned wanted,
			  struct error *err)
{
	char above[CGROUP_PATH_LIMIT];
	snprintf(above, sizeof above, "%s", path);
	for (char *at = above;; at++) {
		if (*at != '/')
			continue;
		/* "", "/coracle": all but the group itself. */
		*at = '\0';
		cleanup_close int group = cgroup_open_group(hierarchy, above, above[0] != '\0');
		if (group < 0)
			return error_set_errno(err, errno, "make %s%s", hierarchy->mount_point, above);
		if (enable_controllers(group, wanted, err) < 0)
			return error_wrap(err, "%s%s", hierarchy->mount_point, above);
		*at = '/';
		if (!strchr(at + 1, '/'))
			return 0;
	}
}

static int set(int group_fd, const char *file, const char *option, const char *text, struct error *err)
{
	if (write_kernel_file_at(group_fd, file, text, err) == 0)
		return 0;
	if (err && err->kind == ERROR_NOT_FOUND)
		return error_set(err, ERROR_UNSUPPORTED, "%s: this host does not give %s to its control groups", option,
				 file);
	return -1;
}

static int set_memory(int group_fd, const struct spec_resources *resources, struct error *err)
{
	char text[32];
	if (resources->sets_swappiness)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--memory-swappiness: control groups of version 2 have no swappiness of their own");
	if (resources->oom_kill_disable)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--oom-kill-disable: control groups of version 2 can not be kept from it");
	if (resources->memory_reservation_bytes > 0) {
		snprintf(text, sizeof text, "%" PRId64, resources->memory_reservation_bytes);
		if (set(group_fd, "memory.low", "--memory-reservation", text, err) < 0)
			return -1;
	}
	if (resources->memory_bytes > 0) {
		snprintf(text, sizeof text, "%" PRId64, resources->memory_bytes);
		if (set(group_fd, "memory.max", "--memory", text, err) < 0)
			return -1;
	}
	/* Here swap is counted alone, in Docker's option together with memory. */
	if (resources->memory_swap_bytes > 0) {
		if (resources->memory_swap_bytes < resources->memory_bytes)
			return error_set(err, ERROR_INVALID,
					 "--memory-swap is memory and swap together and can not be below --memory");
		snprintf(text, sizeof text, "%" PRId64, resources->memory_swap_bytes - resources->memory_bytes);
		if (set(group_fd, "memory.swap.max", "--memory-swap", text, err) < 0) {
			if (!err || err->kind != ERROR_UNSUPPORTED)
				return -1;
			/* A kernel without swap: the limit on memory stands alone. */
			error_clear(err);
		}
	} else if (resources->memory_swap_bytes < 0) {
		write_kernel_file_at(group_fd, "memory.swap.max", "max", NULL);
	}
	return 0;
}

static int set_block(int group_fd, const struct spec_resources *resources, struct error *err)
{
	static const char *const keys[] = {
		[SPEC_BLOCK_READ_BYTES] = "rbps",
		[SPEC_BLOCK_WRITE_BYTES] = "wbps",
		[SPEC_BLOCK_READ_OPERATIONS] = "riops",
		[SPEC_BLOCK_WRITE_OPERATIONS] = "wiops",
	};
	char text[64];
	/* BFQ's weights are Docker's own. */
	if (resources->block_weight > 0) {
		snprintf(text, sizeof text, "default %" PRId64, resources->block_weight);
		if (set(group_fd, "io.bfq.weight", "--blkio-weight", text, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < resources->block_limit_count; i++) {
		const struct spec_block_limit *limit = &resources->block_limits[i];
		bool is_weight = limit->kind == SPEC_BLOCK_WEIGHT;
		snprintf(text, sizeof text, "%u:%u %s%s%" PRIu64, limit->major, limit->minor,
			 is_weight ? "" : keys[limit->kind], is_weight ? "" : "=", limit->value);
		if (set(group_fd, is_weight ? "io.bfq.weight" : "io.max", "a limit on a block device", text, err) < 0)
			return -1;
	}
	return 0;
}

static int set_limits(int group_fd, const struct spec_resources *resources, struct error *err)
{
	char text[64];
	if (set_memory(group_fd, resources, err) < 0 || set_block(group_fd, resources, err) < 0)
		return -1;
	if (resources->cpu_rt_period_us > 0 || resources->cpu_rt_runtime_us > 0)
		return error_set(err, ERROR_UNSUPPORTED,
				 "--cpu-rt-runtime: Your kernel does not support CPU real-time scheduler with control "
				 "groups of version 2");
	if (resources->pids_limit > 0) {
		snprintf(text, sizeof text, "%" PRId64, resources->pids_limit);
		if (set(group_fd, "pids.max", "--pids-limit", text, err) < 0)
			return -1;
	}
	if (resources->cpu_quota_us > 0 || resources->cpu_period_us > 0) {
		int64_t period = resources->cpu_period_us > 0 ? resources->cpu_period_us : CPU_PERIOD;
		if (resources->cpu_quota_us > 0)
			snprintf(text, sizeof text, "%" PRId64 " %" PRId64, resources->cpu_quota_us, period);
		else
			snprintf(text, sizeof text, "max %" PRId64, period);
		if (set(group_fd, "cpu.max", "--cpus", text, err) < 0)
			return -1;
	}
	if ((resources->cpuset_cpus &&
	     set(group_fd, "cpuset.cpus", "--cpuset-cpus", resources->cpuset_cpus, err) < 0) ||
	    (resources->cpuset_mems && set(group_fd, "cpuset.mems", "--cpuset-mems", resources->cpuset_mems, err) < 0))
		return -1;
	if (resources->cpu_shares > 0) {
		/* Shares are 2..262144, a weight is 1..10000. */
		int64_t shares = resources->cpu_shares < 2	  ? 2
				 : resources->cpu_shares > 262144 ? 262144
								  : resources->cpu_shares;
		snprintf(text, sizeof text, "%" PRId64, 1 + (shares - 2) * 9999 / 262142);
		if (set(group_fd, "cpu.weight", "--cpu-shares", text, err) < 0)
			return -1;
	}
	return 0;
}

int cgroup_v2_create(const struct cgroup_layout *layout, const char *path, const struct spec_resources *resources,
		     struct error *err)
{
	const struct cgroup_hierarchy *hierarchy = &layout->hierarchies[0];
	unsigned wanted = FOR_ALL;
	if (resources->cpuset_cpus || resources->cpuset_mems)
		wanted |= FOR_CPUSET;
	if (resources->block_weight > 0 || resources->block_limit_count > 0)
		wanted |= FOR_IO;
	if (enable_down_to(hierarchy, path, wanted, err) < 0)
		return -1;
	cleanup_close int group = cgroup_open_group(hierarchy, path, true);
	if (group < 0)
		return error_set_errno(err, errno, "make %s%s", hierarchy->mount_point, path);
	return set_limits(group, resources, err);
}

int cgroup_v2_enter(const struct cgroup_layout *layout, const char *path, pid_t pid, struct error *err)
{
	char text[16];
	cleanup_close int group = cgroup_open_group(&layout->hierarchies[0], path, false);
	if (group < 0)
		return error_set_errno(err, errno, "open %s%s", layout->hierarchies[0].mount_point, path);
	snprintf(text, sizeof text, "%d", pid);
	return write_kernel_file_at(group, "cgroup.procs", text, err);
}

static bool is_populated(int group_fd)
{
	cleanup_buffer struct buffer events = BUFFER_INIT(0);
	return read_file_at(group_fd, "cgroup.events", 4096, &events, NULL) == 0 &&
	       strstr(buffer_text(&events), "populated 1") != NULL;
}

int cgroup_v2_destroy(const struct cgroup_layout *layout, const char *path, struct error *err)
{
	cleanup_close int group = cgroup_open_group(&layout->hierarchies[0], path, false);
	if (group < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open the group");
	nanoseconds deadline = time_monotonic() + KILL_TIMEOUT;
	struct timespec pause = {.tv_nsec = 100000};
	/* cgroup.kill (Linux 5.14) takes the whole tree at once, whatever it forks. */
	if (is_populated(group) && write_kernel_file_at(group, "cgroup.kill", "1", NULL) < 0) {
		size_t count;
		if (cgroup_kill_listed(group, &count, err) < 0)
			return -1;
	}
	while (is_populated(group)) {
		size_t count;
		if (time_monotonic() > deadline)
			return error_set(err, ERROR_SYSTEM, "its processes do not die");
		cgroup_kill_listed(group, &count, NULL);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
	}
	return cgroup_remove_group(&layout->hierarchies[0], path, err);
}
