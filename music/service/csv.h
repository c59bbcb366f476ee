/* Reading comma-separated values (RFC 4180): quoted fields, doubled quotes, line ends inside quotes, CRLF or LF. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#define CSV_FIELD_LIMIT 16    /* fields of a record */
#define CSV_RECORD_SIZE 65536 /* bytes of a record, quotes removed */

struct csv_record {
	const char *fields[CSV_FIELD_LIMIT]; /* point into text */
	size_t count;
	char text[CSV_RECORD_SIZE];
};

enum csv_result { CSV_RECORD, CSV_END, CSV_ERROR };

/* *line counts lines for messages: start with 1. On CSV_ERROR *ret_problem says what is wrong with that line. */
enum csv_result csv_read(FILE *file, struct csv_record *record, unsigned long *line, const char **ret_problem);
