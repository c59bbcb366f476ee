/*
 * Signals by name, and what a program of somebody else's finds of them when it starts. Both the mask and "ignore"
 * outlive an exec, so whoever started us (cron, nohup, a script's `&`) would otherwise decide whether Ctrl-C works in a
 * container.
 */
#pragma once

#include "base/error.h"

/* Every signal gets its default action, and none is blocked. Between fork and exec; allocates nothing. */
void signals_reset(void);

/* "SIGTERM", "term", "15", "SIGRTMIN+3". ERROR_INVALID "invalid signal: X". */
int signal_parse(const char *text, int *ret_number, struct error *err);
