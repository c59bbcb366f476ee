#include "engine/container_stats.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "base/fd.h"
#include "engine/container_config.h"
#include "engine/list.h"
#include "engine/pin.h"
#include "engine/start.h"
#include "engine/state.h"
#include "runtime/cgroup_usage.h"

#define NETWORK_LIMIT ((size_t)1024 * 1024)

void container_stats_release(struct container_stats_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		free(list->items[i].name);
		free(list->items[i].wanted);
	}
	free(list->items);
	*list = (struct container_stats_list){0};
}

void container_stats_parse_network(const char *text, uint64_t *ret_received, uint64_t *ret_sent)
{
	*ret_received = *ret_sent = 0;
	for (const char *line = text; line && *line; line = strchr(line, '\n')) {
		line += *line == '\n';
		const char *name = line + strspn(line, " ");
		size_t length = strcspn(name, ":\n");
		if (name[length] != ':' || (length == 2 && strncmp(name, "lo", 2) == 0))
			continue;
		/* Eight numbers of what came in, then those of what went out; the first of each are bytes. */
		const char *at = name + length + 1;
		for (int field = 0; field < 9; field++) {
			char *end;
			uint64_t value = strtoull(at, &end, 10);
			if (end == at)
				break;
			at = end;
			if (field == 0)
				*ret_received += value;
			else if (field == 8)
				*ret_sent += value;
		}
	}
}

/* Whose network namespace it is was asked for before; that it still is that process is asked after the reading. */
static int read_network(struct engine *engine, const struct container_view *view, struct container_stats *stats,
			struct error *err)
{
	cleanup_close int run_folder = -1, pidfd = -1;
	cleanup_buffer struct buffer text = BUFFER_INIT(NETWORK_LIMIT);
	char path[48];
	if (view->config.network == CONTAINER_NETWORK_HOST)
		return 0;
	snprintf(path, sizeof path, "/proc/%d/net/dev", (int)view->state.pid);
	if (read_file_at(AT_FDCWD, path, NETWORK_LIMIT, &text, err) < 0 ||
	    container_open_run_folder(engine->store, view->record.id, false, &run_folder, err) < 0 ||
	    container_pin(run_folder, &view->record, view->state.pid, &pidfd, err) < 0)
		return -1;
	container_stats_parse_network(buffer_text(&text), &stats->received, &stats->sent);
	return 0;
}

static void fill_usage(struct engine *engine, const struct container_view *view, struct container_stats *stats)
{
	struct cgroup_usage usage;
	struct sysinfo host;
	struct error ignored = {0};
	cleanup_free char *cgroup = container_cgroup(&view->record);
	stats->when = time_monotonic();
	/* Ended since it was looked at: then it uses nothing. */
	if (view->state.status != CONTAINER_RUNNING || cgroup_usage_read(cgroup, &usage, &ignored) < 0 ||
	    read_network(engine, view, stats, &ignored) < 0)
		return;
	stats->is_running = true;
	stats->cpu_ns = usage.cpu_ns;
	stats->memory = usage.memory;
	stats->memory_limit = usage.memory_limit;
	if (sysinfo(&host) == 0 && (uint64_t)host.totalram * host.mem_unit < stats->memory_limit)
		stats->memory_limit = (uint64_t)host.totalram * host.mem_unit;
	stats->block_read = usage.block_read;
	stats->block_written = usage.block_written;
	stats->processes = usage.processes;
}

static void compare(const struct container_stats_list *before, struct container_stats *stats)
{
	for (size_t i = 0; before && i < before->count; i++) {
		const struct container_stats *old = &before->items[i];
		if (strcmp(old->id, stats->id) == 0 && old->is_running && stats->cpu_ns >= old->cpu_ns &&
		    stats->when > old->when)
			stats->cpu_percent =
				100.0 * (double)(stats->cpu_ns - old->cpu_ns) / (double)(stats->when - old->when);
	}
}

static void add(struct engine *engine, const struct container_view *view, const char *wanted,
		const struct container_stats_list *before, struct container_stats_list *list)
{
	list->items = reallocate_array(list->items, list->count + 1, sizeof *list->items);
	struct container_stats *stats = &list->items[list->count++];
	*stats = (struct container_stats){.name = duplicate_string(view->record.name),
					  .wanted = duplicate_string(wanted ? wanted : view->record.id)};
	memcpy(stats->id, view->record.id, sizeof stats->id);
	fill_usage(engine, view, stats);
	compare(before, stats);
}

int container_stats_read(struct engine *engine, const struct string_list *names, bool all,
			 const struct container_stats_list *before, struct container_stats_list *ret_list,
			 struct error *err)
{
	cleanup_container_stats struct container_stats_list list = {0};
	cleanup_container_views struct container_views views = {0};
	for (size_t i = 0; i < names->count; i++) {
		cleanup_container_view struct container_view view = {0};
		if (container_view_find(engine, names->items[i], &view, err) < 0)
			return -1;
		add(engine, &view, names->items[i], before, &list);
	}
	if (names->count == 0 && container_view_list(engine, all, &views, err) < 0)
		return -1;
	for (size_t i = 0; i < views.count; i++)
		add(engine, &views.items[i], NULL, before, &list);
	*ret_list = list;
	list = (struct container_stats_list){0};
	return 0;
}
