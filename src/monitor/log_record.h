/* One line of a CRI log (protocol.h). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum log_source { LOG_FROM_STDOUT, LOG_FROM_STDERR };

/* No record's head is longer; what is is not one. */
#define LOG_HEAD_LIMIT 96

/* Borrowed from the line. */
struct log_record {
	const char *time; /* RFC 3339, checked for its alphabet only */
	size_t time_size;
	enum log_source source;
	bool is_full; /* F: the line ends here */
	const char *text;
	size_t size;
};

/* `line` is without its newline. False: not a record. */
bool log_record_parse(const char *line, size_t size, struct log_record *ret_record);
