/*
 * Writes output as records of a CRI log (protocol.h) into the files of log_files.h. A chunk becomes records at once,
 * all with the time at which it was read: "F" where it has a newline, "P" for an end without one and for parts of
 * LOG_PART_LIMIT bytes. So nothing of it stays in this process, and a monitor that is killed loses nothing that it has
 * read.
 *
 * A log that cannot be written (a full disk) never stops the container: the records are dropped and counted, and as
 * soon as writing works again a line "coracle: N bytes of this log are lost: …" says so.
 *
 * A file that the next record would make larger than max_size is turned over before it. A new file is made first, so
 * that where that fails the old one just goes on to grow; then two renames. Whatever of this is killed: each record is
 * in a file that readers find, and the next start goes on from there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* Bytes of text in one record. */
#define LOG_PART_LIMIT 16384

/* Of `left` bytes, those of the next record: up to a newline, which then stands behind them, or LOG_PART_LIMIT. */
size_t log_part_length(const char *bytes, size_t left, bool *ret_has_newline);

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_rotation {
	int folder_fd;	  /* of the files; -1: one file that grows */
	int64_t max_size; /* 0: no limit */
	int64_t keep;	  /* so many files stay beside container.log */
	int64_t number;	  /* that container.log gets when it is full */
};

struct log_writer {
	int fd; /* O_APPEND; -1: no log. Owned. */
	struct log_rotation rotation;
	uint64_t size;	 /* of the file */
	uint64_t limit;	 /* at which it is turned over */
	bool has_turned; /* since somebody made this false: there is a file to be compressed */
	bool is_torn;	 /* the file ends inside a record */
	uint64_t lost;
	int lost_errno;
	int64_t text_second; /* the second that `text` is of; -1: none */
	char text[20];	     /* "2026-11-24T03:04:05" and a NUL */
};

/* Looks at the file's end: a record that was cut off there is closed before the next one. `rotation` may be NULL. */
void log_writer_init(struct log_writer *writer, int fd, const struct log_rotation *rotation);
/* So much was lost before it came here; said as above. */
void log_lose(struct log_writer *writer, uint64_t bytes, int reason);
/* Without bytes: only what has been lost is said. */
void log_write(struct log_writer *writer, enum log_stream stream, nanoseconds now, const char *bytes, size_t size);
/* Gives the pages of the buffer back. */
void log_trim(void);
