#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "runtime/cgroup.h"
#include "runtime/cgroup_layout.h"

int cgroup_open_memory_events(const char *path)
{
	const struct cgroup_layout *layout;
	char name[2 * CGROUP_PATH_LIMIT];
	if (cgroup_layout_get(&layout, NULL) < 0 || layout->version == CGROUP_NONE)
		return -1;
	bool is_v2 = layout->version == CGROUP_V2;
	const struct cgroup_hierarchy *hierarchy =
		is_v2 ? &layout->hierarchies[0] : cgroup_layout_find(layout, CGROUP_MEMORY);
	int size = hierarchy ? snprintf(name, sizeof name, "%s%s/%s", hierarchy->mount_point, path,
					is_v2 ? "memory.events" : "memory.oom_control")
			     : -1;
	return size < 0 || size >= (int)sizeof name ? -1 : open(name, O_RDONLY | O_CLOEXEC);
}
