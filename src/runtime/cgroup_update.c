#include "runtime/cgroup_update.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/memory.h"
#include "runtime/cgroup_versions.h"

#define CPU_PERIOD   100000
#define CHANGE_LIMIT 8

struct change {
	const char *option;
	enum cgroup_controller controller;
	const char *file;
	bool is_optional; /* a kernel that does not count swap has no such file */
	char text[64];
};

struct changes {
	struct change items[CHANGE_LIMIT];
	size_t count;
};

static struct change *add(struct changes *changes, const char *option, enum cgroup_controller controller,
			  const char *file)
{
	struct change *change = &changes->items[changes->count++];
	*change = (struct change){.option = option, .controller = controller, .file = file};
	return change;
}

static void add_number(struct changes *changes, const char *option, enum cgroup_controller controller, const char *file,
		       int64_t value)
{
	struct change *change = add(changes, option, controller, file);
	snprintf(change->text, sizeof change->text, "%" PRId64, value);
}

static void add_swap(struct changes *changes, bool is_v2, const struct spec_resources *to)
{
	const char *file = is_v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes";
	if (to->memory_swap_bytes == 0)
		return;
	/* Version 2 counts swap alone; Docker's option is memory and swap together. */
	int64_t value = is_v2 ? to->memory_swap_bytes - to->memory_bytes : to->memory_swap_bytes;
	if (to->memory_swap_bytes > 0)
		add_number(changes, "--memory-swap", CGROUP_MEMORY, file, value);
	else
		snprintf(add(changes, "--memory-swap", CGROUP_MEMORY, file)->text, sizeof changes->items[0].text, "%s",
			 is_v2 ? "max" : "-1");
	changes->items[changes->count - 1].is_optional = true;
}

static void add_memory(struct changes *changes, bool is_v2, const struct spec_resources *from,
		       const struct spec_resources *to)
{
	bool differs = from->memory_bytes != to->memory_bytes;
	if (!differs && from->memory_swap_bytes == to->memory_swap_bytes)
		return;
	/* At no moment may memory be more than memory and swap together. */
	bool rises = from->memory_bytes > 0 && to->memory_bytes > from->memory_bytes;
	if (rises)
		add_swap(changes, is_v2, to);
	if (differs && to->memory_bytes > 0)
		add_number(changes, "--memory", CGROUP_MEMORY, is_v2 ? "memory.max" : "memory.limit_in_bytes",
			   to->memory_bytes);
	else if (differs)
		snprintf(add(changes, "--memory", CGROUP_MEMORY, is_v2 ? "memory.max" : "memory.limit_in_bytes")->text,
			 sizeof changes->items[0].text, "%s", is_v2 ? "max" : "-1");
	if (!rises)
		add_swap(changes, is_v2, to);
}

static void add_cpu(struct changes *changes, bool is_v2, const struct spec_resources *from,
		    const struct spec_resources *to)
{
	int64_t period = to->cpu_period_us > 0 ? to->cpu_period_us : CPU_PERIOD;
	int64_t quota = to->cpu_quota_us > 0 ? to->cpu_quota_us : -1;
	if (from->cpu_quota_us != to->cpu_quota_us || from->cpu_period_us != to->cpu_period_us) {
		if (is_v2) {
			struct change *change = add(changes, "--cpus", CGROUP_CPU, "cpu.max");
			if (quota > 0)
				snprintf(change->text, sizeof change->text, "%" PRId64 " %" PRId64, quota, period);
			else
				snprintf(change->text, sizeof change->text, "max %" PRId64, period);
		} else {
			if (from->cpu_period_us != to->cpu_period_us)
				add_number(changes, "--cpu-period", CGROUP_CPU, "cpu.cfs_period_us", period);
			add_number(changes, "--cpus", CGROUP_CPU, "cpu.cfs_quota_us", quota);
		}
	}
	if (from->cpu_shares == to->cpu_shares)
		return;
	int64_t shares = to->cpu_shares == 0 ? 1024 : to->cpu_shares < 2 ? 2 : to->cpu_shares;
	if (shares > 262144)
		shares = 262144;
	add_number(changes, "--cpu-shares", CGROUP_CPU, is_v2 ? "cpu.weight" : "cpu.shares",
		   is_v2 ? 1 + (shares - 2) * 9999 / 262142 : shares);
}

static void collect(bool is_v2, const struct spec_resources *from, const struct spec_resources *to,
		    struct changes *changes)
{
	*changes = (struct changes){0};
	add_memory(changes, is_v2, from, to);
	add_cpu(changes, is_v2, from, to);
	if (from->pids_limit == to->pids_limit)
		return;
	if (to->pids_limit > 0)
		add_number(changes, "--pids-limit", CGROUP_PIDS, "pids.max", to->pids_limit);
	else
		snprintf(add(changes, "--pids-limit", CGROUP_PIDS, "pids.max")->text, sizeof changes->items[0].text,
			 "max");
}

static int apply_one(const struct cgroup_layout *layout, const char *path, const struct change *change,
		     struct error *err)
{
	const struct cgroup_hierarchy *hierarchy =
		layout->version == CGROUP_V2 ? &layout->hierarchies[0] : cgroup_layout_find(layout, change->controller);
	if (!hierarchy)
		return error_set(err, ERROR_UNSUPPORTED, "%s: this host has not mounted the %s controller",
				 change->option, cgroup_controller_names[change->controller]);
	cleanup_close int group = cgroup_open_group(hierarchy, path, false);
	if (group < 0)
		return error_set_errno(err, errno, "open %s%s", hierarchy->mount_point, path);
	struct error problem = {0};
	if (write_kernel_file_at(group, change->file, change->text, &problem) == 0 ||
	    (change->is_optional && problem.kind == ERROR_NOT_FOUND))
		return 0;
	return error_set(err, problem.kind, "%s: write \"%s\": %s", change->option, change->text, problem.message);
}

int cgroup_update(const char *path, const struct spec_resources *from, const struct spec_resources *to,
		  struct error *err)
{
	const struct cgroup_layout *layout;
	struct changes changes, back;
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	collect(layout->version == CGROUP_V2, from, to, &changes);
	if (changes.count > 0 && layout->version == CGROUP_NONE)
		return error_set(err, ERROR_UNSUPPORTED,
				 "%s: this host has no control groups mounted; mount cgroup2 on /sys/fs/cgroup",
				 changes.items[0].option);
	for (size_t i = 0; i < changes.count; i++) {
		if (apply_one(layout, path, &changes.items[i], err) == 0)
			continue;
		collect(layout->version == CGROUP_V2, to, from, &back);
		for (size_t j = 0; j < back.count; j++)
			apply_one(layout, path, &back.items[j], NULL);
		return -1;
	}
	return 0;
}
