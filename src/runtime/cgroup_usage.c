#include "runtime/cgroup_usage.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/cgroup_versions.h"

#define FILE_LIMIT     (256 * 1024)
#define PROCESS_LIMIT  (4 * 1024 * 1024)
#define NO_LIMIT_ABOVE (UINT64_MAX / 4) /* version 1 says "none" by a number that no machine has */

uint64_t cgroup_usage_find(const char *text, const char *key)
{
	size_t length = strlen(key);
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) == 0 && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	}
	return 0;
}

uint64_t cgroup_usage_sum(const char *text, const char *key)
{
	uint64_t sum = 0;
	size_t length = strlen(key);
	for (const char *at = text; (at = strstr(at, key)); at += length)
		if (at > text && at[-1] == ' ' && at[length] == '=')
			sum += strtoull(at + length + 1, NULL, 10);
	return sum;
}

static uint64_t read_number(int group_fd, const char *file)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(group_fd, file, FILE_LIMIT, &text, NULL) < 0)
		return 0;
	return strncmp(buffer_text(&text), "max", 3) == 0 ? UINT64_MAX : strtoull(buffer_text(&text), NULL, 10);
}

static uint64_t read_key(int group_fd, const char *file, const char *key)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(group_fd, file, FILE_LIMIT, &text, NULL) < 0)
		return 0;
	return cgroup_usage_find(buffer_text(&text), key);
}

static uint64_t without(uint64_t all, uint64_t part)
{
	return part < all ? all - part : all;
}

/*
 * What its processes have had of disks by their own account, which has that of children that were waited for as well:
 * for groups that the kernel does not count blocks for.
 */
static void add_processes(int group_fd, struct cgroup_usage *usage)
{
	cleanup_buffer struct buffer list = BUFFER_INIT(0);
	if (read_file_at(group_fd, "cgroup.procs", PROCESS_LIMIT, &list, NULL) < 0)
		return;
	const char *at = buffer_text(&list);
	for (char *end; *at; at = end + (*end == '\n')) {
		long pid = strtol(at, &end, 10);
		char path[48];
		cleanup_buffer struct buffer text = BUFFER_INIT(0);
		if (end == at)
			return;
		snprintf(path, sizeof path, "/proc/%ld/io", pid);
		if (read_file_at(AT_FDCWD, path, FILE_LIMIT, &text, NULL) < 0)
			continue;
		usage->block_read += cgroup_usage_find(buffer_text(&text), "read_bytes:");
		usage->block_written += cgroup_usage_find(buffer_text(&text), "write_bytes:");
	}
}

static int open_group(const struct cgroup_hierarchy *hierarchy, const char *path)
{
	return hierarchy ? cgroup_open_group(hierarchy, path, false) : -1;
}

static int read_v2(const struct cgroup_layout *layout, const char *path, struct cgroup_usage *usage, struct error *err)
{
	cleanup_close int group = open_group(&layout->hierarchies[0], path);
	cleanup_buffer struct buffer io = BUFFER_INIT(0);
	if (group < 0)
		return error_set_errno(err, errno, "open %s%s", layout->hierarchies[0].mount_point, path);
	usage->cpu_ns = read_key(group, "cpu.stat", "usage_usec") * 1000;
	usage->memory = without(read_number(group, "memory.current"), read_key(group, "memory.stat", "inactive_file"));
	usage->memory_limit = read_number(group, "memory.max");
	usage->processes = read_number(group, "pids.current");
	if (read_file_at(group, "io.stat", FILE_LIMIT, &io, NULL) == 0) {
		usage->block_read = cgroup_usage_sum(buffer_text(&io), "rbytes");
		usage->block_written = cgroup_usage_sum(buffer_text(&io), "wbytes");
	} else {
		add_processes(group, usage);
	}
	return 0;
}

static int read_v1(const struct cgroup_layout *layout, const char *path, struct cgroup_usage *usage, struct error *err)
{
	cleanup_close int cpu = open_group(cgroup_layout_find(layout, CGROUP_CPUACCT), path);
	cleanup_close int memory = open_group(cgroup_layout_find(layout, CGROUP_MEMORY), path);
	cleanup_close int pids = open_group(cgroup_layout_find(layout, CGROUP_PIDS), path);
	if (cpu < 0 && memory < 0 && pids < 0)
		return error_set(err, ERROR_NOT_FOUND, "the control group %s is not there", path);
	usage->cpu_ns = cpu < 0 ? 0 : read_number(cpu, "cpuacct.usage");
	usage->processes = pids < 0 ? 0 : read_number(pids, "pids.current");
	if (memory >= 0) {
		usage->memory = without(read_number(memory, "memory.usage_in_bytes"),
					read_key(memory, "memory.stat", "total_inactive_file"));
		usage->memory_limit = read_number(memory, "memory.limit_in_bytes");
	}
	add_processes(pids >= 0 ? pids : memory >= 0 ? memory : cpu, usage);
	return 0;
}

int cgroup_usage_read(const char *path, struct cgroup_usage *ret_usage, struct error *err)
{
	const struct cgroup_layout *layout;
	struct cgroup_usage usage = {.memory_limit = UINT64_MAX};
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	if (layout->version == CGROUP_NONE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "this host has no control groups mounted; mount cgroup2 on /sys/fs/cgroup");
	int result =
		layout->version == CGROUP_V2 ? read_v2(layout, path, &usage, err) : read_v1(layout, path, &usage, err);
	if (result < 0)
		return -1;
	if (usage.memory_limit > NO_LIMIT_ABOVE)
		usage.memory_limit = UINT64_MAX;
	*ret_usage = usage;
	return 0;
}
