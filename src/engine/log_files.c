#include "engine/log_files.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

#include "base/fd.h"
#include "engine/log_journal.h"
#include "monitor/log_files.h"
#include "store/container.h"

#define BLOCK_SIZE (128 * 1024)

void log_plan_release(struct log_plan *plan)
{
	if (plan->fd > 2)
		close(plan->fd);
	if (plan->folder_fd > 2)
		close(plan->folder_fd);
	if (plan->journal_fd > 2)
		close(plan->journal_fd);
	*plan = LOG_PLAN_INIT;
}

int log_plan_open(int container_folder, const struct container_record *record, const struct container_config *config,
		  struct log_plan *plan, struct error *err)
{
	struct log_numbers numbers;
	if (log_settings_read(config, &plan->settings, err) < 0)
		return -1;
	if (config->log_driver == LOG_DRIVER_NONE)
		return 0;
	if (config->log_driver == LOG_DRIVER_JOURNALD)
		return log_journal_fields(config, record, &plan->journal_fd, err);
	plan->folder_fd = open_folder_at(container_folder, LOG_FOLDER, true, 0700, err);
	if (plan->folder_fd < 0 || log_files_limit(plan->folder_fd, (uint64_t)plan->settings.max_files - 1, err) < 0 ||
	    log_numbers_read(plan->folder_fd, &numbers, err) < 0)
		return -1;
	plan->number = (int64_t)numbers.last + 1;
	plan->fd = openat(plan->folder_fd, LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	return plan->fd < 0 ? error_set_errno(err, errno, "open %s", LOG_NAME) : 0;
}

void log_plan_apply(const struct log_plan *plan, struct monitor_options *options)
{
	options->log_fd = plan->fd;
	options->log_folder_fd = plan->folder_fd;
	options->log_max_size = plan->settings.max_size;
	options->log_keep = plan->settings.max_files - 1;
	options->log_number = plan->number;
	options->log_buffer = plan->settings.buffer;
	options->journal_fd = plan->journal_fd;
	options->log_compress = plan->settings.compress;
}

static int deflate_into(int from, int to, struct error *err)
{
	cleanup_free char *block = allocate(BLOCK_SIZE);
	int copy = fcntl(to, F_DUPFD_CLOEXEC, 3);
	gzFile writer = copy < 0 ? NULL : gzdopen(copy, "wb1");
	if (!writer) {
		if (copy >= 0)
			close(copy);
		return error_set(err, ERROR_SYSTEM, "prepare the compression of a file of the log");
	}
	ssize_t got;
	int result = 0;
	while (result == 0 && (got = read_some(from, block, BLOCK_SIZE)) != 0) {
		if (got < 0)
			result = error_set_errno(err, errno, "read a file of the log");
		else if (gzwrite(writer, block, (unsigned)got) != (int)got)
			result = error_set_errno(err, errno, "write a compressed file of the log");
	}
	if (gzclose(writer) != Z_OK && result == 0)
		result = error_set_errno(err, errno, "write a compressed file of the log");
	return result;
}

static int compress_file(int folder_fd, uint64_t number, struct error *err)
{
	char name[LOG_NAME_SIZE], packed_name[LOG_NAME_SIZE];
	struct stat info;
	log_name_numbered(name, number, "");
	log_name_numbered(packed_name, number, ".gz");
	cleanup_close int plain = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (plain < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open %s", name);
	cleanup_close int packed = openat(folder_fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (packed < 0)
		return error_set_errno(err, errno, "make a file for %s", packed_name);
	if (fstat(plain, &info) < 0)
		return error_set_errno(err, errno, "look at %s", name);
	if (deflate_into(plain, packed, err) < 0 || sync_fd(packed, err) < 0)
		return error_wrap(err, "compress %s", name);
	const struct timespec times[] = {info.st_atim, info.st_mtim};
	cleanup_free char *path = format_string("/proc/self/fd/%d", packed);
	if (futimens(packed, times) < 0 ||
	    (linkat(AT_FDCWD, path, folder_fd, packed_name, AT_SYMLINK_FOLLOW) < 0 && errno != EEXIST))
		return error_set_errno(err, errno, "name %s", packed_name);
	if (unlinkat(folder_fd, name, 0) < 0 && errno != ENOENT)
		return error_set_errno(err, errno, "remove %s", name);
	return 0;
}

int container_compress_log(struct engine *engine, const char *id, struct error *err)
{
	cleanup_container_record struct container_record record = {0};
	cleanup_container_config struct container_config config;
	cleanup_close int container = -1;
	cleanup_close int folder = -1;
	struct log_settings settings;
	struct log_numbers numbers;
	container_config_init(&config);
	if (container_find(engine->store, id, &record, err) < 0 ||
	    container_config_from_json(record.config, &config, err) < 0 ||
	    log_settings_read(&config, &settings, err) < 0 ||
	    container_open_folder(engine->store, record.id, false, &container, err) < 0)
		return -1;
	folder = open_folder_at(container, LOG_FOLDER, false, 0, err);
	if (folder < 0 || log_numbers_read(folder, &numbers, err) < 0)
		return -1;
	/* What the container does is worth more. */
	setpriority(PRIO_PROCESS, 0, 19);
	for (uint64_t number = numbers.first; number > 0 && number <= numbers.last; number++)
		if (compress_file(folder, number, err) < 0)
			return -1;
	/* One that went while it was compressed has come back. */
	return log_files_limit(folder, (uint64_t)settings.max_files - 1, err);
}
