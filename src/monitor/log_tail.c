#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/log_files.h"
#include "monitor/log_position.h"
#include "monitor/log_record.h"

#define BLOCK_SIZE 65536

struct tail {
	int fd;
	int64_t wanted, found;
	bool has_last; /* a record has been seen: the log's last one is behind us */
	off_t end;     /* of the record that is looked for */
	char *block;   /* BLOCK_SIZE */
};

/* Looks at the record that begins at `start` and ends at tail->end; `head` is as much of it as is in the block. 1: the
 * wanted lines begin at its end. */
static int take_record(struct tail *tail, off_t start, const char *head, size_t size, struct error *err)
{
	char own[LOG_HEAD_LIMIT];
	size_t wanted = sizeof own;
	if ((off_t)wanted > tail->end - start)
		wanted = (size_t)(tail->end - start);
	if (size < wanted) {
		ssize_t got = pread(tail->fd, own, wanted, start);
		if (got < 0)
			return error_set_errno(err, errno, "read the log");
		head = own;
		wanted = (size_t)got;
	}
	struct log_record record;
	if (wanted > 0 && head[wanted - 1] == '\n')
		wanted--;
	if (!log_record_parse(head, wanted, &record))
		return 0;
	/* A line's parts before its end count with it; those at the end of the log are a line that has no end yet. */
	if (!record.is_full && tail->has_last)
		return 0;
	tail->has_last = true;
	if (tail->found == tail->wanted)
		return 1;
	tail->found++;
	return 0;
}

/* 1: the wanted lines begin at tail->end of this file; 0: earlier than its start. */
static int search_file(struct tail *tail, struct error *err)
{
	struct stat info;
	if (fstat(tail->fd, &info) < 0)
		return error_set_errno(err, errno, "look at the log");
	tail->end = info.st_size;
	for (off_t block_end = info.st_size; block_end > 0;) {
		off_t block_start = block_end > BLOCK_SIZE ? block_end - BLOCK_SIZE : 0;
		ssize_t got = pread(tail->fd, tail->block, (size_t)(block_end - block_start), block_start);
		if (got != block_end - block_start)
			return got < 0 ? error_set_errno(err, errno, "read the log")
				       : error_set(err, ERROR_CORRUPT, "the log was cut while it was read");
		const char *block_limit = tail->block + got;
		for (char *newline; got > 0 && (newline = memrchr(tail->block, '\n', (size_t)got));
		     got = newline - tail->block) {
			off_t start = block_start + (newline + 1 - tail->block);
			int is_found = start < tail->end ? take_record(tail, start, newline + 1,
								       (size_t)(block_limit - newline - 1), err)
							 : 0;
			if (is_found != 0)
				return is_found;
			tail->end = start;
		}
		block_end = block_start;
	}
	return tail->end > 0 ? take_record(tail, 0, NULL, 0, err) : 0;
}

/* At the end of all files. */
static int find_end(int folder_fd, struct log_position *ret_position, struct error *err)
{
	struct log_numbers numbers;
	struct log_file file;
	struct stat info = {0};
	if (log_numbers_read(folder_fd, &numbers, err) < 0 ||
	    log_file_open(folder_fd, numbers.last + 1, &file, err) < 0)
		return -1;
	cleanup_close int fd = file.fd;
	if (fd >= 0 && fstat(fd, &info) < 0)
		return error_set_errno(err, errno, "look at the log");
	*ret_position = (struct log_position){numbers.last + 1, info.st_size};
	return 0;
}

int log_find_tail(int folder_fd, int64_t lines, struct log_position *ret_position, struct error *err)
{
	struct log_numbers numbers;
	if (lines == 0)
		return find_end(folder_fd, ret_position, err);
	if (log_numbers_read(folder_fd, &numbers, err) < 0)
		return -1;
	cleanup_free char *block = allocate(BLOCK_SIZE);
	struct tail tail = {.wanted = lines, .block = block};
	for (uint64_t number = numbers.last + 1; number > 0 && number >= numbers.first; number--) {
		struct log_file file;
		if (log_file_open(folder_fd, number, &file, err) < 0) {
			if (err->kind != ERROR_NOT_FOUND)
				return -1;
			/* It has just gone, for being the oldest. */
			error_clear(err);
			break;
		}
		cleanup_close int fd = file.fd;
		tail.fd = fd;
		int is_found = fd < 0 ? 0 : search_file(&tail, err);
		if (is_found < 0)
			return -1;
		if (is_found) {
			*ret_position = (struct log_position){number, tail.end};
			return 0;
		}
	}
	return log_find_start(folder_fd, ret_position, err);
}
