/* Where the last lines of a log begin. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

/* The offset of the last `lines` lines among the first `size` bytes, found from the end backwards. */
int log_tail_find(int log_fd, off_t size, int64_t lines, off_t *ret_offset, struct error *err);
