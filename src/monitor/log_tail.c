#include "monitor/log_tail.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "monitor/log_record.h"

#define BLOCK_SIZE 65536

struct tail {
	int fd;
	int64_t wanted, found;
	bool has_last; /* a record has been seen: the file's last one is behind us */
	off_t end;     /* of the record that is looked for */
	off_t size;    /* of the file */
};

/* Looks at the record that begins at `start` and ends at tail->end. True: the wanted lines begin at its end. */
static int take_record(struct tail *tail, off_t start, struct error *err)
{
	char head[LOG_HEAD_LIMIT];
	size_t size = sizeof head;
	if ((off_t)size > tail->end - start)
		size = (size_t)(tail->end - start);
	ssize_t got = pread(tail->fd, head, size, start);
	if (got < 0)
		return error_set_errno(err, errno, "read the log");
	struct log_record record;
	size_t length = (size_t)got;
	if (length > 0 && head[length - 1] == '\n')
		length--;
	if (!log_record_parse(head, length, &record))
		return 0;
	/* A line's parts before its end count with it; those at the end of the file are a line that has no end yet. */
	if (!record.is_full && tail->has_last)
		return 0;
	tail->has_last = true;
	if (tail->found == tail->wanted)
		return 1;
	tail->found++;
	return 0;
}

int log_tail_find(int log_fd, off_t size, int64_t lines, off_t *ret_offset, struct error *err)
{
	struct tail tail = {.fd = log_fd, .wanted = lines, .end = size, .size = size};
	if (lines == 0) {
		*ret_offset = size;
		return 0;
	}
	cleanup_free char *block = allocate(BLOCK_SIZE);
	for (off_t block_end = size; block_end > 0;) {
		off_t block_start = block_end > BLOCK_SIZE ? block_end - BLOCK_SIZE : 0;
		ssize_t got = pread(log_fd, block, (size_t)(block_end - block_start), block_start);
		if (got != block_end - block_start)
			return got < 0 ? error_set_errno(err, errno, "read the log")
				       : error_set(err, ERROR_CORRUPT, "the log was cut while it was read");
		for (char *newline; got > 0 && (newline = memrchr(block, '\n', (size_t)got)); got = newline - block) {
			off_t start = block_start + (newline - block) + 1;
			int is_found = start < tail.end ? take_record(&tail, start, err) : 0;
			if (is_found < 0)
				return -1;
			if (is_found) {
				*ret_offset = tail.end;
				return 0;
			}
			tail.end = start;
		}
		block_end = block_start;
	}
	int is_found = take_record(&tail, 0, err);
	if (is_found < 0)
		return -1;
	*ret_offset = is_found ? tail.end : 0;
	return 0;
}
