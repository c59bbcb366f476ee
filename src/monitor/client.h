/*
 * The near side of an attach connection: copies our standard input to the container and its output to ours, passes
 * terminal size and signals on, until the connection ends.
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

struct attach_options {
	int connection_fd;
	bool input;			   /* -i: read our standard input */
	bool hides_output, hides_problems; /* --attach: what the container says on them is not shown */
	bool terminal;			   /* -t: our terminal goes raw and is restored on every way out */
	bool pass_signals;		   /* --sig-proxy */
	const char *detach_keys;	   /* "ctrl-p,ctrl-q"; NULL: none */
};

enum attach_end { ATTACH_EXITED, ATTACH_DETACHED };

/*
 * Returns when the connection has ended after an exit code, which is when the container's cleanup is done
 * (ATTACH_EXITED; ret_exit_code is set for this one only), or when the detach keys were typed (ATTACH_DETACHED, with a
 * terminal only). A connection that ends without an exit code is ERROR_SYSTEM: the monitor was killed.
 *
 * The end of our input is the end of the container's, but not with a terminal. Standard input may be anything, closed
 * too. Where our output's reader is gone we die by SIGPIPE, and with a terminal by SIGHUP, SIGINT, SIGQUIT and SIGTERM
 * sent to us, after the terminal is restored; the container goes on. Without a terminal these and SIGUSR1, SIGUSR2 and
 * SIGALRM are passed on to it if pass_signals is set. The caller has one thread.
 */
int attach_run(const struct attach_options *options, enum attach_end *ret_end, int *ret_exit_code, struct error *err);
