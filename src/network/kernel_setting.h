/* Settings below /proc/sys/net of the network namespace that we are in. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

/*
 * Sets a setting ("net/ipv4/ip_forward") to a digit, where it is not that already. ret_exists (may be NULL) is false,
 * and nothing is done, where this kernel has no such setting; with NULL that is an error. Files are checked to be of
 * procfs, so that something mounted over /proc/sys cannot make us believe.
 */
int kernel_setting_ensure(const char *name, char digit, bool *ret_exists, struct error *err);
/* Its first character. */
int kernel_setting_read(const char *name, char *ret_digit, struct error *err);
