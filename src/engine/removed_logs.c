#include "engine/removed_logs.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/atomic_file.h"
#include "base/fd.h"
#include "engine/log_files.h"
#include "engine/log_options.h"
#include "monitor/log_files.h"

#define FOLDER	       "removed-logs"
#define ABOUT	       "removed.json"
#define ABOUT_LIMIT    ((size_t)1024 * 1024)
#define BYTES_PER_UNIT 1024

struct removed_log {
	char *folder; /* owned: its name */
	nanoseconds time;
	int64_t bytes;
	const char *id; /* in folder */
};

struct removed_logs {
	struct removed_log *items; /* the newest first */
	size_t count;
};

static void removed_logs_release(struct removed_logs *logs)
{
	for (size_t i = 0; i < logs->count; i++)
		free(logs->items[i].folder);
	free(logs->items);
}

static int compare_times(const void *a, const void *b)
{
	const struct removed_log *first = a, *second = b;
	return (first->time < second->time) - (first->time > second->time);
}

static bool parse_folder(const char *name, struct removed_log *ret_log)
{
	char *end;
	long long time = strtoll(name, &end, 10);
	if (*end != '-')
		return false;
	long long units = strtoll(end + 1, &end, 10);
	if (*end != '-' || time <= 0 || units < 0 || units > INT64_MAX / BYTES_PER_UNIT ||
	    strlen(end + 1) != CONTAINER_ID_SIZE - 1)
		return false;
	char *copy = duplicate_string(name);
	*ret_log = (struct removed_log){copy, time, units * BYTES_PER_UNIT, copy + (end + 1 - name)};
	return true;
}

static int list(int folder_fd, struct removed_logs *ret_logs, struct error *err)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_directory DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	if (!listing) {
		error_set_errno(err, errno, "list the logs of removed containers");
		if (fd >= 0)
			close(fd);
		return -1;
	}
	for (const struct dirent *entry; (entry = readdir(listing));) {
		struct removed_log log;
		if (!parse_folder(entry->d_name, &log))
			continue;
		ret_logs->items = reallocate_array(ret_logs->items, ret_logs->count + 1, sizeof *ret_logs->items);
		ret_logs->items[ret_logs->count++] = log;
	}
	if (ret_logs->count > 1)
		qsort(ret_logs->items, ret_logs->count, sizeof *ret_logs->items, compare_times);
	return 0;
}

static int keep_within_bounds(int folder_fd, nanoseconds now, struct error *err)
{
	CLEANUP(removed_logs_release) struct removed_logs logs = {0};
	int64_t bytes = 0;
	if (list(folder_fd, &logs, err) < 0)
		return -1;
	for (size_t i = 0; i < logs.count; i++) {
		bytes += logs.items[i].bytes;
		/* The newest stays, whatever its size. */
		bool is_over = i > 0 && (i >= REMOVED_LOGS_COUNT || bytes > REMOVED_LOGS_BYTES ||
					 now - logs.items[i].time > REMOVED_LOGS_AGE);
		if (is_over && remove_tree_at(folder_fd, logs.items[i].folder, err) < 0)
			return -1;
	}
	return 0;
}

static int write_about(int log_fd, const struct container_record *record, struct error *err)
{
	cleanup_container_config struct container_config config;
	cleanup_string_list struct string_list attributes = {0};
	container_config_init(&config);
	if (container_config_from_json(record->config, &config, err) < 0 ||
	    log_attributes(&config, record, &attributes, err) < 0)
		return -1;
	cleanup_free char *details = log_details_text(&attributes);
	cleanup_json json_t *about = json_pack("{s:s, s:s, s:s, s:s}", "id", record->id, "name", record->name, "image",
					       record->image_name, "details", details);
	cleanup_free char *text = json_dumps(about, JSON_COMPACT);
	if (!text)
		return error_set(err, ERROR_INVALID, "describe the log of container %s", record->name);
	return atomic_file_write(log_fd, ABOUT, text, strlen(text), 0600, ATOMIC_FILE_REPLACEABLE, err);
}

int removed_log_keep(struct engine *engine, const struct container_record *record, struct error *err)
{
	struct error absent = {0};
	cleanup_close int container = -1;
	if (container_open_folder(engine->store, record->id, false, &container, &absent) < 0)
		return 0;
	cleanup_close int log = open_folder_at(container, LOG_FOLDER, false, 0, &absent);
	struct stat info;
	struct log_numbers numbers;
	if (log < 0)
		return 0;
	if (log_numbers_read(log, &numbers, err) < 0)
		return -1;
	/* Whoever said nothing leaves nothing. */
	if (numbers.last == 0 && (fstatat(log, LOG_NAME, &info, AT_SYMLINK_NOFOLLOW) < 0 || info.st_size == 0))
		return 0;
	cleanup_close int folder = open_folder_at(engine->store->root_fd, FOLDER, true, 0700, err);
	if (folder < 0 || write_about(log, record, err) < 0)
		return -1;
	nanoseconds now = time_now();
	uint64_t bytes = tree_disk_bytes_at(container, LOG_FOLDER);
	cleanup_free char *name =
		format_string("%lld-%llu-%s", (long long)now, (unsigned long long)(bytes / BYTES_PER_UNIT), record->id);
	if (renameat(container, LOG_FOLDER, folder, name) < 0)
		return error_set_errno(err, errno, "keep the log of container %s", record->name);
	return keep_within_bounds(folder, now, err);
}

/* 1: it is; 0: it is not, or has gone meanwhile. */
static int is_named(int folder_fd, const struct removed_log *log, const char *name, int *ret_fd, char **ret_details,
		    struct error *err)
{
	cleanup_buffer struct buffer text = BUFFER_INIT(ABOUT_LIMIT);
	cleanup_json json_t *about = NULL;
	struct error absent = {0};
	const char *own_name, *details;
	cleanup_close int fd = open_folder_at(folder_fd, log->folder, false, 0, &absent);
	if (fd < 0)
		return 0;
	if (read_file_at(fd, ABOUT, ABOUT_LIMIT, &text, err) < 0 ||
	    json_parse(text.bytes, text.size, &about, err) < 0 || json_need_string(about, "name", &own_name, err) < 0 ||
	    json_need_string(about, "details", &details, err) < 0)
		return error_wrap(err, "the log of a removed container, %s", log->folder);
	bool is_prefix = *name && strncmp(log->id, name, strlen(name)) == 0;
	if (strcmp(own_name, name) != 0 && !is_prefix)
		return 0;
	*ret_details = duplicate_string(details);
	*ret_fd = steal_fd(&fd);
	return 1;
}

int removed_log_find(struct engine *engine, const char *name, int *ret_folder_fd, char **ret_details, struct error *err)
{
	CLEANUP(removed_logs_release) struct removed_logs logs = {0};
	struct error absent = {0};
	cleanup_close int folder = open_folder_at(engine->store->root_fd, FOLDER, false, 0, &absent);
	if (folder >= 0 && list(folder, &logs, err) < 0)
		return -1;
	for (size_t i = 0; i < logs.count; i++) {
		int result = is_named(folder, &logs.items[i], name, ret_folder_fd, ret_details, err);
		if (result != 0)
			return result < 0 ? -1 : 0;
	}
	return error_set(
		err, ERROR_NOT_FOUND,
		"no log of a removed container %s is kept: the last %d, of at most three days, are, unless `system "
		"prune` has removed them",
		name, REMOVED_LOGS_COUNT);
}

int removed_logs_prune(struct engine *engine, nanoseconds before, uint64_t *bytes, struct error *err)
{
	CLEANUP(removed_logs_release) struct removed_logs logs = {0};
	struct error absent = {0};
	cleanup_close int folder = open_folder_at(engine->store->root_fd, FOLDER, false, 0, &absent);
	if (folder < 0)
		return 0;
	if (list(folder, &logs, err) < 0)
		return -1;
	for (size_t i = 0; i < logs.count; i++) {
		if (logs.items[i].time >= before)
			continue;
		if (remove_tree_at(folder, logs.items[i].folder, err) < 0)
			return -1;
		*bytes += (uint64_t)logs.items[i].bytes;
	}
	return 0;
}
