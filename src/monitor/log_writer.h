/*
 * Writes output as lines of a CRI log (protocol.h). A chunk becomes records at once, all with the time at which it was
 * read: "F" where it has a newline, "P" for an end without one and for parts of LOG_PART_LIMIT bytes. So nothing of it
 * stays in this process, and a monitor that is killed loses nothing that it has read.
 *
 * A log that cannot be written (a full disk) never stops the container: the records are dropped and counted, and as
 * soon as writing works again a line "coracle: N bytes of this log are lost: …" says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"

/* Bytes of text in one record. */
#define LOG_PART_LIMIT 16384

enum log_stream { LOG_STDOUT, LOG_STDERR };

struct log_writer {
	int fd;	      /* O_APPEND; -1: no log */
	bool is_torn; /* the file ends inside a record */
	uint64_t lost;
	int lost_errno;
	int64_t text_second; /* the second that `text` is of; -1: none */
	char text[20];	     /* "2026-11-24T03:04:05" and a NUL */
};

/* Looks at the file's end: a record that was cut off there is closed before the next one. */
void log_writer_init(struct log_writer *writer, int fd);
void log_write(struct log_writer *writer, enum log_stream stream, nanoseconds now, const char *bytes, size_t size);
/* Gives the pages of the buffer back. */
void log_trim(void);
