#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/format.h"
#include "engine/container_stats.h"

#define FIRST_PAUSE_MS	250 /* between the two readings that one answer takes */
#define STREAM_PAUSE_MS 1000
#define DEFAULT_FORMAT                                                                                                 \
	"table {{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}"

struct stats_arguments {
	bool all, no_stream, whole;
	const char *format;
	struct string_list names;
};

static char *id_text(const void *row, const void *context)
{
	return format_string("%.*s", *(const bool *)context ? 64 : 12, ((const struct container_stats *)row)->id);
}

static char *container_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_stats *)row)->wanted);
}

static char *name_text(const void *row, const void *context)
{
	return duplicate_string(((const struct container_stats *)row)->name);
}

static char *cpu_text(const void *row, const void *context)
{
	return format_string("%.2f%%", ((const struct container_stats *)row)->cpu_percent);
}

/* Docker writes memory in powers of 1024, and all else in powers of 1000. */
static void format_binary(uint64_t bytes, char text[16])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double size = (double)bytes;
	size_t unit = 0;
	for (; size >= 1024 && unit < ARRAY_SIZE(units) - 1; unit++)
		size /= 1024;
	snprintf(text, 16, "%.4g%s", size, units[unit]);
}

static char *memory_text(const void *row, const void *context)
{
	const struct container_stats *stats = row;
	char used[16], limit[16];
	format_binary(stats->memory, used);
	format_binary(stats->memory_limit, limit);
	return format_string("%s / %s", used, limit);
}

static char *memory_share_text(const void *row, const void *context)
{
	const struct container_stats *stats = row;
	double share = stats->memory_limit ? 100.0 * (double)stats->memory / (double)stats->memory_limit : 0;
	return format_string("%.2f%%", share);
}

static char *two_sizes(uint64_t one, uint64_t other)
{
	char first[16], second[16];
	size_format_human(one, first, sizeof first);
	size_format_human(other, second, sizeof second);
	return format_string("%s / %s", first, second);
}

static char *network_text(const void *row, const void *context)
{
	return two_sizes(((const struct container_stats *)row)->received, ((const struct container_stats *)row)->sent);
}

static char *block_text(const void *row, const void *context)
{
	const struct container_stats *stats = row;
	return two_sizes(stats->block_read, stats->block_written);
}

static char *processes_text(const void *row, const void *context)
{
	return format_string("%llu", (unsigned long long)((const struct container_stats *)row)->processes);
}

static const struct format_column columns[] = {
	{"BlockIO", "BLOCK I/O", block_text},
	{"CPUPerc", "CPU %", cpu_text},
	{"Container", "CONTAINER", container_text},
	{"ID", "CONTAINER ID", id_text},
	{"MemPerc", "MEM %", memory_share_text},
	{"MemUsage", "MEM USAGE / LIMIT", memory_text},
	{"Name", "NAME", name_text},
	{"NetIO", "NET I/O", network_text},
	{"PIDs", "PIDS", processes_text},
	{NULL, NULL, NULL},
};

static int print(const struct stats_arguments *arguments, const struct container_stats_list *list, struct error *err)
{
	bool has_format = arguments->format && strcmp(arguments->format, "table") != 0;
	const struct format_rows rows = {
		.type_name = "*formatter.StatsContext",
		.columns = columns,
		.context = &arguments->whole,
		.rows = list->items,
		.count = list->count,
		.row_size = sizeof *list->items,
	};
	return format_print(&rows, has_format ? arguments->format : DEFAULT_FORMAT, err);
}

static void pause_for(long milliseconds)
{
	struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
	nanosleep(&pause, NULL);
}

static int run_stats(struct invocation *invocation, const struct stats_arguments *arguments, struct error *err)
{
	cleanup_engine struct engine *engine = NULL;
	cleanup_container_stats struct container_stats_list before = {0};
	bool is_live = !arguments->no_stream && isatty(STDOUT_FILENO);
	if (command_open_engine(invocation, &engine, err) < 0 ||
	    container_stats_read(engine, &arguments->names, arguments->all, NULL, &before, err) < 0)
		return -1;
	pause_for(FIRST_PAUSE_MS);
	for (;;) {
		struct container_stats_list now = {0};
		if (container_stats_read(engine, &arguments->names, arguments->all, &before, &now, err) < 0)
			return -1;
		if (is_live)
			fputs("\033[2J\033[H", stdout);
		int result = print(arguments, &now, err);
		container_stats_release(&before);
		before = now;
		if (result < 0 || arguments->no_stream)
			return result;
		if (fflush(stdout) != 0)
			return error_set(err, ERROR_SYSTEM, "standard output is closed");
		pause_for(STREAM_PAUSE_MS);
	}
}

int cmd_stats(struct invocation *invocation, int count, char **words, struct error *err)
{
	struct stats_arguments arguments = {0};
	const struct option options[] = {
		OPTION_FLAG('a', "all", &arguments.all, "Show all containers (default shows just running)"),
		OPTION_STRING(0, "format", &arguments.format, "string",
			      "Format output: 'table', 'table TEMPLATE', 'json', or a Go template"),
		OPTION_FLAG(0, "no-stream", &arguments.no_stream,
			    "Disable streaming stats and only pull the first result"),
		OPTION_FLAG(0, "no-trunc", &arguments.whole, "Do not truncate output"),
		OPTION_END,
	};
	int result = command_options(invocation, options, OPTIONS_ANYWHERE, &count, words, err);
	for (int i = 0; result == 0 && i < count; i++)
		string_list_add(&arguments.names, words[i]);
	if (result == 0)
		result = run_stats(invocation, &arguments, err);
	string_list_release(&arguments.names);
	return result < 0 ? -1 : 0;
}
