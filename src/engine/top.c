#include "engine/top.h"

#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/fd.h"
#include "base/time.h"
#include "engine/start.h"
#include "engine/state.h"
#include "runtime/cgroup.h"

#define COMMAND_LIMIT	  ((size_t)64 * 1024)
#define FILE_LIMIT	  ((size_t)16 * 1024)
#define PASSWD_LINE_LIMIT 4096
#define PTS_MAJOR_FIRST	  136
#define PTS_MAJOR_LAST	  143

struct process {
	pid_t pid, parent;
	ino_t pid_namespace; /* 0: it has ended, or hides */
	uid_t user;
	char state;
	char *name, *command;
	unsigned terminal;
	uint64_t ticks;	      /* of processor time */
	uint64_t start_ticks; /* after boot */
	uint64_t virtual_bytes, resident_bytes;
	bool is_ours;
};

struct processes {
	struct process *items; /* by pid */
	size_t count;
};

static void processes_release(struct processes *processes)
{
	for (size_t i = 0; i < processes->count; i++) {
		free(processes->items[i].name);
		free(processes->items[i].command);
	}
	free(processes->items);
}

void top_table_release(struct top_table *table)
{
	string_list_release(&table->titles);
	string_list_release(&table->cells);
}

/* A process chooses these bytes: none of them shall move a cursor. C1 controls are two bytes in UTF-8. */
static void make_printable(char *text)
{
	for (unsigned char *at = (unsigned char *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (*at == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f)
			at[0] = at[1] = '?';
	}
}

/* Fields of proc_pid_stat(5), counted from the one behind the state. */
enum stat_field {
	STAT_PARENT = 0,
	STAT_TERMINAL = 3,
	STAT_USER_TICKS = 10,
	STAT_SYSTEM_TICKS = 11,
	STAT_START = 18,
	STAT_VIRTUAL = 19,
	STAT_RESIDENT = 20,
	STAT_COUNT
};

/* The name may hold blanks and parentheses, so the fields begin behind the last one: ") S 1 …". */
static bool parse_stat(char *text, struct process *process)
{
	long long fields[STAT_COUNT];
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open || close[1] != ' ' || close[2] == '\0')
		return false;
	process->state = close[2];
	char *at = close + 3;
	for (size_t i = 0; i < STAT_COUNT; i++) {
		char *end;
		fields[i] = strtoll(at, &end, 10);
		if (end == at)
			return false;
		at = end;
	}
	*close = '\0';
	process->name = duplicate_string(open + 1);
	make_printable(process->name);
	process->parent = (pid_t)fields[STAT_PARENT];
	process->terminal = (unsigned)fields[STAT_TERMINAL];
	process->ticks = (uint64_t)fields[STAT_USER_TICKS] + (uint64_t)fields[STAT_SYSTEM_TICKS];
	process->start_ticks = (uint64_t)fields[STAT_START];
	process->virtual_bytes = (uint64_t)fields[STAT_VIRTUAL];
	process->resident_bytes = (uint64_t)fields[STAT_RESIDENT] * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

/* The words of /proc/PID/cmdline, or "[name]" as ps has it where there are none. */
static char *read_command(int folder, const char *name)
{
	char bytes[4096];
	cleanup_close int fd = openat(folder, "cmdline", O_RDONLY | O_CLOEXEC);
	size_t total = 0;
	cleanup_free char *command = NULL;
	ssize_t size;
	while (fd >= 0 && total < COMMAND_LIMIT && (size = read_some(fd, bytes, sizeof bytes)) > 0) {
		command = reallocate_array(command, total + (size_t)size + 1, 1);
		memcpy(command + total, bytes, (size_t)size);
		total += (size_t)size;
	}
	while (total > 0 && command[total - 1] == '\0')
		total--;
	if (total == 0)
		return format_string("[%s]", name);
	for (size_t i = 0; i < total; i++)
		if (command[i] == '\0')
			command[i] = ' ';
	command[total] = '\0';
	make_printable(command);
	return steal_pointer(&command);
}

/* The owner of /proc/PID is root for what is not dumpable: the effective id is in the status. */
static bool read_user(int folder, uid_t *ret_user)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (read_file_at(folder, "status", FILE_LIMIT, &text, NULL) < 0)
		return false;
	/* "Uid:	REAL	EFFECTIVE	SAVED	FILES" */
	const char *line = strstr(buffer_text(&text), "\nUid:");
	if (!line)
		return false;
	char *end;
	strtoul(line + strlen("\nUid:"), &end, 10);
	*ret_user = (uid_t)strtoul(end, NULL, 10);
	return true;
}

/* False: it has gone. */
static bool read_process(int proc_fd, const char *number, struct process *ret_process)
{
	struct process process = {.pid = (pid_t)strtol(number, NULL, 10)};
	struct stat status;
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	cleanup_close int folder = openat(proc_fd, number, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || read_file_at(folder, "stat", FILE_LIMIT, &text, NULL) < 0 ||
	    !read_user(folder, &process.user))
		return false;
	cleanup_free char *copy = duplicate_string(buffer_text(&text));
	if (!parse_stat(copy, &process))
		return false;
	if (fstatat(folder, "ns/pid", &status, 0) == 0)
		process.pid_namespace = status.st_ino;
	process.command = read_command(folder, process.name);
	*ret_process = process;
	return true;
}

static int compare_processes(const void *a, const void *b)
{
	pid_t x = ((const struct process *)a)->pid, y = ((const struct process *)b)->pid;
	return x < y ? -1 : x > y;
}

static int read_all(struct processes *processes, struct error *err)
{
	cleanup_directory DIR *directory = opendir("/proc");
	if (!directory)
		return error_set_errno(err, errno, "open /proc");
	struct dirent *entry;
	while ((entry = readdir(directory))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		processes->items = reallocate_array(processes->items, processes->count + 1, sizeof *processes->items);
		if (read_process(dirfd(directory), entry->d_name, &processes->items[processes->count]))
			processes->count++;
	}
	if (processes->count)
		qsort(processes->items, processes->count, sizeof *processes->items, compare_processes);
	return 0;
}

/* Those of the container's control group, where others share its pid namespace. */
static int mark_group(struct processes *processes, const struct container_record *record, struct error *err)
{
	cleanup_free char *cgroup = container_cgroup(record);
	cleanup_buffer struct buffer text = BUFFER_INIT(0);
	if (cgroup_read_processes(cgroup, &text, err) < 0)
		return -1;
	const char *at = buffer_text(&text);
	for (char *end; *at; at = end + strspn(end, "\n")) {
		struct process key = {.pid = (pid_t)strtol(at, &end, 10)};
		if (end == at)
			break;
		struct process *found =
			bsearch(&key, processes->items, processes->count, sizeof *processes->items, compare_processes);
		if (found)
			found->is_ours = true;
	}
	return 0;
}

/* Those of the container's pid namespace, and what they have begotten in namespaces of their own. */
static void mark_ours(struct processes *processes, ino_t pid_namespace)
{
	for (size_t i = 0; pid_namespace && i < processes->count; i++)
		processes->items[i].is_ours = processes->items[i].pid_namespace == pid_namespace;
	for (bool changed = true; changed;) {
		changed = false;
		for (size_t i = 0; i < processes->count; i++) {
			struct process key = {.pid = processes->items[i].parent};
			const struct process *parent = bsearch(&key, processes->items, processes->count,
							       sizeof *processes->items, compare_processes);
			if (processes->items[i].is_ours || !parent || !parent->is_ours)
				continue;
			processes->items[i].is_ours = true;
			changed = true;
		}
	}
}

static uint64_t seconds_of(uint64_t ticks)
{
	return ticks / (uint64_t)sysconf(_SC_CLK_TCK);
}

static uint64_t uptime_seconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec;
}

/* fgetpwent_r(3) reads the host's file alone, and never a library that nsswitch.conf names. */
static char *user_text(const struct process *process)
{
	cleanup_file FILE *file = fopen("/etc/passwd", "re");
	char bytes[PASSWD_LINE_LIMIT];
	struct passwd entry = {0}, *found;
	while (file && fgetpwent_r(file, &entry, bytes, sizeof bytes, &found) == 0)
		if (entry.pw_uid == process->user)
			return duplicate_string(entry.pw_name);
	return format_string("%u", process->user);
}

static char *pid_text(const struct process *process)
{
	return format_string("%d", process->pid);
}

static char *parent_text(const struct process *process)
{
	return format_string("%d", process->parent);
}

/* Tenths of a percent of one processor, over its life. */
static uint64_t processor_share(const struct process *process)
{
	uint64_t now = uptime_seconds(), started = seconds_of(process->start_ticks);
	return now > started ? seconds_of(process->ticks * 1000) / (now - started) : 0;
}

static char *c_text(const struct process *process)
{
	return format_string("%llu", (unsigned long long)processor_share(process) / 10);
}

static char *cpu_text(const struct process *process)
{
	uint64_t share = processor_share(process);
	return format_string("%llu.%llu", (unsigned long long)share / 10, (unsigned long long)share % 10);
}

static char *memory_text(const struct process *process)
{
	uint64_t all = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t share = all ? process->resident_bytes * 1000 / all : 0;
	return format_string("%llu.%llu", (unsigned long long)share / 10, (unsigned long long)share % 10);
}

static char *virtual_text(const struct process *process)
{
	return format_string("%llu", (unsigned long long)process->virtual_bytes / 1024);
}

static char *resident_text(const struct process *process)
{
	return format_string("%llu", (unsigned long long)process->resident_bytes / 1024);
}

/* "14:05" of today, else "Nov24". */
static char *start_text(const struct process *process)
{
	char text[16];
	struct tm begin, today;
	time_t now = time(NULL);
	time_t started = now - (time_t)(uptime_seconds() - seconds_of(process->start_ticks));
	localtime_r(&now, &today);
	localtime_r(&started, &begin);
	bool is_today = begin.tm_yday == today.tm_yday && begin.tm_year == today.tm_year;
	strftime(text, sizeof text, is_today ? "%H:%M" : "%b%d", &begin);
	return duplicate_string(text);
}

static char *terminal_text(const struct process *process)
{
	unsigned first = major(process->terminal);
	if (first < PTS_MAJOR_FIRST || first > PTS_MAJOR_LAST)
		return duplicate_string("?");
	return format_string("pts/%u", (first - PTS_MAJOR_FIRST) * 256 + minor(process->terminal));
}

static char *time_text(const struct process *process)
{
	unsigned long long seconds = seconds_of(process->ticks);
	return format_string("%02llu:%02llu:%02llu", seconds / 3600, seconds / 60 % 60, seconds % 60);
}

static char *state_text(const struct process *process)
{
	return format_string("%c", process->state);
}

static char *name_text(const struct process *process)
{
	return duplicate_string(process->name);
}

static char *command_text(const struct process *process)
{
	return duplicate_string(process->command);
}

static const struct column {
	const char *name, *title;
	char *(*text)(const struct process *process);
} columns[] = {
	{"args", "COMMAND", command_text},
	{"c", "C", c_text},
	{"cmd", "CMD", command_text},
	{"comm", "COMMAND", name_text},
	{"command", "COMMAND", command_text},
	{"pcpu", "%CPU", cpu_text},
	{"%cpu", "%CPU", cpu_text},
	{"pid", "PID", pid_text},
	{"pmem", "%MEM", memory_text},
	{"%mem", "%MEM", memory_text},
	{"ppid", "PPID", parent_text},
	{"rss", "RSS", resident_text},
	{"s", "S", state_text},
	{"start", "START", start_text},
	{"stat", "STAT", state_text},
	{"stime", "STIME", start_text},
	{"time", "TIME", time_text},
	{"tname", "TTY", terminal_text},
	{"tty", "TTY", terminal_text},
	{"uid", "UID", user_text},
	{"user", "USER", user_text},
	{"vsz", "VSZ", virtual_text},
};

static int unsupported(const char *text, struct error *err)
{
	return error_set(err, ERROR_UNSUPPORTED,
			 "ps option \"%s\" is not supported: top takes -ef, aux, and -o with a list of columns", text);
}

/* What the options ask for, as the text behind -o. */
static int choose_columns(const struct string_list *options, const char **ret_list, struct error *err)
{
	*ret_list = "uid,pid,ppid,c,stime,tty,time,cmd";
	for (size_t i = 0; i < options->count; i++) {
		const char *text = options->items[i];
		const char *letters = text[0] == '-' ? text + 1 : text;
		size_t plain = strspn(letters, "aefwx");
		if (strcmp(text, "aux") == 0 || strcmp(text, "-aux") == 0) {
			*ret_list = "user,pid,%cpu,%mem,vsz,rss,tty,stat,start,time,command";
		} else if (letters[plain] == 'o') {
			*ret_list = letters + plain + 1;
			if (**ret_list == '\0' && ++i == options->count)
				return unsupported(text, err);
			if (**ret_list == '\0')
				*ret_list = options->items[i];
		} else if (letters[plain] != '\0' || plain == 0) {
			return unsupported(text, err);
		}
	}
	return 0;
}

static int find_column(const char *name, size_t length, const struct column **ret_column, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++) {
		if (strlen(columns[i].name) != length || strncmp(columns[i].name, name, length) != 0)
			continue;
		*ret_column = &columns[i];
		return 0;
	}
	cleanup_free char *text = format_string("-o %.*s", (int)length, name);
	return unsupported(text, err);
}

static int fill_table(const struct processes *processes, const char *list, struct top_table *table, struct error *err)
{
	const struct column *chosen[ARRAY_SIZE(columns)];
	size_t count = 0;
	for (const char *at = list; *at; at += *at == ',') {
		size_t length = strcspn(at, ",");
		if (count == ARRAY_SIZE(chosen))
			return error_set(err, ERROR_LIMIT, "more than %zu columns", ARRAY_SIZE(chosen));
		if (find_column(at, length, &chosen[count], err) < 0)
			return -1;
		string_list_add(&table->titles, chosen[count++]->title);
		at += length;
	}
	if (count == 0)
		return unsupported("-o", err);
	for (size_t i = 0; i < processes->count; i++)
		for (size_t j = 0; j < count && processes->items[i].is_ours; j++)
			string_list_take(&table->cells, chosen[j]->text(&processes->items[i]));
	return 0;
}

int container_top(struct engine *engine, const char *name, const struct string_list *options,
		  struct top_table *ret_table, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	CLEANUP(processes_release) struct processes processes = {0};
	cleanup_top_table struct top_table table = {0};
	struct container_state state, again;
	struct stat status;
	const char *list;
	if (container_state_find(engine, name, &record, &state, err) < 0)
		return -1;
	if (container_state_refuse_restarting(&record, &state, err) < 0)
		return -1;
	cleanup_free char *link = format_string("/proc/%d/ns/pid", (int)state.pid);
	bool is_running = state.status == CONTAINER_RUNNING && stat(link, &status) == 0;
	/* A pid may be given out again: asked a second time, it was the container's when its namespace was read. */
	if (is_running && container_state_read(engine, &record, &again, err) < 0)
		return -1;
	if (!is_running || again.status != CONTAINER_RUNNING || again.pid != state.pid)
		return error_set(err, ERROR_CONFLICT, "container %s is not running", record.id);
	if (choose_columns(options, &list, err) < 0 || read_all(&processes, err) < 0)
		return -1;
	const char *pid_mode = NULL;
	if (json_get_string(record.config, "pid_mode", &pid_mode, err) < 0 ||
	    (pid_mode && mark_group(&processes, &record, err) < 0))
		return -1;
	mark_ours(&processes, pid_mode ? 0 : status.st_ino);
	if (fill_table(&processes, list, &table, err) < 0)
		return -1;
	*ret_table = table;
	table = (struct top_table){0};
	return 0;
}
