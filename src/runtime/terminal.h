/* A pseudo-terminal of the container's own devpts. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * Opens a pair in the container's /dev/pts; with `console` puts the slave on /dev/console. Neither is looked up by its
 * number's path (CVE-2025-52565): the master comes from the checked devpts, the slave from the master. Both descriptors
 * are owned.
 */
int terminal_open(int root_fd, bool console, int *ret_master, int *ret_slave, struct error *err);
/* Makes the slave the controlling terminal of the calling session. */
int terminal_control(int slave, struct error *err);
