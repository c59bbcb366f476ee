/*
 * Version 1 freezes process by process and may stay half-way ("FREEZING") until the state is written once more; version
 * 2 says "frozen 1" in cgroup.events when the last has stopped.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/memory.h"
#include "base/time.h"
#include "runtime/cgroup_versions.h"

#define FREEZE_TIMEOUT (10 * NANOSECONDS_PER_SECOND)
#define STATE_LIMIT    4096

/* The group in the hierarchy that freezes, as an owned descriptor. */
static int open_freezer(const char *path, enum cgroup_version *ret_version, struct error *err)
{
	const struct cgroup_layout *layout;
	if (cgroup_layout_get(&layout, err) < 0)
		return -1;
	const struct cgroup_hierarchy *hierarchy = layout->version == CGROUP_V2 ? &layout->hierarchies[0]
						   : layout->version == CGROUP_V1
							   ? cgroup_layout_find(layout, CGROUP_FREEZER)
							   : NULL;
	if (!hierarchy)
		return error_set(err, ERROR_UNSUPPORTED, "this host has no freezer among its control groups");
	int group = cgroup_open_group(hierarchy, path, false);
	if (group < 0)
		return error_set_errno(err, errno, "open %s%s", hierarchy->mount_point, path);
	*ret_version = layout->version;
	return group;
}

/* Whether it has come to be as wanted; where it cannot be read it has not. */
static bool has_settled(int group, enum cgroup_version version, bool frozen)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(STATE_LIMIT);
	if (version == CGROUP_V1)
		return read_file_at(group, "freezer.state", STATE_LIMIT, &text, NULL) == 0 &&
		       strcmp(buffer_text(&text), frozen ? "FROZEN\n" : "THAWED\n") == 0;
	return read_file_at(group, "cgroup.events", STATE_LIMIT, &text, NULL) == 0 &&
	       strstr(buffer_text(&text), frozen ? "frozen 1" : "frozen 0") != NULL;
}

static int write_state(int group, enum cgroup_version version, bool frozen, struct error *err)
{
	if (version == CGROUP_V1)
		return write_kernel_file_at(group, "freezer.state", frozen ? "FROZEN" : "THAWED", err);
	return write_kernel_file_at(group, "cgroup.freeze", frozen ? "1" : "0", err);
}

int cgroup_set_frozen(const char *path, bool frozen, struct error *err)
{
	enum cgroup_version version;
	cleanup_close int group = open_freezer(path, &version, err);
	nanoseconds deadline = time_monotonic() + FREEZE_TIMEOUT;
	struct timespec pause = {.tv_nsec = 100000};
	if (group < 0 || write_state(group, version, frozen, err) < 0)
		return -1;
	while (!has_settled(group, version, frozen)) {
		if (time_monotonic() > deadline) {
			if (frozen)
				write_state(group, version, false, NULL);
			return error_set(err, ERROR_SYSTEM, "its processes do not %s", frozen ? "freeze" : "thaw");
		}
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20000000)
			pause.tv_nsec *= 2;
		if (write_state(group, version, frozen, err) < 0)
			return -1;
	}
	return 0;
}

bool cgroup_is_frozen(const char *path)
{
	struct error ignored = {0};
	enum cgroup_version version;
	cleanup_close int group = open_freezer(path, &version, &ignored);
	return group >= 0 && has_settled(group, version, true);
}
