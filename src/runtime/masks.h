/* What Docker hides of /proc and /sys, and what it makes read-only. */
#pragma once

#include "base/error.h"
#include "base/json.h"

/* `null_fd`: a checked /dev/null (devices.h). Paths that this kernel does not have are passed over. */
int masks_apply(int root_fd, int null_fd, struct error *err);
/* The paths, as `inspect` tells them: those that are hidden, or those that are read-only. */
json_t *masks_list(bool read_only);
