/*
 * What a program of somebody else's finds of signals when it starts. Both the mask and "ignore" outlive an exec, so
 * whoever started us (cron, nohup, a script's `&`) would otherwise decide whether Ctrl-C works in a container.
 */
#pragma once

/* Every signal gets its default action, and none is blocked. Between fork and exec; allocates nothing. */
void signals_reset(void);
