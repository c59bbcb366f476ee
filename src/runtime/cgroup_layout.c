#include "runtime/cgroup_layout.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/memory.h"

#define MOUNTINFO_LIMIT (8 * 1024 * 1024)

const char *const cgroup_controller_names[CGROUP_CONTROLLER_COUNT] = {
	[CGROUP_MEMORY] = "memory",   [CGROUP_PIDS] = "pids",	    [CGROUP_CPU] = "cpu",
	[CGROUP_CPUACCT] = "cpuacct", [CGROUP_DEVICES] = "devices", [CGROUP_FREEZER] = "freezer",
	[CGROUP_CPUSET] = "cpuset",   [CGROUP_BLKIO] = "blkio",
};

/* One line of mountinfo (proc_pid_mountinfo(5)), cut where the columns of interest are. */
struct mount_line {
	const char *root, *mount_point, *file_system, *super_options; /* each up to the next space */
	const char *end;
};

static bool word_is(const char *word, const char *text)
{
	size_t length = strlen(text);
	return strncmp(word, text, length) == 0 &&
	       (word[length] == ' ' || word[length] == '\n' || word[length] == '\0');
}

static const char *skip_word(const char *at, const char *end)
{
	const char *space = memchr(at, ' ', (size_t)(end - at));
	return space ? space + 1 : end;
}

static bool cut_line(const char *line, const char *end, struct mount_line *ret_line)
{
	const char *at = line;
	for (int i = 0; i < 3; i++)
		at = skip_word(at, end);
	ret_line->root = at;
	ret_line->mount_point = skip_word(at, end);
	/* A lone "-" ends the optional fields. */
	for (at = skip_word(ret_line->mount_point, end); at < end && !word_is(at, "-"); at = skip_word(at, end))
		;
	if (at >= end)
		return false;
	ret_line->file_system = skip_word(at, end);
	ret_line->super_options = skip_word(skip_word(ret_line->file_system, end), end);
	ret_line->end = end;
	return ret_line->super_options < end;
}

static bool is_octal(char digit)
{
	return digit >= '0' && digit <= '7';
}

/* Spaces and the like are three octal digits behind a backslash. */
static bool copy_path(const char *from, char to[CGROUP_PATH_LIMIT])
{
	size_t used = 0;
	while (*from && *from != ' ' && used < CGROUP_PATH_LIMIT - 1) {
		if (from[0] == '\\' && is_octal(from[1]) && is_octal(from[2]) && is_octal(from[3])) {
			to[used++] = (char)((from[1] - '0') * 64 + (from[2] - '0') * 8 + (from[3] - '0'));
			from += 4;
		} else {
			to[used++] = *from++;
		}
	}
	to[used] = '\0';
	return *from == ' ';
}

static unsigned parse_controllers(const char *options, const char *end)
{
	unsigned controllers = 0;
	while (options < end) {
		const char *comma = memchr(options, ',', (size_t)(end - options));
		size_t length = (size_t)((comma ? comma : end) - options);
		for (int i = 0; i < CGROUP_CONTROLLER_COUNT; i++) {
			if (strlen(cgroup_controller_names[i]) == length &&
			    memcmp(options, cgroup_controller_names[i], length) == 0)
				controllers |= 1U << i;
		}
		options += length + 1;
	}
	return controllers;
}

static const char *line_end(const char *line)
{
	return line + strcspn(line, "\n");
}

bool cgroup_layout_find_unified(const char *mountinfo, char ret_path[CGROUP_PATH_LIMIT])
{
	for (const char *line = mountinfo; *line; line = line_end(line) + (*line_end(line) == '\n')) {
		struct mount_line cut;
		if (cut_line(line, line_end(line), &cut) && word_is(cut.file_system, "cgroup2") &&
		    word_is(cut.root, "/") && copy_path(cut.mount_point, ret_path))
			return true;
	}
	return false;
}

void cgroup_layout_parse(const char *mountinfo, bool unified_has_controllers, struct cgroup_layout *ret_layout)
{
	memset(ret_layout, 0, sizeof *ret_layout);
	if (unified_has_controllers && cgroup_layout_find_unified(mountinfo, ret_layout->hierarchies[0].mount_point)) {
		ret_layout->version = CGROUP_V2;
		ret_layout->hierarchy_count = 1;
		return;
	}
	unsigned seen = 0;
	for (const char *line = mountinfo; *line; line = line_end(line) + (*line_end(line) == '\n')) {
		struct mount_line cut;
		if (!cut_line(line, line_end(line), &cut) || !word_is(cut.file_system, "cgroup") ||
		    !word_is(cut.root, "/"))
			continue;
		unsigned controllers = parse_controllers(cut.super_options, cut.end) & ~seen;
		if (controllers == 0 || ret_layout->hierarchy_count == CGROUP_CONTROLLER_COUNT)
			continue;
		struct cgroup_hierarchy *hierarchy = &ret_layout->hierarchies[ret_layout->hierarchy_count];
		if (!copy_path(cut.mount_point, hierarchy->mount_point))
			continue;
		hierarchy->controllers = controllers;
		ret_layout->hierarchy_count++;
		seen |= controllers;
	}
	if (ret_layout->hierarchy_count > 0)
		ret_layout->version = CGROUP_V1;
}

int cgroup_layout_get(const struct cgroup_layout **ret_layout, struct error *err)
{
	static struct cgroup_layout layout;
	static bool known;
	if (!known) {
		cleanup_buffer struct buffer mountinfo = BUFFER_INIT(0);
		if (read_file_at(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_LIMIT, &mountinfo, err) < 0)
			return -1;
		char unified[CGROUP_PATH_LIMIT + 32];
		bool has_controllers = false;
		if (cgroup_layout_find_unified(buffer_text(&mountinfo), unified)) {
			size_t used = strlen(unified);
			snprintf(unified + used, sizeof unified - used, "/cgroup.controllers");
			cleanup_buffer struct buffer text = BUFFER_INIT(0);
			/* A host with both mounts the second for its own sake, without the controllers that are used
			 * here. */
			has_controllers = read_file_at(AT_FDCWD, unified, 4096, &text, NULL) == 0 &&
					  (strstr(buffer_text(&text), "memory") || strstr(buffer_text(&text), "pids"));
		}
		cgroup_layout_parse(buffer_text(&mountinfo), has_controllers, &layout);
		known = true;
	}
	*ret_layout = &layout;
	return 0;
}

bool cgroup_is_optional(const struct cgroup_hierarchy *hierarchy)
{
	return (hierarchy->controllers & ~(1U << CGROUP_CPUSET | 1U << CGROUP_BLKIO)) == 0;
}

const struct cgroup_hierarchy *cgroup_layout_find(const struct cgroup_layout *layout, enum cgroup_controller controller)
{
	for (size_t i = 0; layout->version == CGROUP_V1 && i < layout->hierarchy_count; i++) {
		if (layout->hierarchies[i].controllers & 1U << controller)
			return &layout->hierarchies[i];
	}
	return NULL;
}
