#include "monitor/log_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/fd.h"
#include "base/memory.h"
#include "monitor/text.h"

#define BLOCK_SIZE 65536
/* Of a file that gets its number, or is compressed, between two looks. */
#define MAX_TRIES 100

static bool parse_name(const char *name, uint64_t *ret_number)
{
	int64_t number;
	if (!text_take(&name, LOG_NAME ".") || !text_take_number(&name, INT64_MAX, &number) || number == 0 ||
	    (strcmp(name, "") != 0 && strcmp(name, ".gz") != 0))
		return false;
	*ret_number = (uint64_t)number;
	return true;
}

static int open_listing(int folder_fd, DIR **ret_listing, struct error *err)
{
	int fd = openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*ret_listing = fd < 0 ? NULL : fdopendir(fd);
	if (*ret_listing)
		return 0;
	error_set_errno(err, errno, "list the files of the log");
	if (fd >= 0)
		close(fd);
	return -1;
}

int log_numbers_read(int folder_fd, struct log_numbers *ret_numbers, struct error *err)
{
	cleanup_directory DIR *listing = NULL;
	struct log_numbers numbers = {0};
	if (open_listing(folder_fd, &listing, err) < 0)
		return -1;
	for (const struct dirent *entry; (entry = readdir(listing));) {
		uint64_t number;
		if (!parse_name(entry->d_name, &number))
			continue;
		if (numbers.first == 0 || number < numbers.first)
			numbers.first = number;
		if (number > numbers.last)
			numbers.last = number;
	}
	*ret_numbers = numbers;
	return 0;
}

int log_files_limit(int folder_fd, uint64_t keep, struct error *err)
{
	cleanup_directory DIR *listing = NULL;
	struct log_numbers numbers;
	if (log_numbers_read(folder_fd, &numbers, err) < 0 || open_listing(folder_fd, &listing, err) < 0)
		return -1;
	for (const struct dirent *entry; (entry = readdir(listing));) {
		uint64_t number;
		if (!parse_name(entry->d_name, &number) || number + keep > numbers.last)
			continue;
		if (unlinkat(folder_fd, entry->d_name, 0) < 0 && errno != ENOENT)
			return error_set_errno(err, errno, "remove %s", entry->d_name);
	}
	return 0;
}

/* Into a file without a name, so that it can be read at any place. */
static int inflate_file(int packed_fd, int *ret_fd, struct error *err)
{
	cleanup_close int plain = scratch_file(err);
	gzFile reader = plain < 0 ? NULL : gzdopen(packed_fd, "rb");
	if (!reader) {
		close(packed_fd);
		return plain < 0 ? -1 : error_set(err, ERROR_SYSTEM, "no memory to inflate a file of the log");
	}
	cleanup_free char *block = allocate(BLOCK_SIZE);
	int got, result = 0;
	while (result == 0 && (got = gzread(reader, block, BLOCK_SIZE)) > 0)
		result = write_full(plain, block, (size_t)got, err);
	int number;
	if (result == 0 && got < 0)
		result = error_set(err, ERROR_CORRUPT, "a compressed file of the log is damaged: %s",
				   gzerror(reader, &number));
	gzclose(reader);
	if (result == 0)
		*ret_fd = steal_fd(&plain);
	return result;
}

/* 1: opened; 0: there is none of that number. */
static int open_numbered(int folder_fd, uint64_t number, int *ret_fd, struct error *err)
{
	char name[LOG_NAME_SIZE];
	log_name_numbered(name, number, "");
	*ret_fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (*ret_fd >= 0)
		return 1;
	if (errno != ENOENT)
		return error_set_errno(err, errno, "open %s", name);
	log_name_numbered(name, number, ".gz");
	int packed = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (packed < 0)
		return errno == ENOENT ? 0 : error_set_errno(err, errno, "open %s", name);
	return inflate_file(packed, ret_fd, err) < 0 ? error_wrap(err, "%s", name) : 1;
}

int log_file_open(int folder_fd, uint64_t number, struct log_file *ret_file, struct error *err)
{
	for (int tries = 0; tries < MAX_TRIES; tries++) {
		struct log_numbers before, after;
		cleanup_close int fd = -1;
		int is_there = open_numbered(folder_fd, number, &fd, err);
		if (is_there < 0 || (!is_there && log_numbers_read(folder_fd, &before, err) < 0))
			return -1;
		if (is_there || number > before.last + 1) {
			*ret_file = (struct log_file){.fd = steal_fd(&fd)};
			return 0;
		}
		if (number < before.first)
			return error_set(err, ERROR_NOT_FOUND, "this part of the log has been removed");
		if (number <= before.last)
			continue;
		fd = openat(folder_fd, LOG_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd < 0 && errno != ENOENT)
			return error_set_errno(err, errno, "open %s", LOG_NAME);
		/* It is the one of that number if none has become numbered meanwhile. */
		if (log_numbers_read(folder_fd, &after, err) < 0)
			return -1;
		if (after.last == before.last) {
			*ret_file = (struct log_file){.fd = steal_fd(&fd), .is_growing = true};
			return 0;
		}
	}
	return error_set(err, ERROR_NOT_FOUND, "this part of the log is not there");
}

bool log_file_was_rotated(int folder_fd, int fd)
{
	struct stat named, own;
	return fstat(fd, &own) == 0 && (fstatat(folder_fd, LOG_NAME, &named, AT_SYMLINK_NOFOLLOW) < 0 ||
					named.st_ino != own.st_ino || named.st_dev != own.st_dev);
}
