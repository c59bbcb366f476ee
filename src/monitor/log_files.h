/*
 * The files of a container's log, in its folder "logs":
 *     container.log        what is written to
 *     container.log.N      what it was before it was full; N counts from 1 and never comes again
 *     container.log.N.gz   the same, compressed (engine/log_compress.h)
 *     container.log.new    for the moment of a rotation; what a killed monitor leaves of it is overwritten
 * So the number of container.log is one more than the last one, and a file gets its number by one rename, after which
 * nothing is written to it. The oldest go; numbers are therefore without a gap but at the low end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LOG_NAME     "container.log"
#define LOG_NAME_NEW "container.log.new"
/* Holds any name of a log file and its NUL. */
#define LOG_NAME_SIZE 48

/* "container.log.N", then `suffix`. */
void log_name_numbered(char name[LOG_NAME_SIZE], uint64_t number, const char *suffix);

struct log_numbers {
	uint64_t first, last; /* of the files that have one; 0, 0: none has */
};
int log_numbers_read(int folder_fd, struct log_numbers *ret_numbers, struct error *err);

/*
 * The file of a number, at its start; a compressed one as a nameless file that holds it plain. *ret_fd is owned; -1
 * where the log does not reach so far yet. ERROR_NOT_FOUND where the file has been removed.
 */
struct log_file {
	int fd;
	bool is_growing; /* it is container.log */
};
int log_file_open(int folder_fd, uint64_t number, struct log_file *ret_file, struct error *err);

/* Whether `fd`, which was container.log, is it no more: then nothing is written to it any more either. */
bool log_file_was_rotated(int folder_fd, int fd);

/* Removes all numbered files but the last `keep`. */
int log_files_limit(int folder_fd, uint64_t keep, struct error *err);
